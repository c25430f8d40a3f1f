"""Writing XML as text, escaped and no more, because documents here may be ill-formed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr  # writes only, reads nothing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

NAMESPACES = {
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
    "psc": "http://podlove.org/simple-chapters",
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}
# Known to HTML and to no XML reader without its DTD.
UNDEFINED_ENTITIES = " Don&rsquo;t&nbsp;miss it&hellip;"


def text(name: str, value: object, attributes: Mapping[str, object] | None = None) -> str:
    """`<name …>value</name>` on a line of its own; nothing at all when the value is None."""
    if value is None:
        return ""
    return f"<{name}{_attributes(attributes)}>{escape(str(value))}</{name}>\n"


def empty(name: str, attributes: Mapping[str, object]) -> str:
    """`<name …/>`; attributes that are None are left out."""
    return f"<{name}{_attributes(attributes)}/>\n"


def block(name: str, inner: Iterable[str], attributes: Mapping[str, object] | None = None) -> str:
    """An element around markup that is already written."""
    return f"<{name}{_attributes(attributes)}>\n{''.join(inner)}</{name}>\n"


def declared(*prefixes: str) -> dict[str, object]:
    """The `xmlns:…` attributes for these prefixes."""
    return {f"xmlns:{prefix}": NAMESPACES[prefix] for prefix in prefixes}


def iso(moment: datetime) -> str:
    """`2026-01-12T06:00:00Z`, for a moment in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(seconds: int) -> str:
    """`h:mm:ss`, as `itunes:duration` likes it."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def yes_no(value: object) -> str:
    """The iTunes way of saying a boolean."""
    return "true" if value else "false"


def _attributes(attributes: Mapping[str, object] | None) -> str:
    return "".join(
        f" {name}={quoteattr(str(value))}"
        for name, value in (attributes or {}).items()
        if value is not None
    )
