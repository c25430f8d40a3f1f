"""Charts at the handler, over 400 days, against a bare Query of the same items.

    python bench/analytics.py [RUNS]

The whole handler of `api` is called with a gateway's event: authorizer context, rate limit, the
route, the reply as JSON. What DynamoDB answers is remembered from a first call and given again, so
that what is timed is processor time of our own work and of boto3's; network and DynamoDB's own
time come on top, and their number of calls is told. The bare Query reads the very same items with
boto3 and does nothing with them.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
import time
import warnings
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from boto3.dynamodb.conditions import Key
from moto.core.botocore_stubber import BotocoreStubber

from tallycast.aws import clients
from tallycast.aws.observability import logger
from tallycast.measurement.rollups.ages import totals_of
from tallycast.measurement.rollups.items import ages_item, listener_item
from tallycast.measurement.rollups.model import (
    AGE_BUCKETS,
    DIMENSIONS,
    Breakdown,
    Card,
    CountInfo,
    Hour,
    ListenerCount,
    Thing,
)
from tallycast.measurement.rollups.reading import CardReader
from tests.support.analytics import NOW, analytics_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = 15
DAYS = 460  # 400, and what rolling looks back on
EPISODES = 120
MOST_MILLISECONDS = 100
MOST_MILLISECONDS_OF_A_READ = 9
LAST = NOW.date()
COUNT = CountInfo(
    "acme", "iab-2.3", NOW, rules_digest="0123456789abcdef",
    reference={"agents": "2026-11-01", "datacenters": "2026-11-01"},
)  # fmt: skip
VALUES = {"apps": 60, "devices": 8, "countries": 90, "referrers": 40, "sources": 2, "networks": 5}
RULES = ("bot", "data_centre", "below_threshold", "repeat", "two_bytes", "method", "apple_watch",
         "not_modified", "vpn", "status", "blank_agent", "volume")  # fmt: skip
PERIOD = f"first={LAST - timedelta(days=399)}&last={LAST}"
HOURS = f"first={LAST - timedelta(days=99)}&last={LAST}&step=hour"


def a_card(dice: random.Random, scope: str, of_id: str, day: date, ids: list[str]) -> Card:
    """A day of a middling show (about 5,000 downloads), or of one of its episodes."""
    size = 5_000 if scope == "show" else 400
    hours = tuple(Hour(hour, "+00:00", dice.randint(size // 40, size // 12)) for hour in range(24))
    downloads = sum(hour.downloads for hour in hours)
    few = 1 if scope == "show" else 3
    return Card(
        count=COUNT,
        scope=scope,
        id=of_id,
        day=day,
        show_id="show_1",
        downloads=downloads,
        requests=downloads * 2,
        listeners=downloads - 7,
        hours=hours,
        breakdowns={
            name: _split(dice, downloads, VALUES[name] // few or 1, name) for name in DIMENSIONS
        },
        episodes=Breakdown({each: dice.randint(1, 200) for each in ids}),
        waterfall={"counted": downloads, **{rule: dice.randint(1, downloads) for rule in RULES}},
        ages={bucket: dice.randint(1, size) for bucket in AGE_BUCKETS},
    )


def _split(dice: random.Random, total: int, parts: int, name: str) -> Breakdown:
    cuts = sorted(dice.randint(0, total) for _ in range(parts - 1))
    counts = sorted((b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)), reverse=True)
    return Breakdown({f"{name.title()} number {n}": count for n, count in enumerate(counts)})


class Remembered:
    """Answers of the tables, given again without the work of making them."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, bytes], Any] = {}
        self.calls = 0
        self._make = BotocoreStubber.__call__

    def __call__(self, stubber: BotocoreStubber, event_name: str, request: Any, **_: Any) -> Any:
        self.calls += 1
        # A rate limit is written anew each time; any answer to it will do.
        what = request.headers.get("X-Amz-Target", b"")
        key = (str(what), b"" if b"UpdateItem" in what else request.body)
        if key not in self.answers:
            answer = self._make(stubber, event_name, request)
            _ = answer.content  # read once, kept in the answer
            if answer.status_code != 200:
                return answer
            self.answers[key] = answer
        return self.answers[key]


def filled(platform: Any) -> list[str]:
    """A show with 120 episodes, one every four days, and all their numbers."""
    dice = random.Random(1)
    feed = platform.add_show()
    released = [
        datetime(LAST.year, LAST.month, LAST.day, 5, 40, tzinfo=UTC) - timedelta(days=4 * n)
        for n in range(EPISODES)
    ]
    ids = [platform.add_episode(feed, f"e{n}", at) for n, at in enumerate(released)]
    for back in range(DAYS):
        day = LAST - timedelta(days=back)
        platform.put([a_card(dice, "show", "show_1", day, ids)])
        platform.state(day, "provisional" if back < 4 else "final")
    for episode_id, at in zip(ids, released, strict=True):
        days = [at.date() + timedelta(days=n) for n in range(32)]
        platform.put(a_card(dice, "episode", episode_id, day, []) for day in days if day <= LAST)
        totals = totals_of(episode_id, {"2026-11": {"1": 5, "older": 9}}, COUNT)
        platform.stacks.metrics.put_item(Item=ages_item("acme", "iab-2.3", totals, {}))
    for number in range(14):
        month = (LAST.replace(day=1) - timedelta(days=30 * number)).strftime("%Y-%m")
        first = date.fromisoformat(f"{month}-01")
        count = ListenerCount(
            "acme", "iab-2.3", "show", "show_1", "month", month, first, first, 9, NOW
        )
        platform.stacks.metrics.put_item(Item=listener_item(count))
    return ids


