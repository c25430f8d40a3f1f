"""Wiring of `track_download`. Standard library only: a listener waits while this is imported."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.tracking import keys
from tallycast.measurement.tracking.directory import Directory
from tallycast.measurement.tracking.dynamodb import Credentials, ItemReader, endpoint_of
from tallycast.measurement.tracking.hashing import AddressHasher, ring_of
from tallycast.measurement.tracking.redirect import Redirect
from tallycast.measurement.tracking.shows import Policy, TrackedShow, policy_of, show_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallycast.measurement.privacy import KeyRing


class TrackingSettingsError(PermanentError):
    """The function's environment lacks a setting."""


@cache
def redirect() -> Redirect:
    """The redirect of this container."""
    return redirect_with(os.environ)


def redirect_with(environment: Mapping[str, str]) -> Redirect:
    """The redirect as an environment wants it: `CORE_TABLE`, `PRIVACY_TABLE`, `EDGE_SECRET`.

    Raises:
        TrackingSettingsError: which variable is missing.
    """
    try:
        core, privacy = environment["CORE_TABLE"], environment["PRIVACY_TABLE"]
        reader = ItemReader(
            region=environment["AWS_REGION"],
            endpoint=endpoint_of(environment),
            credentials=Credentials.from_environment(environment),
            clock=_now,
        )
    except KeyError as error:
        raise TrackingSettingsError(f"the function lacks the setting {error.args[0]}") from None
    return Redirect(
        directory=Directory(_Shows(reader, core), time.time, _report),
        hashed=AddressHasher(_Keys(reader, privacy), time.time),
        write=write,
        clock=lambda: time.time_ns() // 1_000_000,
        edge_secret=environment.get("EDGE_SECRET", "").encode(),
    )


def write(line: str) -> None:
    """One line to the function's log, in one piece."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class _Shows:
    """Reads a key's show and the policy in one call."""

    def __init__(self, reader: ItemReader, table: str) -> None:
        self._reader = reader
        self._table = table

    def __call__(self, show_key: str) -> tuple[TrackedShow | None, Policy]:
        of_key = keys.show_key(keys.key_digest(show_key))
        found = {
            item["sk"]["S"]: item
            for item in self._reader.read(self._table, [of_key, keys.policy()])
        }
        item = found.get(keys.KEY_SK)
        return show_of(item) if item else None, policy_of(found.get(keys.POLICY_SK))


class _Keys:
    """Reads the month keys of addresses."""

    def __init__(self, reader: ItemReader, table: str) -> None:
        self._reader = reader
        self._table = table

    def __call__(self, months: Iterable[str]) -> KeyRing:
        return ring_of(self._reader.read(self._table, [{"id": month} for month in months]))


def _report(error: Exception) -> None:
    """A failed look-up, for the metric filter; the error's name holds nothing of a stranger."""
    write(f'{{"v":1,"kind":"lookup_failed","reason":"{type(error).__name__}"}}')


def _now() -> datetime:
    return datetime.now(UTC)
