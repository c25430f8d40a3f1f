"""Which UTC days of requests a reporting day is counted from, and the reverse.

Requests lie by UTC day. A reporting day is a local day of each show's time zone, so it may need
the UTC day before and after; windows that don't end at midnight need still more.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Collection

_DAY = timedelta(days=1)
# The local date differs from the UTC date by at most one day, whatever the zone.
_FARTHEST_ZONE_DAYS = 1


def span(day: date, zones: Collection[str]) -> tuple[datetime, datetime]:
    """From when to when, in UTC, it is that day in any of the zones. The end is not included."""
    starts = [_midnight(day, zone) for zone in zones]
    ends = [_midnight(day + _DAY, zone) for zone in zones]
    return min(starts), max(ends)


def partitions(day: date, zones: Collection[str], *, back: int = 0, ahead: int = 0) -> list[date]:
    """The UTC days whose requests the count of a reporting day reads, in order.

    Args:
        day: the reporting day.
        zones: IANA names of the shows' reporting time zones, at least one.
        back: how many days before the day its windows may begin.
        ahead: how many days after the day its windows may end.
    """
    start, end = span(day, zones)
    first = start.date() - back * _DAY
    last = (end - timedelta(microseconds=1)).date() + ahead * _DAY
    return [first + number * _DAY for number in range((last - first).days + 1)]


def touched(utc_day: date, zones: Collection[str], *, back: int = 0, ahead: int = 0) -> list[date]:
    """The reporting days whose count changes when requests of a UTC day change, in order."""
    reach = _FARTHEST_ZONE_DAYS + max(back, ahead)
    candidates = (utc_day + number * _DAY for number in range(-reach, reach + 1))
    return [day for day in candidates if utc_day in partitions(day, zones, back=back, ahead=ahead)]


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)
