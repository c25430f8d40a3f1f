"""What an episode will get, from what others of its show have got. Pure rules, and simple ones.

The forecast of an episode is the mean of the last episodes whose window is over. The projection of
one that is out is what it has, divided by the share that the show's episodes have at its age.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from tallycast.kernel.money import half_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EPISODES: Final = 10  # the last ones that a forecast looks at
FEWEST: Final = 3  # fewer make no curve
_HORIZON: Final = 30  # days; the curve is relative to it
_AGES: Final = (1, 3, 7, 30)
Curve = tuple[tuple[int, Fraction], ...]
Method = Literal["counted", "age_curve", "run_rate", "none"]


def mean(numbers: Sequence[int]) -> int | None:
    """The mean, rounded half up; None of none."""
    return half_up(sum(numbers), len(numbers)) if numbers else None


def median(numbers: Sequence[int]) -> int | None:
    """The middle one, or the mean of the middle two, rounded half up; None of none."""
    if not numbers:
        return None
    ordered, middle = sorted(numbers), len(numbers) // 2
    if len(numbers) % 2:
        return ordered[middle]
    return half_up(ordered[middle - 1] + ordered[middle], 2)


def curve_of(episodes: Sequence[Mapping[int, int]]) -> Curve | None:
    """The share of its first 30 days' downloads that an episode has at an age, as the mean.

    Args:
        episodes: downloads within 1, 3, 7 and 30 days of release, of episodes older than that.

    Returns:
        Ages in days with their shares, from (0, 0) to (30, 1); None when too few episodes say.
    """
    told = [each for each in episodes if each.get(_HORIZON, 0) > 0]
    if len(told) < FEWEST:
        return None
    shares = (
        (age, sum((Fraction(each[age], each[_HORIZON]) for each in told), Fraction()) / len(told))
        for age in _AGES
    )
    return ((0, Fraction()), *shares)


def share_at(curve: Curve, age: Fraction) -> Fraction:
    """The share at an age in days: straight lines between the ages known, 1 behind the last."""
    for (before, low), (after, high) in pairwise(curve):
        if age <= after:
            return low + (high - low) * (age - before) / (after - before)
    return curve[-1][1]


def projected(
    delivered: int, *, elapsed: Fraction, days: int, curve: Curve | None
) -> tuple[int | None, Method]:
    """What a window will have come to at its end, and how that was found.

    Args:
        delivered: downloads so far.
        elapsed: share of the window that is over.
        days: length of the window.
        curve: of the show, for a window that begins with the release.
    """
    if elapsed >= 1:
        return delivered, "counted"
    if elapsed <= 0:
        return None, "none"
    if curve is not None and days <= _HORIZON:
        share = share_at(curve, elapsed * days) / share_at(curve, Fraction(days))
        if share > 0:
            return _whole(delivered / min(share, Fraction(1))), "age_curve"
    return _whole(delivered / elapsed), "run_rate"


def _whole(number: Fraction) -> int:
    return half_up(number.numerator, number.denominator)
