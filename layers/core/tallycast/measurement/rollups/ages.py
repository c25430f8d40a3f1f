"""Downloads of an episode by days since its release, summed from its day cards.

The sums are kept by month, and a changed day makes its month's sum anew from that month's cards:
nothing is added to a number that stands somewhere, and no run reads years of cards.
"""

from __future__ import annotations

import random
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Key

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel.errors import RetryableError
from tallycast.measurement.rollups import keys
from tallycast.measurement.rollups.items import ages_item, months_of
from tallycast.measurement.rollups.model import AGE_BUCKETS, AgeTotals, CountInfo, cumulative

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mypy_boto3_dynamodb.service_resource import Table

_TRIES: Final = 8
_FIRST_PAUSE_SECONDS: Final = 0.02


class AgesBusyError(RetryableError):
    """Too many counts sum the same episode at the same time."""


def sum_ages(table: Table, count: CountInfo, episode_id: str, day: date) -> AgeTotals:
    """Sum an episode's downloads again, after its card of a day has changed.

    Counts of several days may do so at once: who read before another wrote starts again.

    Raises:
        AgesBusyError: others came first again and again.
    """
    for attempt in range(_TRIES):
        before = _read(table, count, episode_id)
        months = months_of(before) if before else {}
        months = {**months, day.strftime("%Y-%m"): _month(table, count, episode_id, day)}
        months = {name: buckets for name, buckets in sorted(months.items()) if buckets}
        totals = totals_of(episode_id, months, count)
        revision = int(before["revision"]) if before else 0
        item = ages_item(count.tenant, count.rules, totals, months)
        try:
            with translated(f"write the ages of {episode_id}"):
                table.put_item(
                    Item={**item, "revision": revision + 1},
                    ConditionExpression="attribute_not_exists(pk) OR revision = :seen",
                    ExpressionAttributeValues={":seen": revision},
                )
        except ConditionFailedError:
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311
            continue
        return totals
    raise AgesBusyError(f"the ages of {episode_id} keep changing", episode_id=episode_id)


def totals_of(
    episode_id: str, months: Mapping[str, Mapping[str, int]], count: CountInfo
) -> AgeTotals:
    """The totals that the months' buckets add up to."""
    buckets = _added(months.values())
    return AgeTotals(
        episode_id=episode_id,
        within=cumulative(buckets),
        all_time=sum(buckets.values()),
        counted_at=count.counted_at,
    )


def _read(table: Table, count: CountInfo, episode_id: str) -> dict[str, Any] | None:
    key = {"pk": keys.of(count.tenant, count.rules, "episode", episode_id), "sk": keys.ages()}
    with translated(f"read the ages of {episode_id}"):
        return table.get_item(Key=key, ConsistentRead=True).get("Item")


def _month(table: Table, count: CountInfo, episode_id: str, day: date) -> dict[str, int]:
    """The buckets of all cards of a day's month."""
    first = day.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    arguments: dict[str, Any] = {
        "KeyConditionExpression": Key("pk").eq(
            keys.of(count.tenant, count.rules, "episode", episode_id)
        )
        & Key("sk").between(keys.day(first), keys.days_until(last)),
        "ProjectionExpression": "ages",
        "ConsistentRead": True,
    }
    found: list[Mapping[str, int]] = []
    while True:
        with translated(f"read the cards of {episode_id}"):
            page = table.query(**arguments)
        found += [
            {name: int(n) for name, n in item["ages"].items()}  # type: ignore[union-attr]
            for item in page["Items"]
            if "ages" in item
        ]
        if "LastEvaluatedKey" not in page:
            return _added(found)
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _added(parts: Collection[Mapping[str, int]]) -> dict[str, int]:
    sums = {bucket: sum(part.get(bucket, 0) for part in parts) for bucket in AGE_BUCKETS}
    return {bucket: n for bucket, n in sums.items() if n}
