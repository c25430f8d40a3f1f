"""Threads on moto: calls take turns, as DynamoDB makes them look."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.dynamodb import models


@contextmanager
def calls_in_turn() -> Iterator[None]:
    """Calls take turns, so that a transaction is seen whole or not at all."""
    turn = threading.RLock()

    def in_turn(call):
        def taken(*args: Any, **kwargs: Any) -> Any:
            with turn:
                return call(*args, **kwargs)

        return taken

    with ExitStack() as stack:
        for name in ("transact_write_items", "put_item", "update_item", "delete_item", "get_item",
                     "query"):  # fmt: skip
            call = in_turn(getattr(models.DynamoDBBackend, name))
            stack.enter_context(patch.object(models.DynamoDBBackend, name, call))
        yield