def timed(work: Callable[[], Any], runs: int) -> float:
    """Median processor time of a call, in milliseconds."""
    work()
    took = []
    for _ in range(runs):
        began = time.process_time()
        work()
        took.append((time.process_time() - began) * 1000)
    return median(took)


def bare(table: Any, first: date) -> Callable[[], int]:
    """Read a show's items of a period with boto3, page by page."""
    partition = "TENANT#acme#RULES#iab-2.3#SHOW#show_1"

    def query() -> int:
        condition = Key("pk").eq(partition) & Key("sk").between(f"DAY#{first}", f"DAY#{LAST}~")
        found, more = 0, {}
        while True:
            page = table.query(KeyConditionExpression=condition, **more)
            found += len(page["Items"])
            if "LastEvaluatedKey" not in page:
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    return query


def reads(table: Any, episode_id: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is read of the rollups at once: a name and the call."""
    cards, show = CardReader(table), Thing("acme", "iab-2.3", "show", "show_1")
    day = LAST - timedelta(days=9)
    yield "card of a day", lambda: cards.day(show, day)
    yield "cards of 7 days", lambda: cards.days(show, day - timedelta(days=6), day).items
    yield "downloads by age of an episode", lambda: cards.ages("acme", "iab-2.3", episode_id)
    yield "listeners of a month", lambda: cards.listeners(show, "month", "2026-11", "2026-11")


def charts(ids: list[str]) -> Iterator[tuple[str, str]]:
    """What is measured: a name and an address."""
    show = f"show_id=show_1&{PERIOD}"
    eight = "&".join(f"episode_id={each}" for each in ids[8:16])
    yield "downloads by day", f"/v1/downloads?{show}"
    yield "downloads by 6 h", f"/v1/downloads?{show}&step=6h"
    yield "downloads by hour, 100 days", f"/v1/downloads?show_id=show_1&{HOURS}"
    yield "rolling 7 and 30 days", f"/v1/downloads/rolling?{show}"
    yield "months and listeners", f"/v1/audience/listeners?{show}"
    yield "heat map", f"/v1/audience/heat-map?{show}"
    yield "apps", f"/v1/audience/breakdown?by=apps&{show}"
    yield "countries", f"/v1/audience/breakdown?by=countries&{show}"
    yield "waterfall", f"/v1/downloads/waterfall?{show}"
    yield "a day's episodes", f"/v1/downloads/days/{LAST - timedelta(days=9)}?show_id=show_1"
    yield "episodes by age, 50", "/v1/shows/show_1/ages"
    yield "8 curves of 7 days, median", f"/v1/shows/show_1/curves?{eight}"
    yield "8 curves of 30 days, median", f"/v1/shows/show_1/curves?hours=720&{eight}"
    yield "downloads by day as CSV", f"/v1/downloads?{show}&format=csv"
    yield "last 30 days by day", "/v1/downloads?show_id=show_1"


def main(runs: int = RUNS) -> int:
    """Print one line per read and chart; 1 when one takes more processor time than is promised."""
    print(f"\nCharts at the handler: a show of 5,000 downloads a day, {EPISODES} episodes")
    ok = True
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(patch.dict(os.environ, POWERTOOLS_METRICS_DISABLED="true"))
        platform = stack.enter_context(analytics_platform())
        ids = filled(platform)
        remembered = Remembered()
        stack.enter_context(
            patch.object(BotocoreStubber, "__call__", lambda *a, **k: remembered(*a, **k))  # noqa: PLW0108 - a method is bound, an object is not
        )
        logger.setLevel("ERROR")
        table = clients.table(platform.stacks.outputs["MetricsTable"])
        query = bare(table, LAST - timedelta(399))
        items, plain = query(), timed(query, runs)
        print(f"  {'bare Query of 400 days':30}{plain:>8.1f} ms   {items} items")
        for name, read in reads(table, ids[8]):
            if not read():
                raise SystemExit(f"{name}: nothing is there")
            took = timed(read, runs)
            ok = ok and took <= MOST_MILLISECONDS_OF_A_READ
            print(f"  {name:30}{took:>8.1f} ms")
        print(f"  each within {MOST_MILLISECONDS_OF_A_READ} ms, beside DynamoDB's own time")
        for name, url in charts(ids):
            answer = platform.client.get(url)
            if answer.status != 200:
                raise SystemExit(f"{name}: {answer.text}")
            remembered.calls = 0
            platform.client.get(url)
            calls = remembered.calls
            took = timed(lambda url=url: platform.client.get(url), runs)
            ok = ok and took <= MOST_MILLISECONDS
            print(
                f"  {name:30}{took:>8.1f} ms   {took / plain:>5.2f} of the Query, "
                f"{calls} calls, {len(answer.text) / 1000:,.0f} kB"
            )
    print(f"  each within {MOST_MILLISECONDS} ms: {'PASS' if ok else 'MISS'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else RUNS))
