"""How far the numbers of a period stand: which days are final, and which can still change."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from tallycast.analytics.model import DaySpan, DayStatus, Period, Standing
from tallycast.measurement.counting.calendar import span

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_EMPTY: Final = "empty"


class DayCount(NamedTuple):
    """How the count of one day stands."""

    day: date
    status: DayStatus
    counted_at: datetime | None


def standing_of(
    rules: str, period: Period, counts: Iterable[DayCount], *, open_from: date
) -> Standing:
    """The standing of a period.

    Args:
        rules: name of the rule set.
        period: the days.
        counts: those of its days that there are; a day without any had no requests.
        open_from: the first day whose requests can still come (`first_open_day`).
    """
    known = {count.day: count for count in counts}
    by_day = [(day, known[day].status if day in known else _EMPTY) for day in period]
    spans = []
    for status, days in groupby(by_day, key=lambda pair: pair[1]):
        listed = [day for day, _ in days]
        spans.append(DaySpan(first=listed[0], last=listed[-1], status=status))
    settled = all(
        status == "final" or (status == "empty" and day < open_from) for day, status in by_day
    )
    counted = [count.counted_at for count in known.values() if count.counted_at]
    return Standing(
        rules=rules,
        first=period.first,
        last=period.last,
        status="final" if settled else "provisional",
        counted_at=max(counted, default=None),
        days=spans,
    )


def first_open_day(now: datetime, zones: Collection[str], final_after_hours: int) -> date:
    """The first day that late requests can still change, by the clock alone.

    Args:
        now: the time.
        zones: IANA names of the time zones in which the tenant's days begin.
        final_after_hours: how long after its end a day waits for late requests.
    """
    delay = timedelta(hours=final_after_hours)
    day = (now - delay).date() - timedelta(days=2)  # over, wherever it is
    while span(day, zones)[1] + delay <= now:
        day += timedelta(days=1)
    return day
