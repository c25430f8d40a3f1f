"""The platform's numbers, read back as anybody reads them, and held against the truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from tallycast.demo.traffic.compare import Difference, Measured, Report, compare

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
# Requests whose rule depends on what a log format leaves out: a log without request ids shows a
# replay as a repetition, and one that escapes what is no part of an address hides bad referrers.
_HIDDEN_REPLAYS = "replay"
_HIDDEN_REFERRERS = "bad_referrer"


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
    """How the count by the rules that are paid by compares, for what one source saw.

    Attributes:
        report: the comparison.
        hidden: downloads more than true that the log formats account for.
        moved: requests that they may put under another rule.
    """

    report: Report
    hidden: int
    moved: int

    @property
    def downloads_agree(self) -> bool:
        """Whether every episode's downloads of every day are true, but for what is hidden."""
        true = max(self.report.visible.true, 1)
        off = round(self.report.misplaced * true / 100)
        return off <= self.hidden

    @property
    def waterfall_agrees(self) -> bool:
        """Whether every request was dropped for its true reason, but for what is moved."""
        off = sum(abs(each.measured - each.true) for each in self.report.waterfall)
        balanced = sum(each.measured - each.true for each in self.report.waterfall) == 0
        return balanced and off <= 2 * self.moved


def verdicts(numbers: Numbers, truth: Truth) -> dict[Source, Verdict]:
    """The count by `PAID_BY` against the truth, by who saw the requests."""
    found: dict[Source, Verdict] = {}
    for source in SOURCES:
        hidden = _true_requests(truth, source, who=_HIDDEN_REFERRERS) if source == "log" else 0
        replays = _true_requests(truth, source, what=_HIDDEN_REPLAYS)
        found[source] = Verdict(
            compare(numbers.measured[PAID_BY], truth, source=source), hidden, hidden + replays
        )
    return found


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


def _true_requests(truth: Truth, source: str, *, who: str = "", what: str = "") -> int:
    return sum(
        number
        for (of, maker, kind), number in truth.waterfall.items()
        if of == source and who in {"", maker} and what in {"", kind}
    )
