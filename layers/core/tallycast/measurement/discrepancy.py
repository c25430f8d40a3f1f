"""Two counts side by side, by episode and day: how far apart, and which rules explain it.

A difference of up to 5 % is within what the industry accepts between two measurements of the same
thing (a redirect and a log, two vendors). What the waterfalls say explains the rest.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.model import COUNTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ACCEPTABLE: Final = 0.05
_NO_COUNT: Final = "this is no count: compare what `tallycast downloads count --json` wrote"
# (day, episode_id, rule, requests): a waterfall without show and source.
Line = tuple[date, str, str, int]


class NoCountError(PermanentError):
    """The document is not what a count writes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One episode and day (or all of them together) in two counts.

    Attributes:
        day, episode_id: of what; None for the total.
        first, second: downloads.
        explained_by: rule → requests the second count dropped by it beyond those the first did
            (negative: fewer); rules that are equal in both are left out.
    """

    day: date | None
    episode_id: str | None
    first: int
    second: int
    explained_by: Mapping[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """How far the second is from the first (0.05: 5 % more); None without a first."""
        if self.first:
            return (self.second - self.first) / self.first
        return 0.0 if not self.second else None

    @property
    def acceptable(self) -> bool:
        """Whether it is within ±5 %, both bounds included."""
        return abs(self.second - self.first) * 20 <= self.first

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "day": None if self.day is None else str(self.day),
            "episode_id": self.episode_id,
            "first": self.first,
            "second": self.second,
            "share": self.share,
            "acceptable": self.acceptable,
            "explained_by": dict(self.explained_by),
        }


def differences(
    first: Iterable[Line], second: Iterable[Line]
) -> tuple[Difference, list[Difference]]:
    """Compare two waterfalls.

    Args:
        first: (day, episode_id, rule, requests), as often as there are.
        second: the same of the other count.

    Returns:
        The total, and one difference per day and episode that either has, sorted.
    """
    sides = (_by_place(first), _by_place(second))
    places = sorted(sides[0].keys() | sides[1].keys())
    lines = [
        _difference(day, episode, sides[0][day, episode], sides[1][day, episode])
        for day, episode in places
    ]
    total = _difference(None, None, _all(sides[0].values()), _all(sides[1].values()))
    return total, lines


def largest_first(lines: Iterable[Difference]) -> list[Difference]:
    """Those that differ at all, the largest difference first."""
    apart = [line for line in lines if line.first != line.second]
    return sorted(
        apart, key=lambda line: (-abs(line.second - line.first), str(line.day), line.episode_id)
    )


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two counts as `engine.Count.document` gives them.

    Returns:
        JSON-ready: what was compared, the total, and the differences by day and episode (only
        where there are any, the largest first).

    Raises:
        NoCountError: one of them is no count.
    """
    for document in (a, b):
        if not isinstance(document.get("rules"), str):
            raise NoCountError(_NO_COUNT)
    total, lines = differences(_lines(a), _lines(b))
    apart = largest_first(lines)
    return {
        "first": _named(a),
        "second": _named(b),
        "total": _without_place(total),
        "equal": len(lines) - len(apart),
        "beyond": sum(not line.acceptable for line in apart),
        "differences": [line.document() for line in apart],
    }


def _named(document: Mapping[str, Any]) -> dict[str, Any]:
    names = ("rules", "window", "timezone", "digest", "requests", "downloads", "listeners")
    return {name: document[name] for name in names if name in document}


def _without_place(total: Difference) -> dict[str, Any]:
    return {
        name: value for name, value in total.document().items() if name not in {"day", "episode_id"}
    }


def _lines(document: Mapping[str, Any]) -> list[Line]:
    try:
        return [
            (date.fromisoformat(cell["day"]), str(cell["episode_id"]), str(rule), int(requests))
            for cell in document["by_day_and_episode"]
            for rule, requests in cell["verdicts"].items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise NoCountError(_NO_COUNT) from None


def _by_place(lines: Iterable[Line]) -> defaultdict[tuple[date, str], dict[str, int]]:
    found: defaultdict[tuple[date, str], dict[str, int]] = defaultdict(dict)
    for day, episode, rule, requests in lines:
        rules = found[day, episode]
        rules[rule] = rules.get(rule, 0) + requests
    return found


def _all(places: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for rules in list(places):
        for rule, requests in rules.items():
            total[rule] = total.get(rule, 0) + requests
    return total


def _difference(
    day: date | None, episode: str | None, first: Mapping[str, int], second: Mapping[str, int]
) -> Difference:
    rules = sorted((first.keys() | second.keys()) - {COUNTED})
    apart = {rule: second.get(rule, 0) - first.get(rule, 0) for rule in rules}
    # The largest first: what a reader asks for.
    ordered = sorted(
        ((rule, gap) for rule, gap in apart.items() if gap),
        key=lambda pair: (-abs(pair[1]), pair[0]),
    )
    return Difference(day, episode, first.get(COUNTED, 0), second.get(COUNTED, 0), dict(ordered))
