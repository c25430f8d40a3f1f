"""What was measured against what is true: errors by rule set, the worst days, the waterfalls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import duckdb

from tallycast.demo.traffic.verdicts import expected_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

Calendar = Literal["show", "utc"]
Key = tuple[str, str, "date"]  # source, episode_id, day
_WORST = 5


@dataclass(frozen=True, slots=True)
class Truth:
    """A generated set's truth, by source, episode and day.

    `persons` and `visible` are downloads by calendar; `waterfall` is requests by
    (source, who, what).
    """

    persons: Mapping[Calendar, Mapping[Key, int]]
    visible: Mapping[Calendar, Mapping[Key, int]]
    waterfall: Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a count said. `calendar` is whose days its rules use: the show's own, or UTC's.

    `waterfall` is requests by (source, rule), `counted` among them.
    """

    rules: str
    calendar: Calendar
    downloads: Mapping[Key, int]
    waterfall: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """A measured number beside the true one; `what` says of what."""

    what: str
    measured: int
    true: int

    @property
    def percent(self) -> float:
        """The error in per cent of the true number; of one, where the truth is nothing."""
        return 100.0 * (self.measured - self.true) / max(self.true, 1)


@dataclass(frozen=True, slots=True)
class Report:
    """How far one rule set is from the truth, for what one source saw.

    Attributes:
        persons: against what people really got.
        visible: against what perfect rules could know.
        worst_episodes, worst_days: the largest differences to the visible truth, largest first.
        misplaced: the sum of all differences by episode and day, in per cent of the visible
            truth: errors that cancel out in the sum show here.
        waterfall: requests by rule, measured and as they should be.
    """

    rules: str
    source: str
    persons: Difference
    visible: Difference
    worst_episodes: tuple[Difference, ...]
    worst_days: tuple[Difference, ...]
    misplaced: float
    waterfall: tuple[Difference, ...]


def read_truth(folder: Path) -> Truth:
    """The truth that `generate` wrote into `folder`."""
    with duckdb.connect() as reader:
        rows = reader.execute(
            "SELECT calendar, kind, source, episode_id, dt, downloads FROM read_parquet($path)",
            {"path": str(folder / "truth" / "downloads.parquet")},
        ).fetchall()
        waterfall = reader.execute(
            "SELECT source, who, what, sum(requests)::BIGINT FROM read_parquet($path) GROUP BY ALL",
            {"path": str(folder / "truth" / "waterfall.parquet")},
        ).fetchall()

    def of(kind: str) -> dict[Calendar, Mapping[Key, int]]:
        calendars: tuple[Calendar, ...] = ("show", "utc")
        return {
            calendar: {row[2:5]: row[5] for row in rows if row[:2] == (calendar, kind)}
            for calendar in calendars
        }

    return Truth(of("person"), of("visible"), {row[:3]: row[3] for row in waterfall})


def read_measured(rules: str, calendar: Calendar, downloads: str, waterfall: str) -> Measured:
    """Sum up DOWNLOADS and WATERFALL files of one rule set.

    Args:
        rules: the rule set's name.
        calendar: whose days it counts by.
        downloads: glob pattern of Parquet files below `dt=YYYY-MM-DD` folders.
        waterfall: the same.
    """
    with duckdb.connect() as reader:
        counted = reader.execute(
            "SELECT source, episode_id, dt::DATE, count(*) "
            "FROM read_parquet($path, hive_partitioning = true) GROUP BY ALL",
            {"path": downloads},
        ).fetchall()
        dropped = reader.execute(
            "SELECT source, rule, sum(requests)::BIGINT FROM read_parquet($path) GROUP BY ALL",
            {"path": waterfall},
        ).fetchall()
    return Measured(
        rules, calendar, {row[:3]: row[3] for row in counted}, {row[:2]: row[2] for row in dropped}
    )


def compare(measured: Measured, truth: Truth, *, source: str = "log") -> Report:
    """How far a count is from the truth.

    Args:
        measured: one rule set's count of all days of the set.
        truth: of the same set.
        source: compare what log files saw, or what the prefix saw: they are never mixed.
    """
    downloads = _of_source(measured.downloads, source)
    persons = _of_source(truth.persons[measured.calendar], source)
    visible = _of_source(truth.visible[measured.calendar], source)
    misplaced = sum(
        abs(downloads.get(key, 0) - visible.get(key, 0)) for key in {*downloads, *visible}
    )
    return Report(
        rules=measured.rules,
        source=source,
        persons=Difference("downloads", sum(downloads.values()), sum(persons.values())),
        visible=Difference("downloads", sum(downloads.values()), sum(visible.values())),
        worst_episodes=_worst(_by(downloads, 0), _by(visible, 0)),
        worst_days=_worst(_by(downloads, 1), _by(visible, 1)),
        misplaced=100.0 * misplaced / max(sum(visible.values()), 1),
        waterfall=_waterfall(measured, truth, source),
    )


def _of_source(downloads: Mapping[Key, int], source: str) -> dict[tuple[str, date], int]:
    return {key[1:]: number for key, number in downloads.items() if key[0] == source}


def _by(downloads: Mapping[tuple[str, date], int], place: int) -> Counter[str]:
    sums: Counter[str] = Counter()
    for key, number in downloads.items():
        sums[str(key[place])] += number
    return sums


def _worst(measured: Mapping[str, int], true: Mapping[str, int]) -> tuple[Difference, ...]:
    found = _differences({*measured, *true}, measured, true)
    found.sort(key=lambda each: (-abs(each.measured - each.true), each.what))
    return tuple(each for each in found[:_WORST] if each.measured != each.true)


def _waterfall(measured: Measured, truth: Truth, source: str) -> tuple[Difference, ...]:
    said: Counter[str] = Counter()
    for (of, rule), number in measured.waterfall.items():
        if of == source:
            said[rule] += number
    true: Counter[str] = Counter()
    for (of, who, what), number in truth.waterfall.items():
        if of == source:
            true[expected_rule(who, what)] += number
    return tuple(sorted(_differences({*said, *true}, said, true), key=lambda each: -each.true))


def _differences(
    keys: Iterable[str], measured: Mapping[str, int], true: Mapping[str, int]
) -> list[Difference]:
    return [Difference(key, measured.get(key, 0), true.get(key, 0)) for key in sorted(keys)]
