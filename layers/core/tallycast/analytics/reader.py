"""The one reader of what charts are made of: day cards, ages, listeners, and how far they stand."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from zoneinfo import ZoneInfo

from boto3.dynamodb.conditions import Key

from tallycast.analytics.model import Asked, Period, UnknownRulesError
from tallycast.analytics.standing import DayCount, first_open_day, standing_of
from tallycast.aws.batch import read_items
from tallycast.aws.errors import translated
from tallycast.kernel.keys import count_day, count_days
from tallycast.kernel.times import from_text
from tallycast.measurement.counting.marking import reach
from tallycast.measurement.rollups import keys
from tallycast.measurement.rollups.items import ages_of, card_of
from tallycast.measurement.rollups.model import (
    AgeTotals,
    Breakdown,
    Card,
    CountInfo,
    Hour,
    ListenerCount,
    Thing,
)
from tallycast.measurement.rulesets import RuleSet, UnknownRuleSetError
from tallycast.measurement.tenancy import MeasurementSettings, rules_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from boto3.dynamodb.conditions import ConditionBase
    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.analytics.audience import Every
    from tallycast.measurement.rollups.reading import CardReader
    from tallycast.measurement.tenancy import MeasurementSettingsStore

READERS: Final = 8
# A Query gives at most 1 MB; a long period is asked for in parts of so many days at the same time.
_PART_DAYS: Final = 100
_UTC: Final = "UTC"
_JSON: Final = json.JSONDecoder()
_HOURS_FIRST: Final = '{"hours":'
_NOT_READ: Final = datetime.min.replace(tzinfo=UTC)

# What a chart needs of a card beside its downloads. A card is some kilobytes, and a chart of 400
# days is quick only when it leaves in the table what it does not need.
Part = Literal["hours", "breakdowns", "waterfall"]


@dataclass(frozen=True, slots=True)
class Counting:
    """How a tenant's downloads are counted under one rule set."""

    tenant: str
    rules: RuleSet
    settings: MeasurementSettings

    def zone_of(self, show_id: str | None) -> str:
        """The time zone in which the days of a show (None: of the tenant) begin."""
        if self.rules.zone != "show":
            return _UTC
        return self.settings.zone if show_id is None else self.settings.zone_of(show_id)

    def open_from(self, now: datetime) -> date:
        """The first day that late requests can still change."""
        zones, _, _ = reach(self.rules, self.settings)
        return first_open_day(now, zones, self.settings.final_after_hours)


