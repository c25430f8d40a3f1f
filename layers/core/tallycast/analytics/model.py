"""What every chart shares: what is asked, how far its numbers stand, and how it becomes a table."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from tallycast.kernel.errors import InvalidError, NotFoundError
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallycast.analytics.tables import Table
    from tallycast.measurement.rollups.model import Thing

MOST_DAYS: Final = 400
_DAY: Final = timedelta(days=1)
DayStatus = Literal["final", "provisional", "waiting", "empty"]


class PeriodInvalidError(InvalidError):
    """The period ends before it begins, or is longer than this chart shows."""


class UnknownRulesError(InvalidError):
    """The tenant counts by no rule set of this name."""


class EpisodeNotFoundError(NotFoundError):
    """The show has no such episode."""


@dataclass(frozen=True, slots=True)
class Period:
    """Reporting days from `first` to `last`, both included."""

    first: date
    last: date

    @classmethod
    def of(
        cls, first: date | None, last: date | None, *, today: date, usual: int, most: int
    ) -> Period:
        """The period that is asked for.

        Args:
            first: first day; None for `usual` days up to the last.
            last: last day; None for today.
            today: the day it is.
            usual: days of a period whose first day is not given.
            most: days that the chart shows at most.

        Raises:
            PeriodInvalidError: it ends before it begins, or has more than `most` days.
        """
        last = today if last is None else last
        first = last - (usual - 1) * _DAY if first is None else first
        period = cls(first, last)
        if last < first:
            raise PeriodInvalidError(
                f"the period ends on {last}, before it begins on {first}: swap `first` and `last`"
            )
        if len(period) > most:
            raise PeriodInvalidError(
                f"the period has {len(period)} days and this chart shows at most {most}: "
                "ask for it in parts"
            )
        return period

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + number * _DAY for number in range(len(self)))

    def earlier(self, days: int) -> Period:
        """The same with so many days more before it."""
        return Period(self.first - days * _DAY, self.last)


class DaySpan(Produced):
    """Days in a row that stand alike."""

    first: date
    last: date
    status: DayStatus = Field(
        description="final: changes only by a recorded restatement; provisional: late requests may "
        "still change it; waiting: has requests that are not counted yet; empty: has no requests"
    )


class Standing(Produced):
    """By which rules the numbers were counted, and how far they can still change."""

    rules: str = Field(description="Rule set; a count is only meaningful with its name")
    first: date
    last: date
    status: Literal["final", "provisional"] = Field(
        description="final when no day of the period can change but by a recorded restatement"
    )
    counted_at: datetime | None = Field(description="When a day of the period was counted last")
    days: list[DaySpan] = Field(description="The period in stretches of the same status")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about numbers, with all that answers to it have in common.

    Attributes:
        thing: the tenant, show or episode.
        period: the days.
        zone: IANA name of the time zone in which a day begins.
        standing: of the period.
        now: when it is asked.
    """

    thing: Thing
    period: Period
    zone: str
    standing: Standing
    now: datetime


class Chart(Produced):
    """An answer: as JSON it is itself, as CSV it is its table."""

    @abstractmethod
    def table(self) -> Table:
        """The numbers as rows."""
