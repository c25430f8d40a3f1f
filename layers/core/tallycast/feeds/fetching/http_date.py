"""Dates in HTTP headers, in the three forms of RFC 9110 §5.6.7, whatever the locale."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_MONTH = r"(?P<month>[A-Za-z]{3})"
_FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        # Sun, 06 Nov 1994 08:49:37 GMT
        rf"[A-Za-z]{{3}}, (?P<day>\d\d?) {_MONTH} (?P<year>\d{{4}}) {_TIME} (?:GMT|UTC)",
        # Sunday, 06-Nov-94 08:49:37 GMT
        rf"[A-Za-z]{{6,9}}, (?P<day>\d\d?)-{_MONTH}-(?P<year>\d\d) {_TIME} (?:GMT|UTC)",
        # Sun Nov  6 08:49:37 1994
        rf"[A-Za-z]{{3}} {_MONTH} (?P<day>[ \d]?\d) {_TIME} (?P<year>\d{{4}})",
    )
)
_LEAP_SECOND = 60
_FUTURE_YEARS = 50


def parse(value: str, now: datetime) -> datetime | None:
    """The moment an HTTP date names, in UTC; None for anything else.

    A two-digit year more than 50 years ahead of `now` means the century before.
    """
    for form in _FORMS:
        if found := form.fullmatch(value.strip()):
            return _moment(found, now)
    return None


def _moment(found: re.Match[str], now: datetime) -> datetime | None:
    month = found["month"].lower()
    if month not in _MONTHS:
        return None
    year = int(found["year"])
    if len(found["year"]) == len("94"):
        year += now.year - now.year % 100
        if year > now.year + _FUTURE_YEARS:
            year -= 100
    second = int(found["second"])
    try:
        return datetime(
            year,
            _MONTHS.index(month) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            second - 1 if second == _LEAP_SECOND else second,
            tzinfo=UTC,
        )
    except ValueError:
        return None
