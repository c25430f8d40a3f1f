"""The seal of a day: a file of its entries, and a digest that names the file and the seal before.

Digests are a chain of their own. One that is kept where nobody can change it (docs/audit.md) holds
fast everything that was logged before it.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from tallycast.identity.audit.chain import GENESIS, Entry
from tallycast.kernel import keys
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Sequence


class Digest(Produced):
    """What was logged on one day.

    Attributes:
        day: of UTC; an entry that came after its day was sealed is in the next digest.
        first: number of the first entry in the file; `last` of the last, `count` of all.
        head: hash of the last entry.
        file: the key of the file, JSON lines, one entry each; `bytes` long.
        sha256: of the file.
        previous: SHA-256 of the document of the digest before, 64 zeros for the first.
    """

    version: Literal["1"] = "1"
    tenant: str
    day: date
    first: int
    last: int
    count: int
    head: str
    file: str
    bytes: int
    sha256: str
    previous: str


class Seal(Produced):
    """How far a log is sealed: what the next digest goes on from."""

    last: int = 0
    head: str = GENESIS
    day: date | None = None
    digest: str = GENESIS


def day_of(entry: Entry, sealed: date | None) -> date:
    """The day in whose digest an entry stands: its own, unless that is sealed already."""
    own = datetime.fromisoformat(entry.at).date()
    return own if sealed is None else max(own, sealed + timedelta(days=1))


def file_of(texts: Sequence[str]) -> bytes:
    """The file that holds these entries, each as the table has it."""
    return "".join(f"{text}\n" for text in texts).encode()


def digest_of(tenant: str, day: date, entries: Sequence[Entry], file: bytes, seal: Seal) -> Digest:
    """The digest of a day's entries, behind the last seal."""
    first, last = entries[0].number, entries[-1].number
    return Digest(
        tenant=tenant,
        day=day,
        first=first,
        last=last,
        count=len(entries),
        head=entries[-1].hash,
        file=keys.audit_file(tenant, day.isoformat(), first, last),
        bytes=len(file),
        sha256=sha256(file),
        previous=seal.digest,
    )


def document_of(digest: Digest) -> bytes:
    """A digest as it is kept: these bytes are what the next digest's `previous` is the hash of."""
    return (digest.model_dump_json() + "\n").encode()


def seal_of(digest: Digest) -> Seal:
    """How far the log is sealed by this digest."""
    document = document_of(digest)
    return Seal(last=digest.last, head=digest.head, day=digest.day, digest=sha256(document))


def sha256(content: bytes) -> str:
    """As 64 hex digits."""
    return hashlib.sha256(content).hexdigest()
