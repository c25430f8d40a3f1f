"""Read many items of a table at once."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from tallycast.aws.errors import ServiceUnavailableError, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.service_resource import Table

_PER_CALL = 100  # DynamoDB takes no more keys in one call
_TRIES = 8
_FIRST_PAUSE_SECONDS = 0.05


def read_items(
    table: Table, keys: Sequence[Mapping[str, Any]], *, consistent: bool = False
) -> Iterator[dict[str, Any]]:
    """The items under these keys, in no order; keys without an item are passed over.

    What the table leaves unprocessed is asked for again, after growing pauses.

    Raises:
        ServiceUnavailableError: the table went on leaving keys unprocessed.
    """
    for start in range(0, len(keys), _PER_CALL):
        wanted = {"Keys": list(keys[start : start + _PER_CALL]), "ConsistentRead": consistent}
        yield from _read(table, {table.name: wanted})


def _read(table: Table, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for attempt in range(_TRIES):
        with translated(f"read items of {table.name}"):
            answer = table.meta.client.batch_get_item(RequestItems=asked)
        yield from answer["Responses"].get(table.name, [])
        asked = dict(answer.get("UnprocessedKeys") or {})
        if not asked:
            return
        time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311
    raise ServiceUnavailableError(f"{table.name} leaves items unread", table=table.name)
