"""Downloads since release, hour by hour, of several episodes beside their show's median.

Curves are aligned on the hour of the release: the clock hour in which it falls is the first one. A
download before it is in the first hour.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING, Final

from pydantic import Field

from tallycast.analytics.hours import minutes_of
from tallycast.analytics.model import Chart, Period, Standing
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallycast.measurement.rollups.model import Card

MOST_EPISODES: Final = 8
MOST_COMPARED: Final = 20  # episodes that the median is made of
FIRST_DAY: Final = 24
_EPOCH: Final = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 - a date


class Curve(Produced):
    """One episode's downloads since its release."""

    episode_id: str
    title: str | None
    published: datetime
    downloads: list[int] = Field(
        description="After 1, 2, 3 … hours, the hour of the release being the first; it ends where "
        "the hours asked for end, or now"
    )


class MedianCurve(Produced):
    """What the show's episodes had after as many hours."""

    episodes: int = Field(
        description="How many are compared: the newest, at most 20, that are old enough and were "
        "counted from their first day on"
    )
    downloads: list[float] = Field(description="Empty when there is none to compare with")


class Curves(Chart):
    """Curves of several episodes and the median of their show."""

    standing: Standing
    hours: int
    curves: list[Curve]
    median: MedianCurve

    def table(self) -> Table:
        """One row per hour, one column per episode."""
        columns = ["hour", *(curve.episode_id for curve in self.curves), "median"]
        lists: list[Sequence[float]] = [curve.downloads for curve in self.curves]
        lists.append(self.median.downloads)
        rows = (
            [hour + 1, *(each[hour] if hour < len(each) else None for each in lists)]
            for hour in range(self.hours)
        )
        return Table("curves", columns, rows)


def days_of_curve(released: datetime, hours: int) -> Period:
    """The days whose cards have the first hours, whatever the time zone; and the day before."""
    return Period(
        released.date() - timedelta(days=1),
        (released + timedelta(hours=hours)).date() + timedelta(days=1),
    )


def by_hour_of_age(released: datetime, cards: Iterable[Card], hours: int) -> list[int]:
    """An episode's downloads in each of its first hours."""
    minute = released.timestamp() / 60
    counts = [0] * hours
    for card in cards:
        midnight = (card.day.toordinal() - _EPOCH) * 1440
        for hour in card.hours:
            begins = midnight + hour.hour * 60 - minutes_of(hour.offset)
            # The hour in which the release falls begins less than an hour before it.
            age = max(0, -int((minute - begins) // 60))
            if age < hours:
                counts[age] += hour.downloads
    return counts


def curve_of(
    episode_id: str,
    title: str | None,
    released: datetime,
    cards: Iterable[Card],
    *,
    hours: int,
    now: datetime,
) -> Curve:
    """One episode's curve, up to now."""
    passed = math.ceil((now - released).total_seconds() / 3600)
    counts = by_hour_of_age(released, cards, hours)[: max(passed, 0)]
    return Curve(
        episode_id=episode_id, title=title, published=released, downloads=list(accumulate(counts))
    )


def median_of(curves: Sequence[Curve], hours: int) -> MedianCurve:
    """The median of an odd number of curves at each hour, the mean of the middle two of an even.

    Compared are the curves that have all the hours and downloads on the first day: an episode that
    was released before its downloads were counted says nothing.
    """
    compared = [
        curve.downloads
        for curve in curves
        if len(curve.downloads) == hours and curve.downloads[min(FIRST_DAY, hours) - 1]
    ]
    at_each = zip(*compared, strict=True)
    return MedianCurve(episodes=len(compared), downloads=[float(median(each)) for each in at_each])
