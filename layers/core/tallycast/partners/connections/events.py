"""What connections tell the rest of the world, on the event bus."""

from __future__ import annotations

from typing import Literal

from tallycast.kernel.schema import Produced
from tallycast.partners.events import SOURCE

__all__ = ["EVENTS", "SOURCE", "ConnectionBroken"]


class ConnectionBroken(Produced):
    """A provider takes our access to an account no more; a person has to connect it again."""

    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    tenant: str
    connection_id: str
    provider: str
    label: str
    problem: str


EVENTS = (ConnectionBroken,)
