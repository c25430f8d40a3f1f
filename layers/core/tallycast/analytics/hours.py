"""The hours of local days: 23, 24 or 25 of them, and where a card's hours belong among them.

An hour is known by its number and its offset from UTC (`13`, `+01:00`), so that the two hours from
2 to 3 of an autumn night are two.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.measurement.rollups.model import Card

Slot = tuple[int, str]
_QUARTER: Final = timedelta(minutes=15)  # no zone changes its offset between them


@lru_cache(maxsize=2048)
def slots_of(day: date, zone: str) -> tuple[Slot, ...]:
    """The hours of a day in a zone, in order."""
    start, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    offset = end.utcoffset()
    moment, until = start.astimezone(UTC), end.astimezone(UTC)
    # A day that a zone left out altogether has its hours all the same: a card may have some.
    if offset == start.utcoffset() or moment >= until:
        return tuple((hour, offset_text(offset)) for hour in range(24))
    found: dict[Slot, None] = {}
    while moment < until:
        local = moment.astimezone(ZoneInfo(zone))
        found[local.hour, offset_text(local.utcoffset())] = None
        moment += _QUARTER
    return tuple(found)


def downloads_by_slot(card: Card | None, slots: Sequence[Slot]) -> list[int]:
    """A card's downloads in each hour of its day; they add up to its downloads.

    An hour that the day does not have (of a show in another zone, or counted before the zone was
    changed) stands with the hour of the same number, or with the next there is.
    """
    counts = [0] * len(slots)
    if card is None:
        return counts
    places = {slot: place for place, slot in enumerate(slots)}
    for hour in card.hours:
        place = places.get((hour.hour, hour.offset))
        counts[_nearest(hour.hour, slots) if place is None else place] += hour.downloads
    return counts


def _nearest(hour: int, slots: Sequence[Slot]) -> int:
    return next((place for place, slot in enumerate(slots) if slot[0] >= hour), len(slots) - 1)


def label(day: date, slot: Slot) -> str:
    """`2026-10-25T02:00+01:00`."""
    return f"{day.isoformat()}T{slot[0]:02d}:00{slot[1]}"


def offset_text(offset: timedelta | None) -> str:
    """`+01:00`, as cards have it."""
    minutes = round((offset or timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@cache
def minutes_of(offset: str) -> int:
    """The reverse, in minutes."""
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    return -minutes if offset[0] == "-" else minutes


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone))
