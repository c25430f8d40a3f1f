"""The due-index of the `core` table: which things of a kind want to be looked at, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from tallycast.aws.errors import translated
from tallycast.kernel import keys
from tallycast.kernel.times import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

_INDEX = "due"


def due_keys(table: Table, kind: str, until: datetime) -> Iterator[dict[str, str]]:
    """The keys (`pk`, `sk`) of all things of a kind that are due by `until`, shard by shard.

    The index lags behind the table: read the thing before deciding anything about it.
    """
    for shard in keys.due_shards_of(kind):
        condition = Key("due_shard").eq(shard) & Key("due_at").lte(to_text(until))
        arguments: dict[str, Any] = {"IndexName": _INDEX, "KeyConditionExpression": condition}
        while True:
            with translated("read the due-index"):
                page = table.query(**arguments)
            for item in page["Items"]:
                yield {"pk": str(item["pk"]), "sk": str(item["sk"])}
            if "LastEvaluatedKey" not in page:
                break
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]
