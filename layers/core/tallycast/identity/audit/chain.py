"""The chain: every entry holds the hash of the one before it, so that none can go or change."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from pydantic import Field

from tallycast.kernel.schema import Produced

GENESIS: Final = "0" * 64  # what the first entry holds as the hash before it


class Deed(Produced):
    """What somebody did, before it has its place in the chain.

    Attributes:
        actor: pseudonymous id of who did it, or `system:<function>`.
        action: the resource and a verb, `campaign.book`.
        target: id of what it was done to.
        request_id: of the API request, so that the log leads to the trace.
        details: facts worth keeping; no personal data, no secrets.
    """

    actor: str
    action: str = Field(pattern=r"^[a-z_]+\.[a-z_]+$")
    target: str
    request_id: str = ""
    details: dict[str, str | int | bool | None] = Field(default_factory=dict)


class Entry(Produced):
    """A deed in its place: numbered from 1, with the hash of the entry before and its own."""

    number: int
    at: str
    deed: Deed
    before: str
    hash: str


def entry_after(before: Entry | None, tenant: str, deed: Deed, at: str) -> Entry:
    """The next entry of a tenant's chain.

    Its time is never before that of the entry before: of two requests, the one that began first
    may be the second to be written. So the log is sorted by time as well, and a day is one stretch.

    Args:
        before: the last entry, None for the first.
        tenant: whose chain.
        deed: what was done.
        at: when, as `kernel.times.to_text` writes it.
    """
    number = before.number + 1 if before else 1
    previous = before.hash if before else GENESIS
    at = max(at, before.at) if before else at
    return Entry(
        number=number,
        at=at,
        deed=deed,
        before=previous,
        hash=hash_of(tenant, number, at, deed.model_dump(mode="json"), previous),
    )


def hash_of(tenant: str, number: int, at: str, deed: dict[str, Any], before: str) -> str:
    """SHA-256 over everything an entry says, in one canonical form."""
    text = json.dumps(
        [tenant, number, at, deed, before],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
