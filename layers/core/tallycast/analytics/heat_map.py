"""Downloads by weekday and local hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from tallycast.analytics.model import Asked, Chart, Standing
from tallycast.analytics.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.measurement.rollups.model import Card

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class HeatMap(Chart):
    """Downloads by weekday and local hour; they add up to the period's."""

    standing: Standing
    downloads: int
    cells: list[list[int]] = Field(
        description="7 lists, Monday first, of 24 hours. Both hours from 2 to 3 of an autumn night "
        "are in hour 2"
    )
    days: list[int] = Field(
        description="How often each weekday is in the period: divide by it for averages"
    )

    def table(self) -> Table:
        """One row per cell."""
        rows = (
            (WEEKDAYS[weekday], hour, downloads, self.days[weekday])
            for weekday, hours in enumerate(self.cells)
            for hour, downloads in enumerate(hours)
        )
        return Table("heat-map", ("weekday", "hour", "downloads", "days"), rows)


def heat_map(asked: Asked, cards: Sequence[Card]) -> HeatMap:
    """The heat map of a period, from its day cards."""
    cells = [[0] * 24 for _ in WEEKDAYS]
    days = [0] * len(WEEKDAYS)
    for day in asked.period:
        days[day.weekday()] += 1
    for card in cards:
        hours = cells[card.day.weekday()]
        for hour in card.hours:
            hours[hour.hour] += hour.downloads
    return HeatMap(
        standing=asked.standing,
        downloads=sum(card.downloads for card in cards),
        cells=cells,
        days=days,
    )
