"""How long a server asks to be left alone: the Retry-After header (RFC 9110 §10.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.feeds.fetching import http_date

if TYPE_CHECKING:
    from datetime import datetime

# A feed is never given up for longer than this on a header's word alone.
CAP_SECONDS = 7 * 24 * 3600.0
_CAP_DIGITS = 9


def parse(value: str | None, now: datetime) -> float | None:
    """Seconds from `now`, between 0 and seven days; None when there is nothing usable.

    Takes whole seconds or an HTTP date in any of its three forms. A date in the past is 0;
    more than seven days is seven days; negative numbers, fractions and garbage are ignored.
    """
    text = (value or "").strip(" \t")
    if text.isascii() and text.isdigit():
        # The digits are counted before they are read: a number of a megabyte is a way to stall.
        significant = text.lstrip("0") or "0"
        return CAP_SECONDS if len(significant) > _CAP_DIGITS else _capped(float(significant))
    moment = http_date.parse(text, now)
    return None if moment is None else _capped((moment - now).total_seconds())


def _capped(seconds: float) -> float:
    return min(max(seconds, 0.0), CAP_SECONDS)
