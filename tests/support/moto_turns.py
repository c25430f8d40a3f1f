"""Threads on moto: calls take turns, as DynamoDB makes them look."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import rsa
from moto.dynamodb import models
from moto.dynamodb.models import Table

_private_key = cache(rsa.generate_private_key)


@contextmanager
def calls_in_turn() -> Iterator[None]:
    """Threads on moto: calls take turns, so that a transaction is seen whole or not at all.

    And before each write of a transaction moto copies the whole table, down to the last value; the
    items with their attributes are enough, as a write replaces whole values. A key that nobody
    uses need not be made anew for every table either.
    """
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
        copier = SimpleNamespace(copy=copy.copy, deepcopy=_copied)
        stack.enter_context(patch.object(models, "copy", copier))
        stack.enter_context(patch.object(rsa, "generate_private_key", _private_key))
        yield


def _copied(thing: Any) -> Any:
    if not isinstance(thing, Table):
        return copy.deepcopy(thing)
    made = copy.copy(thing)
    made.items = thing.items.copy()
    for key, held in thing.items.items():
        made.items[key] = (
            {name: _item(each) for name, each in held.items()}
            if isinstance(held, dict)
            else _item(held)
        )
    return made


def _item(item: Any) -> Any:
    made = copy.copy(item)
    made.attrs = item.attrs.copy()
    return made
