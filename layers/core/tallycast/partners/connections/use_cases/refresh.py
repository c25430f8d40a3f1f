"""Wiring of `refresh_connections`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tallycast.partners.connections.settings import RefreshConnectionsSettings
from tallycast.partners.connections.wiring import wired

if TYPE_CHECKING:
    from tallycast.partners.connections.sweeping import Sweeper


@cache
def sweeper() -> Sweeper:
    """The sweeper of this container."""
    return wired(RefreshConnectionsSettings.from_environment()).sweeper
