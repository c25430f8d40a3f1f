"""What is known of a feed's episodes: one small document per feed, compared with each new reading.

The episodes themselves are in DynamoDB. Reading all of them to find the one that is new would
cost a thousand reads a poll; the catalogue holds what the comparison needs (identity, fingerprint,
digest of the item's bytes) and is committed together with the poll's state.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from tallycast.feeds.comparison import fingerprint
from tallycast.feeds.identity import enclosure_key
from tallycast.kernel.errors import PermanentError
from tallycast.kernel.times import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallycast.feeds.model import Episode

_VERSION = 1

# What one reading may write: a table's partition takes about a thousand writes a second, and a
# poll must end. The rest is left for the next poll, which comes at once.
MOST_CHANGES = 4_000
# Gone episodes that a catalogue remembers; the table remembers all of them.
MOST_GONE = 20_000


class CatalogueUnreadableError(PermanentError):
    """The stored catalogue is damaged or of a version this code does not know."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One known episode. `item_digest` is of the item's bytes as last read, if it was cut."""

    fingerprint: str
    first_seen: str
    enclosure: str | None = None
    published: str | None = None
    item_digest: str | None = None
    gone_at: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """Digests of a cut document's head: of all its bytes, and of what its items inherit.

    When `inherited` changes, no item may be taken as read.
    """

    digest: str
    inherited: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All episodes a feed ever had, by identity (`guid:…`, `enclosure:…`, `title:…`).

    `head` is None when the document could not be cut. `read_whole_at` is when it was last parsed
    in full.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    head: Head | None = None
    read_whole_at: str | None = None

    def by_digest(self) -> dict[str, str]:
        """Identity by digest of the item's bytes, for the episodes present in the last reading."""
        return {
            entry.item_digest: identity
            for identity, entry in self.entries.items()
            if entry.item_digest and entry.gone_at is None
        }

    def to_bytes(self) -> bytes:
        """Gzipped JSON, the same bytes for the same catalogue."""
        document = {
            "version": _VERSION,
            "head": asdict(self.head) if self.head else None,
            "read_whole_at": self.read_whole_at,
            "entries": {
                identity: {k: v for k, v in asdict(entry).items() if v is not None}
                for identity, entry in self.entries.items()
            },
        }
        text = json.dumps(document, separators=(",", ":"))
        return gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=5, mtime=0)

    @classmethod
    def from_bytes(cls, data: bytes) -> Catalogue:
        """The reverse of `to_bytes`.

        Raises:
            CatalogueUnreadableError: damaged, or of an unknown version.
        """
        try:
            document = json.loads(gzip.decompress(data))
            if document["version"] == _VERSION:
                return cls(
                    entries={key: Entry(**value) for key, value in document["entries"].items()},
                    head=Head(**document["head"]) if document["head"] else None,
                    read_whole_at=document["read_whole_at"],
                )
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise CatalogueUnreadableError(f"catalogue cannot be read: {error}") from error
        raise CatalogueUnreadableError("catalogue of another version", found=document["version"])


@dataclass(frozen=True, slots=True)
class ReadEpisode:
    """An episode as just parsed, with the digest of its item's bytes when the document was cut."""

    episode: Episode
    item_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """An episode to be written, with its identity and its catalogue entry."""

    identity: str
    episode: Episode
    entry: Entry


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a reading means against what was known.

    `gone` left the document and are kept; `returned` are back unchanged after having been gone.
    `moved` counts those of `updated` whose enclosure changed its host or path. `rest` counts the
    changes left for the next reading of the same document.
    """

    new: tuple[Write, ...]
    updated: tuple[Write, ...]
    gone: tuple[str, ...]
    returned: tuple[str, ...]
    moved: int
    unchanged: int
    rest: int
    catalogue: Catalogue

    @property
    def changes(self) -> int:
        """How many episodes are to be written."""
        return len(self.new) + len(self.updated) + len(self.gone) + len(self.returned)


def identity_of(episode: Episode) -> str:
    """`guid:…`, `enclosure:…` or `title:…`: the text by which a show knows the episode."""
    return f"{episode.identity}:{episode.identity_value}"


def compare(
    known: Catalogue,
    parsed: Iterable[ReadEpisode],
    untouched: Iterable[str],
    *,
    now: str,
    head: Head | None,
    whole: bool,
    most: int = MOST_CHANGES,
) -> Comparison:
    """Compare a reading with the catalogue and make the next catalogue.

    Args:
        known: the catalogue of the last reading.
        parsed: the episodes that were parsed this time.
        untouched: identities present with the very bytes already read.
        now: the time of the reading, as text.
        head: the digests of the document's head, if it was cut.
        whole: every item was parsed.
        most: changes that may be written now.
    """
    entries = dict(known.entries)
    present = set()
    new: list[Write] = []
    updated: list[Write] = []
    returned: list[str] = []
    moved = unchanged = rest = 0
    for identity in untouched:
        present.add(identity)
        unchanged += 1
    for read in parsed:
        identity = identity_of(read.episode)
        present.add(identity)
        before = entries.get(identity)
        entry = _entry(read, first_seen=before.first_seen if before else now)
        to_write = (
            before is None or before.fingerprint != entry.fingerprint or before.gone_at is not None
        )
        if to_write and len(new) + len(updated) + len(returned) >= most:
            rest += 1
            continue
        entries[identity] = entry
        if before is None:
            new.append(Write(identity, read.episode, entry))
        elif before.fingerprint != entry.fingerprint:
            updated.append(Write(identity, read.episode, entry))
            moved += before.enclosure != entry.enclosure
        else:
            unchanged += 1
            if before.gone_at is not None:
                returned.append(identity)
    # A document without a single item says nothing of its episodes: hosts serve such by mistake.
    absent = [
        identity
        for identity, entry in entries.items()
        if present and identity not in present and entry.gone_at is None
    ]
    gone = tuple(absent[: max(0, most - len(new) - len(updated) - len(returned))])
    rest += len(absent) - len(gone)
    for identity in gone:
        entries[identity] = replace(entries[identity], gone_at=now, item_digest=None)
    return Comparison(
        new=tuple(new),
        updated=tuple(updated),
        gone=gone,
        returned=tuple(returned),
        moved=moved,
        unchanged=unchanged,
        rest=rest,
        catalogue=Catalogue(_bounded(entries), head, now if whole else known.read_whole_at),
    )


def _bounded(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Without those that have been gone the longest, when there are too many of them."""
    gone = [identity for identity, entry in entries.items() if entry.gone_at is not None]
    if len(gone) > MOST_GONE:
        gone.sort(key=lambda identity: entries[identity].gone_at or "")
        for identity in gone[: len(gone) - MOST_GONE]:
            del entries[identity]
    return entries


def _entry(read: ReadEpisode, first_seen: str) -> Entry:
    episode = read.episode
    return Entry(
        fingerprint=fingerprint(episode),
        first_seen=first_seen,
        enclosure=enclosure_key(episode.enclosure.url) if episode.enclosure else None,
        published=to_text(episode.published) if episode.published else None,
        item_digest=read.item_digest,
    )
