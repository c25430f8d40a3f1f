"""A connection: an account at a provider, and the tokens that open it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import Field

from tallycast.aws.records import Kind
from tallycast.kernel.errors import ConflictError, NotFoundError
from tallycast.kernel.schema import Produced


class ConnectionNotFoundError(NotFoundError):
    """The tenant has no such connection."""


class ConnectionNotReadyError(ConflictError):
    """The connection has no tokens to be used: a person has to connect it first, or again."""


class State(StrEnum):
    """Where a connection stands."""

    CONNECTING = "connecting"  # a person was sent to the provider
    ACTIVE = "active"
    NEEDS_RECONNECT = "needs_reconnect"  # the provider takes our tokens no more


class Health(StrEnum):
    """How a connection does, for people."""

    OK = "ok"
    FAILING = "failing"  # the provider does not answer as it should; tried again
    BROKEN = "broken"  # somebody has to connect it again
    PENDING = "pending"  # nobody has connected it yet


class Invitation(Produced):
    """A person on the way to the provider and back; good once.

    Attributes:
        state_hash: SHA-256 of the secret part of `state`.
        verifier: of PKCE, sealed; None for a provider without.
        subject: who was sent.
    """

    state_hash: str
    verifier: str | None
    redirect_uri: str
    subject: str
    expires_at: datetime


class Lease(Produced):
    """That one worker is exchanging the refresh token just now."""

    id: str
    until: datetime


class Connection(Produced):
    """The document.

    Attributes:
        tokens: sealed (`vault.Tokens`), None before there are any.
        generation: how often tokens were stored: the fence. What came of exchanging the tokens
            of one generation is stored over that generation alone.
        expires_at: of the access token.
        refreshable: whether a refresh token came with it.
        refresh_at: when to refresh, or to look again.
        refresh_expires_at: of the refresh token, where the provider says how long it lives.
        failures: in a row; `problem` says what the last one was, in our words.
        lease: left behind by a worker that died, when it is over.
    """

    provider: str
    label: str = ""
    state: State
    connected_by: str
    connected_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    invitation: Invitation | None = None
    tokens: str | None = None
    generation: int = 0
    expires_at: datetime | None = None
    refreshable: bool = False
    refresh_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    refreshed_at: datetime | None = None
    failures: int = Field(default=0, ge=0)
    problem: str | None = None
    lease: Lease | None = None

    @property
    def health(self) -> Health:
        """How it does."""
        if self.state is State.CONNECTING:
            return Health.PENDING
        if self.state is State.NEEDS_RECONNECT:
            return Health.BROKEN
        return Health.FAILING if self.failures else Health.OK


def _due(connection: Connection) -> datetime | None:
    """When the refresher looks: to refresh, or to clear away what nobody went through with."""
    return None if connection.state is State.NEEDS_RECONNECT else connection.refresh_at


CONNECTION: Final = Kind(
    name="connection", model=Connection, missing=ConnectionNotFoundError, due=_due
)
