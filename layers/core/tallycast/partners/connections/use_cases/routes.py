"""Connections as routes and other rooms use them, wired."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tallycast.partners.connections.settings import ConnectionsSettings
from tallycast.partners.connections.wiring import Wired, wired

if TYPE_CHECKING:
    from tallycast.partners.connections.connecting import Connections
    from tallycast.partners.connections.removing import Removal
    from tallycast.partners.connections.tokens import AccessTokens


def connections() -> Connections:
    """Connect accounts."""
    return _wired().connections


def removal() -> Removal:
    """Take access back."""
    return _wired().removal


def tokens() -> AccessTokens:
    """Access tokens: `tokens().access_token(tenant, connection_id)`."""
    return _wired().tokens


@cache
def _wired() -> Wired:
    return wired(ConnectionsSettings.from_environment())
