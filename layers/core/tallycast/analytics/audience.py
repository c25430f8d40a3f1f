"""Downloads and listeners by week or month. Listeners are counted per period and never summed."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tallycast.analytics.model import Asked, Chart, Period, Standing
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced
from tallycast.measurement.rollups.listeners import days_of, period_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.measurement.rollups.model import Card, ListenerCount

Every = Literal["week", "month"]


class AudiencePeriod(Produced):
    """One week or month, whole."""

    name: str = Field(description="`2026-W47` (ISO 8601) or `2026-11`")
    first: date
    last: date
    downloads: int
    listeners: int | None = Field(
        description="Distinct listeners of this period; null when they are not counted yet. They "
        "add up over nothing"
    )
    status: Literal["final", "provisional"]
    counted_at: datetime | None


class Audience(Chart):
    """Downloads and listeners by period, in order."""

    standing: Standing
    every: Every
    periods: list[AudiencePeriod]

    def table(self) -> Table:
        """One row per period."""
        columns = ("period", "first", "last", "downloads", "listeners", "status", "counted_at")
        rows = (
            (each.name, each.first, each.last, each.downloads, each.listeners, each.status,
             each.counted_at)
            for each in self.periods
        )  # fmt: skip
        return Table(f"listeners-by-{self.every}", columns, rows)


def whole(period: Period, every: Every) -> Period:
    """The period with the weeks or months at its ends made whole."""
    return Period(
        days_of(every, period_of(every, period.first))[0],
        days_of(every, period_of(every, period.last))[1],
    )


def audience(
    asked: Asked, cards: Sequence[Card], counts: Sequence[ListenerCount], every: Every
) -> Audience:
    """Downloads and listeners of every week or month of a period (made `whole`)."""
    listeners = {count.name: count for count in counts}
    downloads: dict[str, int] = {}
    for card in cards:
        name = period_of(every, card.day)
        downloads[name] = downloads.get(name, 0) + card.downloads
    names = dict.fromkeys(period_of(every, day) for day in asked.period)
    return Audience(
        standing=asked.standing,
        every=every,
        periods=[
            _period(asked.standing, every, name, downloads.get(name, 0), listeners.get(name))
            for name in names
        ],
    )


def _period(
    standing: Standing, every: Every, name: str, downloads: int, count: ListenerCount | None
) -> AudiencePeriod:
    first, last = days_of(every, name)
    open_days = any(
        span.status in {"provisional", "waiting"} and span.first <= last and span.last >= first
        for span in standing.days
    )
    is_final = standing.status == "final" or (
        not open_days and count is not None and count.status == "final"
    )
    return AudiencePeriod(
        name=name,
        first=first,
        last=last,
        downloads=downloads,
        listeners=None if count is None else count.listeners,
        status="final" if is_final else "provisional",
        counted_at=None if count is None else count.counted_at,
    )
