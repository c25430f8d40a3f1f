"""One tick over 100 000 due feeds, against the limits of one Lambda invocation.

The due-index and the queue stand in memory, in pages of 1 MB as DynamoDB has them: what is measured
is our own work, and what is counted are the calls that AWS would answer. What those calls cost on
AWS is then stated from their number, at a latency that is named and not measured. The integration
tests hold the same scheduler to exact counts on a real index.

The same tick is run again with invocations that are cut short, to show that it goes on.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tallycast.feeds.feed import Feed, PollMessage
from tallycast.feeds.items import feed_item
from tallycast.feeds.queue import PollQueue
from tallycast.feeds.tick import Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterable

FEEDS = 100_000
INCLUDED = ("tenant", "feed_id", "host")
PAGE_BYTES = 1024 * 1024
SHORT_SECONDS = 20.5  # half a second of work, then the scheduler leaves
SECONDS_LIMIT = 300  # the function's time-out, see template.yaml
THREADS = 8
MILLISECONDS_PER_CALL = 15  # a cautious figure for SQS and DynamoDB inside one region
NOON = datetime(2026, 11, 22, 12, 15, tzinfo=UTC)


class CountingSqs:
    """A queue client that keeps what it is given and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.bodies: list[str] = []

    def send_message_batch(self, *, Entries: list[dict], **_: object) -> dict:  # noqa: N803
        self.calls += 1
        self.bodies += [entry["MessageBody"] for entry in Entries]
        return {"Failed": []}


def indexed(feed: Feed) -> dict:
    """A feed's entry in the due-index: the keys, and what the index includes."""
    item = feed_item(feed)
    return {name: item[name] for name in ("pk", "sk", "due_shard", "due_at", *INCLUDED)}


class Index:
    """The due-index in memory: sorted entries per shard, read in pages of 1 MB."""

    name = "core"

    def __init__(self, items: Iterable[dict]) -> None:
        self.pages: dict[str, list[list[dict]]] = {}
        self.marker: dict | None = None
        for item in sorted(items, key=lambda i: (i["due_at"], i["pk"])):
            pages = self.pages.setdefault(item["due_shard"], [[]])
            if sum(len(str(value)) + 8 for value in item.values()) * len(pages[-1]) > PAGE_BYTES:
                pages.append([])
            pages[-1].append(item)

    def query(self, *, KeyConditionExpression, ExclusiveStartKey=None, **_):  # noqa: N803
        shard = KeyConditionExpression.get_expression()["values"][0].get_expression()["values"][1]
        number = int(ExclusiveStartKey["page"]) if ExclusiveStartKey else 0
        pages = self.pages[shard]
        more = {"LastEvaluatedKey": {"page": str(number + 1)}} if number + 1 < len(pages) else {}
        return {"Items": pages[number], **more}

    def get_item(self, **_):
        return {"Item": self.marker} if self.marker else {}

    def put_item(self, *, Item, **_):  # noqa: N803
        self.marker = Item


def feeds():
    for number in range(FEEDS):
        yield Feed(
            tenant=f"tenant-{number % 100}",
            feed_id=f"feed_{number:026d}",
            show_id=f"show_{number:026d}",
            url=f"https://host-{number % 3000}.example.com/shows/{number}/feed.xml",
            created_at=NOON,
            next_poll_at=NOON,
        )


def run(table, *, seconds: float) -> tuple[CountingSqs, int, int, float]:
    """Tick with invocations of so many seconds; gives calls, pages, invocations, seconds."""
    sqs = CountingSqs()
    scheduler = Scheduler(table, PollQueue(sqs, "queue", threads=THREADS), lambda: NOON)
    cursor = scheduler.begin(NOON)
    began = time.perf_counter()
    invocations = 0
    while cursor is not None:
        started = time.perf_counter()
        result = scheduler.run(
            cursor, time_left=lambda s=started: seconds - (time.perf_counter() - s)
        )
        cursor = result.rest
        invocations += 1
    return sqs, result.pages, invocations, time.perf_counter() - began


def main() -> int:
    """Print the figures; 1 when a feed was missed or sent twice, or the limit passed."""
    print(f"\nTick: {FEEDS:,} due feeds")
    table = Index(indexed(feed) for feed in feeds())
    ok = True
    for name, seconds in (("one invocation", SECONDS_LIMIT), ("cut short", SHORT_SECONDS)):
        table.marker = None
        sqs, pages, invocations, took = run(table, seconds=seconds)
        sent = Counter(PollMessage.model_validate_json(body).feed_id for body in sqs.bodies)
        exact = len(sent) == FEEDS and set(sent.values()) == {1}
        waiting = (sqs.calls / THREADS + pages) * MILLISECONDS_PER_CALL / 1000
        print(
            f"  {name:15} {len(sent):,} sent, each once: {exact}; {sqs.calls:,} batch sends, "
            f"{pages} index pages, {invocations} invocation(s), {took:.1f} s of our own work; "
            f"about {waiting:.0f} s of waiting for AWS at {MILLISECONDS_PER_CALL} ms a call "
            f"in {THREADS} threads"
        )
        ok = ok and exact and (name == "one invocation" or invocations > 1)
    fits = took + waiting < SECONDS_LIMIT
    print(f"  fits into one invocation of {SECONDS_LIMIT} s: {'PASS' if fits and ok else 'MISS'}")
    return 0 if fits and ok else 1


if __name__ == "__main__":
    sys.exit(main())
