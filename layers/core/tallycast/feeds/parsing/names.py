"""Qualified XML names in one spelling: `title`, `itunes:duration`, `podcast:person`, `atom:link`.

Feeds bind any prefix, and several addresses mean the same vocabulary. Local names are in lower
case, because publishers are not careful with capitals.
"""

from __future__ import annotations

from functools import lru_cache

_PLAIN = (
    "",
    "http://backend.userland.com/rss2",
    "http://blogs.law.harvard.edu/tech/rss",
    "http://purl.org/rss/1.0/",
    "http://purl.org/net/rss1.1#",
    "http://my.netscape.com/rdf/simple/0.9/",
    "http://channel.netscape.com/rdf/simple/0.9/",
)
# By address in lower case and without scheme; the first of each prefix is the one to declare.
_VOCABULARIES = {
    "itunes": (
        "www.itunes.com/dtds/podcast-1.0.dtd",
        "itunes.com/dtds/podcast-1.0.dtd",
        "example.com/dtds/podcast-1.0.dtd",
    ),
    "podcast": (
        "podcastindex.org/namespace/1.0",
        "podcastindex.org/namespace/1.0/",
        "github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md",
    ),
    "atom": ("www.w3.org/2005/atom", "purl.org/atom/ns#"),
    "content": ("purl.org/rss/1.0/modules/content/",),
    "dc": ("purl.org/dc/elements/1.1/", "purl.org/dc/terms/", "purl.org/dc/elements/1.0/"),
    "media": ("search.yahoo.com/mrss/", "search.yahoo.com/mrss"),
    "psc": ("podlove.org/simple-chapters", "podlove.org/simple-chapters/"),
    "googleplay": (
        "www.google.com/schemas/play-podcasts/1.0",
        "www.google.com/schemas/play-podcasts/1.0/",
    ),
    "rdf": ("www.w3.org/1999/02/22-rdf-syntax-ns#",),
}
_PREFIX_BY_ADDRESS = {
    address: prefix for prefix, addresses in _VOCABULARIES.items() for address in addresses
}
_PREFIX_BY_ADDRESS.update((address.partition("://")[2], "") for address in _PLAIN)

# What to bind when a feed uses a well-known prefix and forgets to declare it.
USUAL_ADDRESS = {
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
    "atom": "http://www.w3.org/2005/Atom",
    "atom10": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "media": "http://search.yahoo.com/mrss/",
    "psc": "http://podlove.org/simple-chapters",
    "googleplay": "http://www.google.com/schemas/play-podcasts/1.0",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}
BASE = "{http://www.w3.org/XML/1998/namespace}base"
ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"


def vocabulary(address: str) -> str | None:
    """The prefix we know a namespace by (`""` for plain RSS), or None for a foreign one."""
    return _PREFIX_BY_ADDRESS.get(address.strip().partition("://")[2].lower() if address else "")


@lru_cache(maxsize=4096)
def plain_name(tag: object) -> str | None:
    """`{namespace}Local` in our spelling, or None when the namespace is not one of ours.

    What stands in the place of a tag for comments and entities is no text, and has no name.
    """
    if not isinstance(tag, str):
        return None
    address, closed, local = tag[1:].partition("}") if tag.startswith("{") else ("", "}", tag)
    if not closed:
        return None
    prefix = vocabulary(address)
    if prefix is None:
        return None
    return f"{prefix}:{local.lower()}" if prefix else local.lower()
