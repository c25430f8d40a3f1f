"""How a poll ended, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.feeds.feed import PollMessage
    from tallycast.kernel.errors import TallycastError


class Outcome(StrEnum):
    """How a poll ended."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    RETIRED = "retired"
    VOID = "void"


COUNTS = ("new", "updated", "moved", "gone", "returned", "unchanged", "quarantined")


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll found. Counts are of episodes; `unchanged` includes those not parsed again.

    `imported` says that this was the feed's first reading: its episodes are a back catalogue.
    `again` is the message for the rest of a document that has more changes than one poll writes.
    """

    outcome: Outcome
    new: int = 0
    updated: int = 0
    moved: int = 0
    gone: int = 0
    returned: int = 0
    unchanged: int = 0
    quarantined: int = 0
    moved_to: str | None = None
    error: TallycastError | None = None
    quality: float | None = None
    newest_published: datetime | None = None
    imported: bool = False
    again: PollMessage | None = None

    def counts(self) -> dict[str, int]:
        """The numbers of episodes, by what became of them."""
        return {name: getattr(self, name) for name in COUNTS}
