"""Two readings of one feed, compared by identity: what is new, updated, gone or moved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from tallycast.feeds.identity import enclosure_key
from tallycast.feeds.model import Enclosure, Episode, Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallycast.feeds.model import ParsedFeed

FINGERPRINT_BYTES = 16


@dataclass(frozen=True, slots=True)
class FeedDiff:
    """What changed between two documents; identity values, in document order.

    Attributes:
        common: how many episodes are in both.
        new: in the newer one only.
        updated: in both, with another fingerprint.
        gone: in the older one only. Gone from the feed is not deleted: feeds roll.
        moved: those of `updated` whose media file has another host or path, prefixes aside.
    """

    common: int
    new: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


def diff(old: ParsedFeed, new: ParsedFeed) -> FeedDiff:
    """Compare two readings of a feed, episode by episode."""
    before = {_identity(episode): episode for episode in old.episodes}
    now = {_identity(episode): episode for episode in new.episodes}
    common = [identity for identity in now if identity in before]
    updated = [
        identity
        for identity in common
        if fingerprint(before[identity]) != fingerprint(now[identity])
    ]
    return FeedDiff(
        common=len(common),
        new=tuple(value for kind, value in now if (kind, value) not in before),
        updated=tuple(value for _, value in updated),
        gone=tuple(value for kind, value in before if (kind, value) not in now),
        moved=tuple(
            identity[1] for identity in updated if has_moved(before[identity], now[identity])
        ),
    )


def has_moved(old: Episode, new: Episode) -> bool:
    """Whether an episode's file lies elsewhere: another host or path behind all prefixes."""
    if old.enclosure is None or new.enclosure is None:
        return False
    return enclosure_key(old.enclosure.url) != enclosure_key(new.enclosure.url)


def fingerprint(episode: Episode) -> str:
    """32 hex digits over the whole normal form of an episode.

    Addresses of media files count without their query, because tokens rotate there, but with
    scheme, host, prefixes and path. The same on every machine and version of Python.
    """
    pieces: list[str] = []
    _write(episode, pieces.append)
    text = "\x1f".join(pieces).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[: 2 * FINGERPRINT_BYTES]


def _identity(episode: Episode) -> tuple[str, str]:
    return episode.identity, episode.identity_value


class _Shapes(dict[type, "tuple[tuple[str, ...], Callable[[object], tuple[object, ...]]]"]):
    """Field names and a fast way to all values, by class of the normal form."""

    def __missing__(
        self, kind: type
    ) -> tuple[tuple[str, ...], Callable[[object], tuple[object, ...]]]:
        names = tuple(field.name for field in fields(kind))
        shape = self[kind] = (names, attrgetter(*names))
        return shape


_SHAPES = _Shapes()


def _write(value: object, put: Callable[[str], None]) -> None:
    """Write one value so that different values give different texts.

    Fields are written by name, and empty ones not at all: a field added to the normal form
    leaves the fingerprints of episodes without it as they are.
    """
    if isinstance(value, str):
        put(f"s{len(value)}:{value}")
    elif isinstance(value, tuple):
        put(f"({len(value)}")
        for one in value:
            _write(one, put)
    elif isinstance(value, datetime):
        put(f"t{value.timestamp():.0f}")
    elif is_dataclass(value):
        _write_fields(value, put)
    else:
        put(f"{type(value).__name__}{value!r}")


def _write_fields(value: object, put: Callable[[str], None]) -> None:
    kind = type(value)
    names, values = _SHAPES[kind]
    put(kind.__name__)
    for name, inside in zip(names, values(value), strict=True):
        if inside is None or inside is False or inside == ():
            continue
        put(name)
        if (name == "url" and kind is Enclosure) or (name == "uri" and kind is Source):
            put(str(inside).partition("?")[0])
        elif type(inside) is str:  # most are: spare them the call
            put(f"s{len(inside)}:{inside}")
        else:
            _write(inside, put)
    put(")")