@dataclass(frozen=True, slots=True)
class NumbersReader:
    """Reads the numbers of one tenant after another; everything from the `metrics` table."""

    cards: CardReader
    settings: MeasurementSettingsStore
    table: Table

    def counting(self, tenant: str, rules: str | None) -> Counting:
        """How the tenant counts by a rule set; None for the one it is paid by.

        Raises:
            UnknownRulesError: it has none of this name.
        """
        settings = self.settings.get(tenant)
        name = rules or settings.rules[0]
        try:
            return Counting(tenant, rules_of(name, settings), settings)
        except UnknownRuleSetError as error:
            raise UnknownRulesError(
                f"no rule set is called {name!r}; counted by are {', '.join(settings.rules)}"
            ) from error

    def ask(
        self,
        counting: Counting,
        period: Period,
        *,
        now: datetime,
        show_id: str | None = None,
        episode_id: str | None = None,
    ) -> Asked:
        """A question about an episode, a show or (without either) the tenant."""
        tenant, rules = counting.tenant, counting.rules.name
        if episode_id is not None:
            thing = Thing(tenant, rules, "episode", episode_id)
        elif show_id is not None:
            thing = Thing(tenant, rules, "show", show_id)
        else:
            thing = Thing(tenant, rules, "tenant", tenant)
        counts = self._counts(tenant, rules, period)
        standing = standing_of(rules, period, counts, open_from=counting.open_from(now))
        return Asked(thing, period, counting.zone_of(show_id), standing, now)

    def of(self, asked: Asked, part: Part | None = None) -> list[Card]:
        """The day cards of a question, in order; days without requests have none.

        Of each card its downloads are read, and one part. Everything else of it is empty.
        """
        [cards] = self.of_each([(asked.thing, asked.period)], part)
        return cards

    def of_each(
        self, wanted: Sequence[tuple[Thing, Period]], part: Part | None = None
    ) -> list[list[Card]]:
        """The same of several things, read at the same time."""
        parts = [
            (number, thing, some)
            for number, (thing, period) in enumerate(wanted)
            for some in _cut(period)
        ]
        found: list[list[Card]] = [[] for _ in wanted]
        if len(parts) == 1:
            found[0] = self._cards(wanted[0][0], wanted[0][1], part)
            return found
        with ThreadPoolExecutor(READERS) as pool:
            read = pool.map(lambda each: self._cards(each[1], each[2], part), parts)
            for (number, _, _), cards in zip(parts, read, strict=True):
                found[number] += cards
        return found

    def _cards(self, thing: Thing, period: Period, part: Part | None) -> list[Card]:
        pk = keys.of(thing.tenant, thing.rules, thing.scope, thing.id)
        condition = Key("pk").eq(pk) & Key("sk").between(
            keys.day(period.first), keys.days_until(period.last)
        )
        names = ["kind", "day", "downloads", "requests", *(["numbers"] if part else [])]
        return [
            _card(thing, item, part)
            for item in self._query(condition, names)
            if item["kind"] == "card"  # further pages hold episodes alone
        ]

    def _counts(self, tenant: str, rules: str, period: Period) -> list[DayCount]:
        """How the counts of a period's days stand."""
        condition = Key("pk").eq(count_days(tenant, rules)) & Key("sk").between(
            count_day(tenant, rules, period.first.isoformat())["sk"],
            count_day(tenant, rules, period.last.isoformat())["sk"],
        )
        return [
            DayCount(
                date.fromisoformat(item["day"]),
                item.get("state", "waiting"),
                from_text(item["counted_at"]) if item.get("counted_at") else None,
            )
            for item in self._query(condition, ["day", "state", "counted_at"])
        ]

    def _query(self, condition: ConditionBase, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Some fields of a range of items."""
        arguments: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ProjectionExpression": ", ".join(f"#{name}" for name in names),
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
        }
        while True:
            with translated("read rollups"):
                page = self.table.query(**arguments)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def day(self, thing: Thing, day: date) -> Card | None:
        """The whole card of one day."""
        return self.cards.day(thing, day)

    def whole(self, thing: Thing, period: Period) -> list[Card]:
        """The whole cards of a period's days."""
        return list(self.cards.days(thing, period.first, period.last).items)

    def on_day(
        self, tenant: str, rules: str, day: date, episode_ids: Iterable[str]
    ) -> dict[str, Card]:
        """Episodes' whole cards of one day, by episode."""
        cards = self.episodes(tenant, rules, [(day, each) for each in episode_ids])
        return {card.id: card for card in cards}

    def episodes(self, tenant: str, rules: str, places: Iterable[tuple[date, str]]) -> list[Card]:
        """Whole cards of episodes on days."""
        wanted = [
            {"pk": keys.of(tenant, rules, "episode", episode_id), "sk": keys.day(day)}
            for day, episode_id in places
        ]
        return [card_of([item]) for item in read_items(self.table, wanted)]

    def ages(self, tenant: str, rules: str, episode_ids: Iterable[str]) -> dict[str, AgeTotals]:
        """Episodes' downloads since release, by episode."""
        wanted = [
            {"pk": keys.of(tenant, rules, "episode", each), "sk": keys.ages()}
            for each in episode_ids
        ]
        return {str(item["id"]): ages_of(item) for item in read_items(self.table, wanted)}

    def listeners(self, thing: Thing, every: Every, names: Sequence[str]) -> list[ListenerCount]:
        """Distinct listeners of weeks or months in a row, as far as they are counted."""
        return self.cards.listeners(thing, every, names[0], names[-1])


def local_day(moment: datetime, zone: str) -> date:
    """The day it is in a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def _card(thing: Thing, item: Mapping[str, Any], part: Part | None) -> Card:
    """A card with its downloads and requests, and one of its parts."""
    said = _part_of(item["numbers"], part) if part else {}
    return Card(
        count=CountInfo(thing.tenant, thing.rules, _NOT_READ),
        scope=thing.scope,
        id=thing.id,
        day=date.fromisoformat(item["day"]),
        show_id="",
        downloads=int(item["downloads"]),
        requests=int(item["requests"]),
        listeners=0,
        hours=tuple(Hour(int(key[:2]), key[2:], n) for key, n in said.items())  # they lie in order
        if part == "hours"
        else (),
        breakdowns={name: Breakdown(each["values"], each["other"]) for name, each in said.items()}
        if part == "breakdowns"
        else {},
        waterfall=said if part == "waterfall" else {},
    )


def _part_of(numbers: str, part: Part) -> dict[str, Any]:
    """One part of a card's document; hours stand first in it, and the rest need not be read."""
    if part == "hours" and numbers.startswith(_HOURS_FIRST):
        return cast("dict[str, Any]", _JSON.raw_decode(numbers, len(_HOURS_FIRST))[0])
    return cast("dict[str, Any]", json.loads(numbers)[part])


def _cut(period: Period) -> Iterator[Period]:
    first = period.first
    while first <= period.last:
        last = min(first + timedelta(days=_PART_DAYS - 1), period.last)
        yield Period(first, last)
        first = last + timedelta(days=1)
