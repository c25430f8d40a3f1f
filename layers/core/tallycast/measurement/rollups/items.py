"""How cards lie in the `metrics` table: one item a day, and further pages for very many episodes.

Numbers that lists need are fields; everything else is one JSON document, which is smaller than
DynamoDB's own maps and is read in a tenth of the time.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any, Final, cast

from tallycast.kernel.errors import PermanentError
from tallycast.kernel.times import from_text, to_text
from tallycast.measurement.rollups import keys
from tallycast.measurement.rollups.cards import hours_of
from tallycast.measurement.rollups.model import (
    AgeTotals,
    Breakdown,
    Card,
    CountInfo,
    ListenerCount,
    numbers_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# DynamoDB takes items of up to 400 KB, names and keys included.
LARGEST_DOCUMENT: Final = 300_000
_PER_EPISODE: Final = 12  # bytes of a number, quotes and punctuation; the id comes on top


class CardTooLargeError(PermanentError):
    """A card does not fit into the table, even in pages."""


def card_items(card: Card, *, largest: int = LARGEST_DOCUMENT) -> list[dict[str, Any]]:
    """The items of a card: the card itself, then the pages of its episodes that do not fit.

    Raises:
        CardTooLargeError: more pages than can be numbered.
    """
    numbers = _json(numbers_of(card))
    chunks = list(_chunks(card.episodes.values, largest - len(numbers.encode()), largest))
    if len(chunks) > keys.PAGES:
        raise CardTooLargeError(
            f"{card.id} has too many episodes on {card.day}", id=card.id, day=str(card.day)
        )
    pk = keys.of(card.count.tenant, card.count.rules, card.scope, card.id)
    first = {
        "pk": pk,
        "sk": keys.day(card.day),
        "kind": "card",
        "tenant": card.count.tenant,
        "rules": card.count.rules,
        "scope": card.scope,
        "id": card.id,
        "day": card.day.isoformat(),
        "show_id": card.show_id,
        "downloads": card.downloads,
        "requests": card.requests,
        "listeners": card.listeners,
        "status": card.count.status,
        "version": card.count.version,
        "counted_at": to_text(card.count.counted_at),
        "rules_digest": card.count.rules_digest,
        "reference": dict(card.count.reference),
        "ages": dict(card.ages),
        "numbers": numbers,
        "episodes": _json(chunks[0] if chunks else {}),
        "other_episodes": card.episodes.other,
        "pages": max(len(chunks), 1),
    }
    further = [
        {"pk": pk, "sk": keys.day(card.day, page), "kind": "card_page", "episodes": _json(chunk)}
        for page, chunk in enumerate(chunks[1:], start=1)
    ]
    return [first, *further]


def _chunks(episodes: Mapping[str, int], room: int, largest: int) -> Iterator[dict[str, int]]:
    """Episodes in order, cut so that each part is small enough; `room` is left in the first."""
    chunk: dict[str, int] = {}
    size = 0
    for episode_id, downloads in episodes.items():
        size += len(episode_id.encode()) + _PER_EPISODE
        if size > room:
            yield chunk
            chunk, size, room = {}, len(episode_id.encode()) + _PER_EPISODE, largest
        chunk[episode_id] = downloads
    if chunk:
        yield chunk


def card_of(items: Sequence[Mapping[str, Any]]) -> Card:
    """The card of its items, in the order of their pages."""
    first = items[0]
    numbers: dict[str, Any] = json.loads(str(first["numbers"]))
    episodes: dict[str, int] = {}
    for item in items:
        episodes.update(json.loads(str(item["episodes"])))
    return Card(
        count=CountInfo(
            tenant=str(first["tenant"]),
            rules=str(first["rules"]),
            counted_at=from_text(str(first["counted_at"])),
            status=first["status"],
            version=int(first["version"]),
            rules_digest=str(first["rules_digest"]),
            reference={name: str(value) for name, value in first["reference"].items()},
        ),
        scope=first["scope"],
        id=str(first["id"]),
        day=date.fromisoformat(str(first["day"])),
        show_id=str(first["show_id"]),
        downloads=int(first["downloads"]),
        requests=int(first["requests"]),
        listeners=int(first["listeners"]),
        hours=hours_of(numbers["hours"]),
        breakdowns={
            name: Breakdown(part["values"], part["other"])
            for name, part in numbers["breakdowns"].items()
        },
        episodes=Breakdown(episodes, int(first["other_episodes"])),
        shows=Breakdown(numbers["shows"]["values"], numbers["shows"]["other"]),
        waterfall=numbers["waterfall"],
        ages=numbers["ages"],
    )


def ages_item(
    tenant: str, rules: str, totals: AgeTotals, months: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """The downloads since release of one episode; `months` are the buckets they are summed from."""
    return {
        "pk": keys.of(tenant, rules, "episode", totals.episode_id),
        "sk": keys.ages(),
        "kind": "ages",
        "id": totals.episode_id,
        "within": {str(days): count for days, count in totals.within.items()},
        "all_time": totals.all_time,
        "counted_at": to_text(totals.counted_at),
        "months": _json(months),
    }


def ages_of(item: Mapping[str, Any]) -> AgeTotals:
    """The reverse of `ages_item`."""
    return AgeTotals(
        episode_id=str(item["id"]),
        within={int(days): int(count) for days, count in item["within"].items()},
        all_time=int(item["all_time"]),
        counted_at=from_text(str(item["counted_at"])),
    )


def months_of(item: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The buckets by month that an item of ages keeps."""
    return cast("dict[str, dict[str, int]]", json.loads(str(item["months"])))


def listener_item(count: ListenerCount) -> dict[str, Any]:
    """The listeners of one period."""
    return {
        "pk": keys.of(count.tenant, count.rules, count.scope, count.id),
        "sk": keys.listeners(count.period, count.name),
        "kind": "listeners",
        "tenant": count.tenant,
        "rules": count.rules,
        "scope": count.scope,
        "id": count.id,
        "period": count.period,
        "name": count.name,
        "first": count.first.isoformat(),
        "last": count.last.isoformat(),
        "listeners": count.listeners,
        "status": count.status,
        "counted_at": to_text(count.counted_at),
    }


def listeners_of(item: Mapping[str, Any]) -> ListenerCount:
    """The reverse of `listener_item`."""
    return ListenerCount(
        tenant=str(item["tenant"]),
        rules=str(item["rules"]),
        scope=item["scope"],
        id=str(item["id"]),
        period=item["period"],
        name=str(item["name"]),
        first=date.fromisoformat(str(item["first"])),
        last=date.fromisoformat(str(item["last"])),
        listeners=int(item["listeners"]),
        counted_at=from_text(str(item["counted_at"])),
        status=item["status"],
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
