"""When to poll a feed again: from its publishing rhythm, its host's wishes, and its failures.

Polls happen at ticks on a 15-minute grid, so a time is rounded to the grid. All rules are pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TICK = timedelta(minutes=15)
SHORTEST = TICK
LONGEST = timedelta(hours=24)
LONGEST_RETRY_AFTER = timedelta(days=7)

RECENT = 10  # episodes that tell the rhythm
_POLLS_PER_GAP = 24  # an episode is found, on average, within 1/48 of the usual gap
_NEAR = 0.15  # share of the gap around the expected moment in which every tick counts
_DORMANT_GAPS = 8  # so many usual gaps without an episode: the show sleeps
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the feed and its host ask of pollers, in their own units turned into time."""

    ttl: timedelta | None = None
    max_age: timedelta | None = None
    complete: bool = False


def publishing_gap(published: Sequence[datetime]) -> timedelta | None:
    """The median pause between the ten latest episodes, or None with fewer than two."""
    latest = sorted(set(published), reverse=True)[:RECENT]
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(latest)]
    return timedelta(seconds=median(gaps)) if gaps else None


def interval(
    now: datetime, published: Sequence[datetime], wishes: Wishes = Wishes(), *, pinned: bool = False
) -> timedelta:
    """The pause until the next poll of a healthy feed, between 15 minutes and 24 hours.

    A feed is polled about 24 times between two episodes, at every tick around the moment the
    next one is expected, and once a day when it is complete or sleeps. `ttl` and `max-age`
    lengthen the pause, never beyond 24 hours; a pinned feed is polled at every tick.
    """
    if pinned:
        return SHORTEST
    if wishes.complete:
        return LONGEST
    gap = publishing_gap(published)
    if gap is None:
        pause = timedelta(hours=1)
    else:
        pause = gap / _POLLS_PER_GAP
        since = now - max(published)
        if since > gap * _DORMANT_GAPS and since > timedelta(days=30):
            pause = LONGEST
        elif abs(since - gap) <= gap * _NEAR:
            pause = SHORTEST
    for wish in (wishes.ttl, wishes.max_age):
        if wish is not None:
            pause = max(pause, wish)
    return clamp(pause)


def back_off(usual: timedelta, failures: int) -> timedelta:
    """The pause after `failures` failed polls in a row: doubling from 15 minutes up to a day.

    Never shorter than the feed's usual pause.
    """
    return clamp(max(usual, SHORTEST * 2 ** min(max(failures, 1) - 1, 10)))


def clamp(pause: timedelta) -> timedelta:
    """Between 15 minutes and 24 hours."""
    return min(max(pause, SHORTEST), LONGEST)


def next_poll(
    now: datetime,
    pause: timedelta,
    *,
    spread: float = 0.0,
    retry_after: timedelta | None = None,
) -> datetime:
    """The tick at which to poll again: at least one tick ahead, on the grid.

    Args:
        now: the time of this poll.
        pause: what `interval` or `back_off` said.
        spread: jitter, -1 to 1: moves longer pauses by up to a tenth, so that feeds added
            together drift apart.
        retry_after: what the host asked for; obeyed up to seven days, never undercut.
    """
    stretched = pause * (1 + _JITTER * max(-1.0, min(1.0, spread)))
    jittered = pause if pause <= SHORTEST else clamp(stretched)
    chosen = max(on_grid(now + jittered), grid_from(now + TICK / 2))
    if retry_after is not None:
        chosen = max(chosen, grid_from(now + min(retry_after, LONGEST_RETRY_AFTER)))
    return chosen


def on_grid(moment: datetime) -> datetime:
    """The nearest tick of the 15-minute grid (UTC)."""
    return _tick(round(moment.timestamp() / TICK.total_seconds()))


def grid_from(moment: datetime) -> datetime:
    """The first tick at or after a moment."""
    return _tick(math.ceil(moment.timestamp() / TICK.total_seconds()))


def _tick(number: int) -> datetime:
    return datetime.fromtimestamp(number * TICK.total_seconds(), UTC)
