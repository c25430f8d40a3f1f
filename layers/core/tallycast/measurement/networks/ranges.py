"""Ranges of addresses that may overlap, made into one line of breakpoints that cannot."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Range(Generic[V]):
    """An inclusive range of numbers of one family with what is said of it.

    Where ranges overlap, the one of the highest `rank` is right, among equals the narrowest, and
    among those the one that came last.
    """

    first: int
    last: int
    value: V
    rank: int = 0


def flattened(ranges: Iterable[Range[V]], nothing: V) -> list[tuple[int, V]]:
    """Breakpoints `(first number, value)` in order, from 0 on; `nothing` where no range is.

    Neighbours with the same value are one. Takes O(n log n).
    """
    opening = sorted(enumerate(ranges), key=lambda pair: pair[1].first)
    if any(each.first > each.last or each.first < 0 for _, each in opening):
        raise ValueError("a range ends before it begins")
    found: list[tuple[int, V]] = [(0, nothing)]
    # Open ranges, the one that is right on top; those that ended are dropped when they get there.
    open_: list[tuple[int, int, int, int, V]] = []

    def say(at: int, value: V) -> None:
        if found[-1][0] == at:
            found.pop()
        if not found or found[-1][1] != value:
            found.append((at, value))

    def close_before(number: int | None) -> None:
        while open_ and (number is None or open_[0][3] < number):
            at = heapq.heappop(open_)[3] + 1
            while open_ and open_[0][3] < at:
                heapq.heappop(open_)
            say(at, open_[0][4] if open_ else nothing)

    for order, each in opening:
        close_before(each.first)
        width = each.last - each.first
        heapq.heappush(open_, (-each.rank, width, -order, each.last, each.value))
        say(each.first, open_[0][4])
    close_before(None)
    return found
