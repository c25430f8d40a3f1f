"""The platform's numbers, read back as anybody reads them, and held against the truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from tallycast.demo.traffic.compare import Difference, Measured, Report, compare
from tallycast.measurement.rulesets import DELIVERED_TWICE, VOLUME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.demo.traffic import Cast
    from tallycast.cli.platform import Platform
    from tallycast.demo.traffic.compare import Calendar, Truth

Source = Literal["log", "prefix"]
SOURCES: tuple[Source, ...] = ("log", "prefix")
# Rule sets that are counted side by side, and whose days each uses.
RULES: dict[str, Calendar] = {"iab-2.3": "show", "op3": "utc"}
PAID_BY = "iab-2.3"
# What can stay unseen through no fault of the rules, as `docs/generator.md` says: CloudFront's
# escapes hide referrers that are no addresses; a midnight may cut a scraper's spike in two.
_MAY_MISS = {"log": ("bad_referrer", VOLUME), "prefix": (VOLUME,)}
# Where a request ends that is not filtered. So does a replay, if no id tells it from the first.
_OUTCOMES = frozenset({"repeat", "below_threshold", "counted"})
MOST_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class Day:
    """One reporting day of the tenant under the rules that are paid by."""

    day: date
    downloads: int
    listeners: int
    requests: int
    status: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """All that was read back.

    Attributes:
        measured: by rule set.
        days: of the tenant under `PAID_BY`, oldest first.
        requests: that got a verdict, by rule set.
    """

    measured: Mapping[str, Measured]
    days: tuple[Day, ...]
    requests: Mapping[str, int]

    def of_episodes(self) -> Counter[str]:
        """Downloads by episode under `PAID_BY`, whoever saw them."""
        sums: Counter[str] = Counter()
        for (_, episode, _), downloads in self.measured[PAID_BY].downloads.items():
            sums[episode] += downloads
        return sums


def read_back(
    platform: Platform, tenant: str, cast: Cast, ids: Mapping[str, str], days: tuple[date, date]
) -> Numbers:
    """Ask the platform for every show's numbers, and the tenant's.

    Args:
        platform: that counted.
        tenant: whose shows they are.
        cast: the shows, and how each is measured.
        ids: show ids by slug.
        days: the first and the last reporting day.
    """

    def cards(rules: str, scope: str, of: str) -> list[dict[str, Any]]:
        command = {
            "command": "downloads", "tenant": tenant, "scope": scope, "id": of, "rules": rules,
            "first": days[0].isoformat(), "last": days[1].isoformat(),
        }  # fmt: skip
        found: list[dict[str, Any]] = platform.run_measurement(command)["days"]
        return found

    of_tenant = {rules: cards(rules, "tenant", tenant) for rules in RULES}
    return Numbers(
        measured={
            rules: measured(
                rules,
                (
                    (_source(cast, slug), card)
                    for slug in cast.shows
                    for card in cards(rules, "show", ids[slug])
                ),
            )
            for rules in RULES
        },
        days=tuple(
            Day(
                date.fromisoformat(card["day"]),
                card["downloads"],
                card["listeners"],
                card["requests"],
                card["count"]["status"],
            )
            for card in of_tenant[PAID_BY]
        ),
        requests={
            rules: sum(card["requests"] for card in found) for rules, found in of_tenant.items()
        },
    )


def measured(rules: str, cards: Iterable[tuple[Source, Mapping[str, Any]]]) -> Measured:
    """What the cards of shows say together, each with who saw its requests."""
    downloads: Counter[tuple[str, str, date]] = Counter()
    waterfall: Counter[tuple[str, str]] = Counter()
    for source, card in cards:
        day = date.fromisoformat(card["day"])
        for episode, number in card["episodes"]["values"].items():
            downloads[source, episode, day] += number
        for rule, requests in card["waterfall"].items():
            waterfall[source, rule] += requests
    return Measured(rules, RULES[rules], downloads, waterfall)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the count by the rules that are paid by compares, for what one source saw."""

    report: Report

    @property
    def unseen(self) -> int:
        """Requests that should have been filtered and were not, for a reason that is allowed."""
        return sum(max(self._missing(rule), 0) for rule in _MAY_MISS[self.report.source])

    @property
    def downloads_agree(self) -> bool:
        """Whether every episode's downloads of every day are true, but for what was unseen."""
        off = round(self.report.misplaced * max(self.report.visible.true, 1) / 100)
        return off <= self.unseen and abs(self.report.visible.percent) <= MOST_PERCENT

    @property
    def waterfall_agrees(self) -> bool:
        """Whether every request ended at its true verdict, but for what was unseen and replays."""
        movable = {*_MAY_MISS[self.report.source], DELIVERED_TWICE, *_OUTCOMES}
        exact = all(
            each.measured == each.true for each in self.report.waterfall if each.what not in movable
        )
        replays = self._missing(DELIVERED_TWICE)
        # A scraper's replay that no id gives away is one more of its requests.
        never_more = all(
            -self._missing(rule) <= (replays if rule == VOLUME else 0)
            for rule in _MAY_MISS[self.report.source]
        )
        return exact and never_more and replays >= 0 and not sum(map(self._missing, movable))

    def _missing(self, rule: str) -> int:
        found = next((each for each in self.report.waterfall if each.what == rule), None)
        return found.true - found.measured if found else 0


def verdicts(numbers: Numbers, truth: Truth) -> dict[Source, Verdict]:
    """The count by `PAID_BY` against the truth, by who saw the requests."""
    return {
        source: Verdict(compare(numbers.measured[PAID_BY], truth, source=source))
        for source in SOURCES
    }


def accuracy(numbers: Numbers, truth: Truth) -> list[Report]:
    """Every rule set against the truth of its own calendar, logs and redirect apart."""
    return [
        compare(numbers.measured[rules], truth, source=source)
        for rules in RULES
        for source in SOURCES
    ]


def of_episodes(truth: Truth) -> Counter[str]:
    """True downloads by episode, as perfect rules would see them."""
    sums: Counter[str] = Counter()
    for (_, episode, _), downloads in truth.visible["show"].items():
        sums[episode] += downloads
    return sums


def nothing(difference: Difference) -> bool:
    """Whether there is neither a measured nor a true number."""
    return difference.measured == 0 and difference.true == 0


def _source(cast: Cast, slug: str) -> Source:
    return "prefix" if slug in cast.prefixed else "log"
