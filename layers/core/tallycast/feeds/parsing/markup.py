"""Text of an XML element, also where HTML was put in it without being escaped."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from lxml.etree import _Element


def inner_markup(element: _Element, levels: int = 64) -> str:
    """What stands inside `element` as HTML: child elements under their local names.

    No deeper than so many levels: a recovered tree may be as deep as the parser lets it. Where
    there are only comments inside, the text is what it would be without them.
    """
    if not any(isinstance(child.tag, str) for child in element):
        return plain_text(element)
    inside = "".join(_markup(child, levels - 1) for child in element) if levels else ""
    return escape(element.text or "", quote=False) + inside


def plain_text(element: _Element) -> str:
    """The text right inside `element`, without child elements and comments."""
    return (element.text or "") + "".join(child.tail or "" for child in element)


def _markup(element: _Element, levels: int) -> str:
    tail = escape(element.tail or "", quote=False)
    if not isinstance(element.tag, str):
        return tail
    name = element.tag.rpartition("}")[2]
    attributes = "".join(
        f' {str(key).rpartition("}")[2]}="{escape(str(value))}"'
        for key, value in element.attrib.items()
    )
    inside = inner_markup(element, levels)
    return (
        f"<{name}{attributes}>{inside}</{name}>{tail}" if inside else f"<{name}{attributes}/>{tail}"
    )


def deeper_than(element: _Element, levels: int) -> bool:
    """Whether more than `levels` levels of elements lie below `element`."""
    return levels < 0 or bool(_reaches(levels + 1)(element))


@lru_cache(maxsize=64)
def _reaches(levels: int) -> etree.XPath:
    """Whether so many levels lie below: the parser's own search, which looks at each node once."""
    return etree.XPath(f"boolean({'/'.join('*' * levels)})")
