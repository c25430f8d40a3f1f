"""Downloads over time, in steps of an hour to a day, with the episodes released meanwhile."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from tallycast.analytics.hours import downloads_by_slot, label, slots_of
from tallycast.analytics.model import MOST_DAYS, Asked, Chart, Standing
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallycast.measurement.rollups.model import Card

Step = Literal["hour", "6h", "12h", "day"]
_HOURS: Final[Mapping[Step, int]] = {"6h": 6, "12h": 12}
# An answer has at most about 2,400 points.
MOST_DAYS_BY_STEP: Final[Mapping[Step, int]] = {
    "hour": 100, "6h": MOST_DAYS, "12h": MOST_DAYS, "day": MOST_DAYS,
}  # fmt: skip


class SeriesPoint(Produced):
    """One step."""

    at: str = Field(
        description="When it begins: a day, or a local hour with its offset from UTC "
        "(`2026-10-25T02:00+01:00`)"
    )
    downloads: int


class EpisodeMarker(Produced):
    """An episode that was released within the period."""

    episode_id: str
    title: str | None
    published: datetime
    day: date = Field(description="Local day of the release")


class DownloadSeries(Chart):
    """Downloads over time. Steps without downloads are there, with 0."""

    standing: Standing
    zone: str = Field(description="Time zone of the steps")
    step: Step
    downloads: int = Field(description="Of the whole period: the sum of the points")
    points: list[SeriesPoint]
    releases: list[EpisodeMarker] = Field(
        description="Episodes released within the period, in order; of a show, at most 200"
    )

    def table(self) -> Table:
        """One row per step."""
        rows = ((point.at, point.downloads) for point in self.points)
        return Table("downloads", ("at", "downloads"), rows)


def series(
    asked: Asked, cards: Sequence[Card], step: Step, releases: Sequence[EpisodeMarker] = ()
) -> DownloadSeries:
    """Downloads of a period, from its day cards.

    The steps of 6 and 12 hours begin at local midnight; on the nights when clocks change the first
    one is an hour shorter or longer.
    """
    by_day = {card.day: card for card in cards}
    points: list[SeriesPoint] = []
    for day in asked.period:
        card = by_day.get(day)
        if step == "day":
            points.append(SeriesPoint(at=day.isoformat(), downloads=card.downloads if card else 0))
        elif step == "hour":
            points += _by_hour(day, card, asked.zone)
        else:
            points += _by_hours(day, card, asked.zone, _HOURS[step])
    return DownloadSeries(
        standing=asked.standing,
        zone=asked.zone,
        step=step,
        downloads=sum(card.downloads for card in cards),
        points=points,
        releases=list(releases),
    )


def _by_hour(day: date, card: Card | None, zone: str) -> list[SeriesPoint]:
    """The hours of one day."""
    slots = slots_of(day, zone)
    return [
        SeriesPoint(at=label(day, slot), downloads=n)
        for slot, n in zip(slots, downloads_by_slot(card, slots), strict=True)
    ]


def _by_hours(day: date, card: Card | None, zone: str, hours: int) -> list[SeriesPoint]:
    """Steps of several hours of one day; each begins with the first of its hours that there is."""
    sums = [0] * (24 // hours)
    for hour in card.hours if card else ():
        sums[hour.hour // hours] += hour.downloads
    begins: dict[int, str] = {}
    for slot in slots_of(day, zone):
        if slot[0] // hours not in begins:
            begins[slot[0] // hours] = label(day, slot)
    return [SeriesPoint(at=begins[step], downloads=n) for step, n in enumerate(sums)]
