"""Replace a day's cards: each as a whole, only those that changed, and none is left behind.

Beside every card lies an entry in the list of its day, with the card's digest. Card, pages and
entry change in one transaction, so the list always says what is there: a run that was killed left
some cards new and some old, and the next run finds out which. An episode's entry also says whether
its downloads since release still have to be summed again.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from boto3.dynamodb.conditions import Key

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel.errors import RetryableError
from tallycast.measurement.rollups import keys
from tallycast.measurement.rollups.ages import sum_ages
from tallycast.measurement.rollups.items import card_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from tallycast.measurement.rollups.model import Card, CountInfo, Scope

_MOST_WRITES: Final = 90  # DynamoDB takes 100 in a transaction
_MOST_BYTES: Final = 2_000_000  # and 4 MB
THREADS = 16
_EPISODE: Final = "EPISODE#"
_Work = TypeVar("_Work")
_Done = TypeVar("_Done")


class NewerCountError(RetryableError):
    """A newer count of the same day has been written; this one's numbers are out of date."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What replacing a day's cards came to."""

    written: int
    unchanged: int
    removed: int
    summed: int  # episodes whose downloads since release were summed again


@dataclass(frozen=True, slots=True)
class Entry:
    """What the list of a day knows of a card. Without a card (it was removed) `pages` is 0."""

    digest: str
    pages: int
    downloads: int
    show_id: str
    unsummed: bool


def replace_day(table: Table, count: CountInfo, day: date, cards: Iterable[Card]) -> Replaced:
    """Replace all cards of a day with these, and sum what follows from them.

    Args:
        table: the metrics table.
        count: the count they come from.
        day: the reporting day; every card is of this day and count.
        cards: all cards of the day; none removes them all.

    Raises:
        NewerCountError: a count with a higher version has been here.
        ServiceUnavailableError: the table refuses for now; what was not replaced stays as it was,
            and the same call goes on from there.
    """
    before = entries(table, count.tenant, count.rules, day)
    kept: set[str] = set()
    to_sum = {name for name, entry in before.items() if entry.unsummed}
    unchanged = 0

    def changes() -> Iterator[list[dict[str, Any]]]:
        nonlocal unchanged
        for card in cards:
            name = keys.card_entry(card.scope, card.id)
            kept.add(name)
            known = before.get(name)
            if known is not None and known.digest == card.digest:
                unchanged += 1
                continue
            if card.scope == "episode":
                to_sum.add(name)
            yield _replacement(table.name, card, known)

    written = _write_all(table, changes())
    gone = [name for name, entry in before.items() if entry.pages and name not in kept]
    to_sum.update(name for name in gone if name.startswith(_EPISODE))
    removed = _write_all(
        table, (_removal(table.name, count, day, name, before[name]) for name in gone)
    )
    _sum_all(table, count, day, {name: name in kept for name in to_sum})
    return Replaced(written, unchanged, removed, len(to_sum))


def entries(table: Table, tenant: str, rules: str, day: date) -> dict[str, Entry]:
    """The list of a day's cards by `SHOW#…`, `EPISODE#…`, `TENANT#…`, read consistently."""
    found: dict[str, Entry] = {}
    arguments: dict[str, Any] = {
        "KeyConditionExpression": Key("pk").eq(keys.cards_of_day(tenant, rules, day)),
        "ConsistentRead": True,
    }
    while True:
        with translated(f"list the cards of {day}"):
            page = table.query(**arguments)
        found |= {str(item["sk"]): _entry(item) for item in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return found
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(
        digest=str(item["digest"]),
        pages=int(item["pages"]),
        downloads=int(item["downloads"]),
        show_id=str(item["show_id"]),
        unsummed=bool(item.get("unsummed", False)),
    )


def _replacement(table: str, card: Card, known: Entry | None) -> list[dict[str, Any]]:
    """The writes that put a card in place of the one before: all of them, or none."""
    items = card_items(card)
    count = card.count
    entry = {
        **_entry_key(count, card.day, keys.card_entry(card.scope, card.id)),
        "kind": "card_entry",
        "digest": card.digest,
        "pages": len(items),
        "version": count.version,
        "show_id": card.show_id,
        "downloads": card.downloads,
        **({"unsummed": True} if card.scope == "episode" else {}),
    }
    pages_before = known.pages if known else 0
    return [
        *({"Put": {"TableName": table, "Item": item}} for item in items),
        *(
            _deleted(table, {"pk": items[0]["pk"], "sk": keys.day(card.day, page)})
            for page in range(len(items), pages_before)
        ),
        {"Put": {"TableName": table, "Item": entry, **_not_newer(count)}},
    ]


def _removal(
    table: str, count: CountInfo, day: date, name: str, known: Entry
) -> list[dict[str, Any]]:
    """Delete a card and its entry; an episode's entry stays until its sums are made again."""
    scope, _, of_id = name.partition("#")
    pk = keys.of(count.tenant, count.rules, cast("Scope", scope.lower()), of_id)
    entry = _entry_key(count, day, name)
    pages = [_deleted(table, {"pk": pk, "sk": keys.day(day, page)}) for page in range(known.pages)]
    if not name.startswith(_EPISODE):
        return [*pages, _deleted(table, entry, **_not_newer(count))]
    left = {
        **entry,
        "kind": "card_entry",
        "digest": "",
        "pages": 0,
        "version": count.version,
        "show_id": known.show_id,
        "downloads": 0,
        "unsummed": True,
    }
    return [*pages, {"Put": {"TableName": table, "Item": left, **_not_newer(count)}}]


def _entry_key(count: CountInfo, day: date, name: str) -> dict[str, str]:
    return {"pk": keys.cards_of_day(count.tenant, count.rules, day), "sk": name}


def _deleted(table: str, key: Mapping[str, str], **condition: object) -> dict[str, Any]:
    return {"Delete": {"TableName": table, "Key": dict(key), **condition}}


def _not_newer(count: CountInfo) -> dict[str, Any]:
    return {
        "ConditionExpression": "attribute_not_exists(pk) OR #version <= :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":version": count.version},
    }


def _sum_all(table: Table, count: CountInfo, day: date, names: Mapping[str, bool]) -> None:
    """Sum episodes' downloads since release again; the value says whether the card is there."""

    def settle(name: str, *, is_there: bool) -> None:
        sum_ages(table, count, name.removeprefix(_EPISODE), day)
        key = _entry_key(count, day, name)
        with translated(f"note the sums of {name}"):
            if is_there:
                table.update_item(Key=key, UpdateExpression="REMOVE unsummed")
            else:
                table.delete_item(Key=key)

    _at_once(lambda pair: settle(pair[0], is_there=pair[1]), sorted(names.items()))


def _write_all(table: Table, changes: Iterable[list[dict[str, Any]]]) -> int:
    """Write changes, several to a transaction; returns how many. A change is never cut in two."""
    written = 0
    batches = _batches(changes)
    # In rounds, so that only a few transactions are held in memory.
    while some := list(islice(batches, THREADS)):
        written += sum(_at_once(lambda batch: _write(table, batch), some))
    return written


def _at_once(do: Callable[[_Work], _Done], works: Sequence[_Work]) -> list[_Done]:
    """Do several things at the same time, one of them without a thread."""
    if len(works) <= 1 or THREADS == 1:
        return [do(work) for work in works]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(do, works))


def _write(table: Table, batch: list[list[dict[str, Any]]]) -> int:
    writes = [write for change in batch for write in change]
    try:
        with translated("replace cards"):
            table.meta.client.transact_write_items(
                TransactItems=cast("list[TransactWriteItemTypeDef]", writes)
            )
    except ConditionFailedError as error:
        raise NewerCountError("a newer count of this day has been written") from error
    return len(batch)


def _batches(changes: Iterable[list[dict[str, Any]]]) -> Iterator[list[list[dict[str, Any]]]]:
    batch: list[list[dict[str, Any]]] = []
    writes = size = 0
    for change in changes:
        change_size = len(json.dumps(change, ensure_ascii=False).encode())
        if batch and (writes + len(change) > _MOST_WRITES or size + change_size > _MOST_BYTES):
            yield batch
            batch, writes, size = [], 0, 0
        batch.append(change)
        writes += len(change)
        size += change_size
    if batch:
        yield batch
