"""OPML: the list of feeds that every podcast application can write and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

LARGEST = 5 * 1024 * 1024
_MOST = 10_000


class NotOpmlError(PermanentError):
    """The file is no OPML subscription list."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One subscription."""

    url: str
    title: str | None = None


def read_opml(data: bytes) -> tuple[Outline, ...]:
    """The feeds of an OPML file, in order, each address once, however deep the folders.

    Raises:
        NotOpmlError: larger than 5 MB, not XML, not OPML, or without a single feed.
    """
    if len(data) > LARGEST:
        raise NotOpmlError("not OPML: larger than 5 MB", bytes=len(data))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, recover=False
    )
    try:
        root = etree.fromstring(data.strip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotOpmlError(f"not OPML: {error}") from error
    if etree.QName(root).localname.lower() != "opml":
        raise NotOpmlError(f"not OPML: the root is <{etree.QName(root).localname}>")
    found: dict[str, Outline] = {}
    for node in root.iter("outline"):
        attributes = {str(name).lower(): str(value) for name, value in node.attrib.items()}
        url = attributes.get("xmlurl", "").strip()
        if url and url not in found:
            found[url] = Outline(url, attributes.get("title") or attributes.get("text"))
    if not found:
        raise NotOpmlError("the OPML file names no feed (no outline has an xmlUrl)")
    if len(found) > _MOST:
        raise NotOpmlError(f"more than {_MOST} feeds in one file; split it", feeds=len(found))
    return tuple(found.values())


def write_opml(outlines: Iterable[Outline], *, title: str, created: datetime) -> bytes:
    """An OPML 2.0 file of subscriptions."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = title
    etree.SubElement(head, "dateCreated").text = created.strftime("%a, %d %b %Y %H:%M:%S GMT")
    body = etree.SubElement(root, "body")
    for outline in outlines:
        name = outline.title or outline.url
        etree.SubElement(body, "outline", type="rss", text=name, title=name, xmlUrl=outline.url)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
