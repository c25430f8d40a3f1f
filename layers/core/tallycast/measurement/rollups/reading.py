"""Read cards: a period is one Query, whatever the thing; pages are merged on the way."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import ConditionBase, Key

from tallycast.aws.errors import translated
from tallycast.kernel.errors import PermanentError
from tallycast.measurement.rollups import keys
from tallycast.measurement.rollups.items import ages_of, card_of, listeners_of
from tallycast.measurement.rollups.model import AgeTotals, Card, ListenerCount, Page, Period, Thing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb.service_resource import Table

MOST_DAYS: Final = 400


class BadCursorError(PermanentError):
    """A cursor that no page of this list has given."""


class CardReader:
    """Reads rollups of one tenant after another from the metrics table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def day(self, of: Thing, on: date) -> Card | None:
        """The card of one day, None when there is none."""
        page = self.days(of, on, on)
        return page.items[0] if page.items else None

    def days(
        self,
        of: Thing,
        first: date,
        last: date,
        *,
        limit: int = MOST_DAYS,
        cursor: str | None = None,
    ) -> Page[Card]:
        """Cards from `first` to `last`, in order; days without requests have none.

        Args:
            of: the show, episode or tenant.
            first: first day.
            last: last day, included.
            limit: at most so many cards, 1 to 400.
            cursor: `cursor` of the page before.

        Raises:
            BadCursorError: the cursor is none of this list's.
        """
        limit = min(max(limit, 1), MOST_DAYS)
        start = _start(first, last, cursor)
        condition = Key("pk").eq(_partition(of)) & Key("sk").between(start, keys.days_until(last))
        cards: list[Card] = []
        # One more than asked for says whether there are more; pages make further calls.
        wanted = min(limit, (last - first).days + 1) + 1
        for items in _whole_days(self._query(condition, wanted)):
            if len(cards) == limit:
                return Page(tuple(cards), cards[-1].day.isoformat())
            cards.append(card_of(items))
        return Page(tuple(cards))

    def top_episodes(
        self, tenant: str, rules: str, on: date, *, limit: int = 20
    ) -> list[tuple[str, int]]:
        """A tenant's episodes with the most downloads on a day; of at most 200 it is known here."""
        card = self.day(Thing(tenant, rules, "tenant", tenant), on)
        return list(card.episodes.values.items())[: max(limit, 0)] if card else []

    def ages(self, tenant: str, rules: str, episode_id: str) -> AgeTotals | None:
        """An episode's downloads by days since its release."""
        key = {"pk": keys.of(tenant, rules, "episode", episode_id), "sk": keys.ages()}
        with translated(f"read the ages of {episode_id}"):
            item = self._table.get_item(Key=key).get("Item")
        return ages_of(item) if item else None

    def listeners(self, of: Thing, period: Period, first: str, last: str) -> list[ListenerCount]:
        """Listeners by week (`2026-W47`) or month (`2026-11`), from one to another, in order."""
        condition = Key("pk").eq(_partition(of)) & Key("sk").between(
            keys.listeners(period, first), keys.listeners(period, last)
        )
        return [listeners_of(item) for item in self._query(condition)]

    def _query(
        self, condition: ConditionBase, limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        arguments: dict[str, Any] = {"KeyConditionExpression": condition}
        if limit is not None:
            arguments["Limit"] = limit
        while True:
            with translated("read rollups"):
                page = self._table.query(**arguments)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _partition(of: Thing) -> str:
    return keys.of(of.tenant, of.rules, of.scope, of.id)


def _start(first: date, last: date, cursor: str | None) -> str:
    if cursor is None:
        return keys.day(first)
    try:
        seen = date.fromisoformat(cursor)
    except ValueError as error:
        raise BadCursorError(f"{cursor!r} is no cursor of a list of days") from error
    if not first <= seen <= last:
        raise BadCursorError(f"the cursor {cursor} is outside of {first} to {last}")
    return keys.days_until(seen)  # behind every page of that day


def _whole_days(items: Iterator[dict[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Items of one day together: the card, then its pages."""
    group: list[Mapping[str, Any]] = []
    for item in items:
        if group and item["kind"] == "card":
            yield group
            group = []
        group.append(item)
    if group:
        yield group
