"""How much of a feed is read: what lies beyond is cut or refused, and always said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one document.

    Text lengths are in characters: longer text is cut, with a warning. `episodes` and `list`
    (parts of one kind in one item: persons, transcripts, chapters …) are cut with a warning too.
    `depth`, `tags` and `attributes` are structure: past them the document is refused
    (`FeedTooComplexError`), because reading on is what such a document is made for.
    `tolerant_tags` is the same bound for the slow road, which takes about 10 µs a tag.
    """

    episodes: int = 20_000
    list: int = 1_000
    title: int = 1_000
    description: int = 64_000
    text: int = 4_000
    url: int = 4_000
    guid: int = 4_000
    raw: int = 2_000
    depth: int = 64
    tags: int = 2_000_000
    attributes: int = 2_000_000
    tolerant_tags: int = 500_000
