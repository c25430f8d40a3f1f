"""Lay an event of the bus out for every endpoint that wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.aws.records import Records
    from tallycast.partners.webhooks.desk import Desk
    from tallycast.partners.webhooks.model import Endpoint
    from tallycast.partners.webhooks.topics import BusEvent


@dataclass(frozen=True, slots=True)
class Announcer:
    """The use case of `queue_webhooks`."""

    endpoints: Records[Endpoint]
    desk: Desk
    clock: Callable[[], datetime]

    def announce(self, event: BusEvent) -> int:
        """Make and hand over the deliveries of one event; how many were new."""
        return self.desk.lay_out(event, self.endpoints.every(event.read.tenant), self.clock())
