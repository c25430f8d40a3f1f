"""Wiring of `rotate_keys`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tallycast.aws import clients
from tallycast.kernel.times import utc_now
from tallycast.measurement.privacy.store import KeyStore
from tallycast.measurement.reference.settings import KeySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallycast.measurement.privacy.store import Rotation


@cache
def rotation() -> Callable[[], Rotation]:
    """Make the keys of the months around now and destroy those behind the retention."""
    settings = KeySettings.from_environment()
    store = KeyStore(clients.table(settings.privacy_table))
    return lambda: store.rotate(utc_now(), settings.key_retention_months)
