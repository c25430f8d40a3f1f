"""Two readings of one feed, compared by identity: what is new, updated, gone or moved."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tallycast.feeds.files import file_parameters
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

    Addresses of media files count with scheme, host, prefixes and path, but without their query,
    because tokens rotate there; only what says which file it is counts of it
    (`files.file_parameters`). The same on every machine and version of Python.

    An episode's fields are written by name and the empty ones not at all: a field added to it
    leaves the fingerprints of episodes without it as they are. The values inside (persons,
    transcripts …) are written whole, by place: a field added there changes every episode that
    has such a value.
    """
    names: list[str] = []
    texts: list[str] = []
    written: list[object] = []
    for name, value in zip(_NAMES, _values(episode), strict=True):
        if type(value) is str:  # most are: spare them the call, and long ones the quoting
            names.append(name)
            texts.append(value)
            written.append(len(value))
        elif value is not None and value is not False and value != ():
            names.append(name)
            written.append(_WRITERS[type(value)](value))
    # `ascii` quotes: different values give different texts, and the same ones everywhere.
    head = f"{' '.join(names)} {written!a}"
    data = b"".join([text.encode("utf-8", "surrogatepass") for text in (head, *texts)])
    return hashlib.sha256(data).hexdigest()[: 2 * FINGERPRINT_BYTES]


def _identity(episode: Episode) -> tuple[str, str]:
    return episode.identity, episode.identity_value


class _Writers(dict[type, "Callable[[Any], object]"]):
    """What turns a value of the normal form into tuples, texts and numbers, by its class."""

    def __missing__(self, kind: type) -> Callable[[Any], object]:
        values = attrgetter(*(field.name for field in fields(kind)))
        nested = [place for place, field in enumerate(fields(kind)) if not _is_flat(field.type)]

        def write_address(value: object) -> object:
            address, *others = values(value)
            path, _, query = address.partition("?")
            which = file_parameters(address) if query else ""
            return f"{path}?{which}" if which else path, *others

        def write_nested(value: object) -> object:
            written = list(values(value))
            for place in nested:
                written[place] = self[type(written[place])](written[place])
            return written

        if kind in _MEDIA_FILES:
            self[kind] = write_address
        else:
            self[kind] = write_nested if nested else values
        return self[kind]


def _is_flat(annotation: object) -> bool:
    """Whether a field, by its annotation in the model, holds nothing with fields of its own."""
    return _PLAIN.issuperset(re.findall(r"\w+", str(annotation)))


def _write_all(values: tuple[object, ...]) -> object:
    """Many values, which in the normal form are of one class."""
    return list(map(_WRITERS[type(values[0])], values)) if values else ()


def _as_it_is(value: object) -> object:
    return value


_NAMES = tuple(field.name for field in fields(Episode))
_values = attrgetter(*_NAMES)
_PLAIN = frozenset({"str", "int", "float", "bool", "None"})
# The first field of these is an address whose query does not count.
_MEDIA_FILES = frozenset({Enclosure, Source})
_WRITERS = _Writers(dict.fromkeys((str, int, float, bool, type(None)), _as_it_is))
_WRITERS[tuple] = _write_all
_WRITERS[datetime] = datetime.timestamp
