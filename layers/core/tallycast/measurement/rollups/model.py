"""The numbers of one day: what a card holds and how it is read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

Scope = Literal["tenant", "show", "episode"]
Status = Literal["provisional", "final"]
Period = Literal["week", "month"]
T = TypeVar("T")

# Days since release by which downloads are told apart; a bucket holds the downloads between the
# bound before it and its own, so that the buckets add up and their running sums are the totals.
AGE_DAYS: Final = (1, 3, 7, 30, 90)
AGE_BUCKETS: Final = (*(str(days) for days in AGE_DAYS), "older", "unknown")
# What a download is broken down by, and the column of DOWNLOADS that says so.
DIMENSIONS: Final[Mapping[str, str]] = {
    "apps": "app",
    "devices": "category",
    "countries": "country",
    "referrers": "referrer",
    "sources": "source",
    "networks": "network",
}
MOST_VALUES: Final = 200  # values a breakdown names; the rest is summed in `other`
UNKNOWN: Final = "unknown"  # stands for NULL in breakdowns


@dataclass(frozen=True, slots=True)
class Thing:
    """What numbers are asked of, and under which rules; a tenant as a whole has its name as id."""

    tenant: str
    rules: str
    scope: Scope
    id: str


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Downloads by one property: the most frequent values by name, the rest together.

    `values` is ordered by downloads, then by name; values and `other` add up to the downloads.
    """

    values: Mapping[str, int] = field(default_factory=dict)
    other: int = 0

    @property
    def total(self) -> int:
        """All downloads."""
        return sum(self.values.values()) + self.other


@dataclass(frozen=True, slots=True)
class Hour:
    """Downloads of one local hour; `offset` tells the two hours of an autumn night apart."""

    hour: int
    offset: str  # of local time from UTC, `+01:00`
    downloads: int


@dataclass(frozen=True, slots=True)
class CountInfo:
    """What is known of the count that a card comes from.

    Attributes:
        rules: name of the rule set; `rules_digest` stands for its exact contents.
        reference: versions of the reference data, by name.
        version: number of the count of this day; a card keeps that of the count which made it.
    """

    tenant: str
    rules: str
    counted_at: datetime
    status: Status = "provisional"
    version: int = 1
    rules_digest: str = ""
    reference: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """The numbers of one show, episode or tenant on one reporting day.

    Attributes:
        id: of the show or episode; for the scope `tenant` the tenant's name.
        show_id: the show of an episode; '' where none is known.
        requests: requests whose media it is, counted or not: the sum of `waterfall`.
        listeners: distinct listeners of this day. They do not add up over days, nor over episodes.
        hours: by local hour; only hours with downloads.
        breakdowns: by the names of `DIMENSIONS`.
        episodes: downloads by episode, most first: of a show all, of a tenant the first 200.
        shows: of a tenant, downloads by show, most first, the first 200.
        waterfall: requests by verdict.
        ages: downloads by `AGE_BUCKETS`. A download before the stated release is in the first.
    """

    count: CountInfo
    scope: Scope
    id: str
    day: date
    show_id: str
    downloads: int
    requests: int
    listeners: int
    hours: tuple[Hour, ...] = ()
    breakdowns: Mapping[str, Breakdown] = field(default_factory=dict)
    episodes: Breakdown = field(default_factory=Breakdown)
    shows: Breakdown = field(default_factory=Breakdown)
    waterfall: Mapping[str, int] = field(default_factory=dict)
    ages: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Stands for all that a reader sees, but not for when it was counted.

        The same digest again means that there is nothing to write.
        """
        facts = [
            self.scope, self.id, self.day.isoformat(), self.show_id,
            self.downloads, self.requests, self.listeners,
            self.count.status, self.count.rules_digest, dict(self.count.reference),
            numbers_of(self), list(self.episodes.values.items()), self.episodes.other,
        ]  # fmt: skip
        return hashlib.sha256(_json(facts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `cursor` goes on behind it, None at the end."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class AgeTotals:
    """Downloads of an episode since its release, by day of age, cumulative.

    `within` is by `AGE_DAYS`: the downloads in the first 1, 3, 7, 30, 90 days. `all_time` also has
    those whose age is not known.
    """

    episode_id: str
    within: Mapping[int, int]
    all_time: int
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class ListenerCount:
    """Distinct listeners (IP and user agent) of a stated period, counted exactly."""

    tenant: str
    rules: str
    scope: Scope
    id: str
    period: Period
    name: str  # `2026-W47`, `2026-11`
    first: date
    last: date
    listeners: int
    counted_at: datetime
    status: Status = "provisional"


def cumulative(ages: Mapping[str, int]) -> dict[int, int]:
    """Running sums of age buckets: downloads within 1, 3, 7, 30 and 90 days of release."""
    total = 0
    found = {}
    for days in AGE_DAYS:
        total += ages.get(str(days), 0)
        found[days] = total
    return found


def numbers_of(card: Card) -> dict[str, object]:
    """The numbers of a card that lie together in one document; episodes lie in pages."""
    return {
        "hours": {f"{h.hour:02d}{h.offset}": h.downloads for h in card.hours},
        "breakdowns": {
            name: {"values": dict(part.values), "other": part.other}
            for name, part in card.breakdowns.items()
        },
        "shows": {"values": dict(card.shows.values), "other": card.shows.other},
        "waterfall": dict(card.waterfall),
        "ages": dict(card.ages),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
