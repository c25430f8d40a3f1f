"""Downloads of the last 7 and 30 days, on every day, beside those of as many days before."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from pydantic import Field

from tallycast.analytics.model import Asked, Chart, Standing
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.measurement.rollups.model import Card

LEAD_DAYS: Final = 59  # before the first day: the 30 days before its 30 days


class RollingWindow(Produced):
    """The downloads of some days, and of as many before them."""

    downloads: int
    before: int = Field(description="Of as many days right before")
    change: float | None = Field(
        description="(downloads - before) / before: 0.1 is 10 % more; null when there were none"
    )


class RollingDay(Produced):
    """The windows that end on a day."""

    day: date
    days_7: RollingWindow
    days_30: RollingWindow


class Rolling(Chart):
    """Rolling downloads; the last day is the newest."""

    standing: Standing = Field(description="Of all days that the windows reach back to")
    days: list[RollingDay]

    def table(self) -> Table:
        """One row per day."""
        columns = [
            "day", *(f"days_{n}{part}" for n in (7, 30) for part in ("", "_before", "_change")),
        ]  # fmt: skip
        rows = (
            (
                day.day,
                *(
                    value
                    for window in (day.days_7, day.days_30)
                    for value in (window.downloads, window.before, window.change)
                ),
            )
            for day in self.days
        )
        return Table("rolling", columns, rows)


def rolling(asked: Asked, cards: Sequence[Card]) -> Rolling:
    """Rolling downloads on each day of a period but its first 59, which the windows look back on.

    Args:
        asked: its period begins `LEAD_DAYS` before the first day shown.
        cards: the day cards of the whole period.
    """
    by_day = {card.day: card.downloads for card in cards}
    # sums[n] is the downloads of the first n days.
    sums = [0, *accumulate(by_day.get(day, 0) for day in asked.period)]
    shown = range(LEAD_DAYS + 1, len(sums))
    return Rolling(
        standing=asked.standing,
        days=[
            RollingDay(
                day=asked.period.first + timedelta(days=end - 1),
                days_7=_window(sums, end, 7),
                days_30=_window(sums, end, 30),
            )
            for end in shown
        ],
    )


def _window(sums: Sequence[int], end: int, days: int) -> RollingWindow:
    downloads = sums[end] - sums[end - days]
    before = sums[end - days] - sums[end - 2 * days]
    return RollingWindow(
        downloads=downloads,
        before=before,
        change=(downloads - before) / before if before else None,
    )
