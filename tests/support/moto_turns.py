"""Threads on moto: transactions take turns, as DynamoDB makes them look."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from moto.dynamodb.models import DynamoDBBackend


@contextmanager
def one_transaction_at_a_time() -> Iterator[None]:
    """moto undoes a failed transaction by putting a copy of all tables back: nobody may write meanwhile."""
    turn = threading.Lock()
    real = DynamoDBBackend.transact_write_items

    def in_turn(self, items):
        with turn:
            return real(self, items)

    with patch.object(DynamoDBBackend, "transact_write_items", in_turn):
        yield
