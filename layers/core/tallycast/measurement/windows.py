"""Windows: the time in which one listener's requests for one episode are one download.

IAB v2.3 §5.5.1. A window opens with the first request that passed the filters. Requests at the
very end of 24 hours open the next one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, tzinfo

Window = Literal["calendar", "rolling", "extending"]
WINDOWS: Final[tuple[Window, ...]] = ("calendar", "rolling", "extending")
DAY: Final = timedelta(hours=24)


def reporting_day(moment: datetime, zone: tzinfo) -> date:
    """The local date of an aware moment in the show's reporting time zone."""
    return moment.astimezone(zone).date()


def day_bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The first moment of a local day and of the next one, as naive UTC like all our tables.

    A day is 23 or 25 hours long when the clocks change. Where midnight itself is left out, the
    day starts when the clocks go on; where it comes twice, at the first.
    """
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    utc = start.astimezone(ZoneInfo("UTC"))
    if utc.astimezone(zone).date() < day:  # pragma: no cover - no zone rule does it today
        utc += timedelta(hours=1)
    return utc.replace(tzinfo=None)


def openings(times: Sequence[datetime], window: Window, zone: tzinfo) -> list[datetime]:
    """For each of the sorted aware times, the first time of the window it falls into."""
    opened: list[datetime] = []
    for index, moment in enumerate(times):
        if index == 0:
            opened.append(moment)
            continue
        first, last = opened[-1], times[index - 1]
        same = {
            "calendar": reporting_day(first, zone) == reporting_day(moment, zone),
            "rolling": moment - first < DAY,
            "extending": moment - last < DAY,
        }[window]
        opened.append(first if same else moment)
    return opened


def counts(times: Sequence[datetime], window: Window, zone: tzinfo) -> list[int]:
    """1 for each time that opens a window, else 0 (the golden table of §5.5.1)."""
    starts = openings(times, window, zone)
    return [int(index == 0 or start != starts[index - 1]) for index, start in enumerate(starts)]


def offsets_in(date_utc: date, zone: tzinfo) -> tuple[int, datetime | None, int | None]:
    """How many seconds local time is ahead during a UTC date: at first, and from when otherwise.

    Returns:
        (offset, None, None), or (offset, naive UTC moment of the change, offset from then on).
    """
    utc = ZoneInfo("UTC")
    start = datetime(date_utc.year, date_utc.month, date_utc.day, tzinfo=utc)

    def ahead(second: int) -> int:
        offset = (start + timedelta(seconds=second)).astimezone(zone).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    first, last = 0, 86_399
    before, after = ahead(first), ahead(last)
    if before == after:
        return before, None, None
    while last - first > 1:
        middle = (first + last) // 2
        if ahead(middle) == before:
            first = middle
        else:
            last = middle
    return before, (start + timedelta(seconds=last)).replace(tzinfo=None), after
