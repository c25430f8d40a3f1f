"""When a connection is refreshed, and how long it is left alone after a failure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallycast.partners.connections.model import Connection, State

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.partners.connections.grants import Granted

INVITED: Final = timedelta(minutes=10)
LEASE: Final = timedelta(seconds=60)  # longer than any exchange may take
SPARE: Final = timedelta(seconds=60)  # an access token handed out is good for as long, at least
_AHEAD: Final = timedelta(minutes=15)  # two ticks may be missed
_SHARE: Final = 3  # of a short life, the last third
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_MOST_DOUBLINGS: Final = 7


def refresh_time(now: datetime, lifetime: timedelta) -> datetime:
    """When to refresh an access token that came just now and lives so long."""
    return now + lifetime - min(_AHEAD, lifetime / _SHARE)


def pause_after(failures: int, asked: float | None = None) -> timedelta:
    """How long to leave the provider alone after so many failures; as it asked, within an hour."""
    pause = _FIRST_PAUSE * (1 << min(failures - 1, _MOST_DOUBLINGS))
    if asked is not None:
        pause = max(pause, timedelta(seconds=asked))
    return min(pause, _LONGEST_PAUSE)


def with_tokens(
    connection: Connection, sealed: str, granted: Granted, now: datetime, refresh_days: int | None
) -> Connection:
    """The connection with new tokens: healthy, and of the next generation."""
    refreshable = granted.tokens.refresh is not None
    life = None if refresh_days is None else now + timedelta(days=refresh_days)
    return connection.model_copy(
        update={
            "state": State.ACTIVE,
            "tokens": sealed,
            "generation": connection.generation + 1,
            "expires_at": now + granted.lifetime,
            "refreshable": refreshable,
            # Without a refresh token it ends with the access token, and is looked at then.
            "refresh_at": refresh_time(now, granted.lifetime)
            if refreshable
            else now + granted.lifetime,
            "refresh_expires_at": life if refreshable else None,
            "refreshed_at": now,
            "scopes": connection.scopes if granted.scopes is None else granted.scopes,
            "invitation": None,
            "lease": None,
            "failures": 0,
            "problem": None,
        }
    )


def failed(connection: Connection, problem: str, now: datetime, asked: float | None) -> Connection:
    """The connection after a failure that time may mend."""
    failures = connection.failures + 1
    return connection.model_copy(
        update={
            "failures": failures,
            "problem": problem,
            "refresh_at": now + pause_after(failures, asked),
            "lease": None,
        }
    )


def broken(connection: Connection, problem: str) -> Connection:
    """The connection once the provider takes our tokens no more: they are destroyed."""
    return connection.model_copy(
        update={
            "state": State.NEEDS_RECONNECT,
            "tokens": None,
            "refresh_at": None,
            "lease": None,
            "problem": problem,
        }
    )
