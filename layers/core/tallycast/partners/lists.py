"""Lists of the deliveries table, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import ConditionBase, Key

from tallycast.aws.batch import read_items
from tallycast.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def newest_first(
    table: Table, name: str, *, by_status: bool, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of items and the cursor of the next, None at the end.

    Args:
        table: the deliveries table.
        name: the partition of the index.
        by_status: of the index by status, else of that of everything.
        limit: at most so many.
        cursor: of the page before.
    """
    index, key = ("by_status", "status_key") if by_status else ("listing", "list_key")
    condition: ConditionBase = Key(key).eq(name)
    if cursor is not None:
        condition &= Key("list_sort").lt(cursor)
    with translated(f"list {name}"):
        found = table.query(
            IndexName=index,
            KeyConditionExpression=condition,
            ScanIndexForward=False,
            Limit=limit + 1,
        )["Items"]
    wanted = [{"pk": str(each["pk"]), "sk": str(each["sk"])} for each in found[:limit]]
    there = {(item["pk"], item["sk"]): item for item in read_items(table, wanted)}
    items = [there[pair] for key in wanted if (pair := (key["pk"], key["sk"])) in there]
    return items, str(found[limit - 1]["list_sort"]) if len(found) > limit else None
