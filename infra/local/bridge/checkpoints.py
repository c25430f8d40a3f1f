"""The kept state is also saved while the cloud runs, so that a crash costs a minute at most.

AWS keeps what it acknowledged. MiniStack writes its state only when it ends in good order (S3
objects at once): a machine that is switched off would leave objects without their tables.
"""

# ruff: noqa: SLF001 - mending MiniStack means reaching into it

from __future__ import annotations

import threading

from ministack import app
from ministack.core import persistence

EVERY_SECONDS = 60.0


def _save_now_and_then() -> None:
    while True:
        threading.Event().wait(EVERY_SECONDS)
        persistence.save_all(app._build_persistence_save_dict())


def apply() -> None:
    """Save every minute, when state is kept at all."""
    if persistence.PERSIST_STATE:
        threading.Thread(target=_save_now_and_then, daemon=True, name="checkpoints").start()
