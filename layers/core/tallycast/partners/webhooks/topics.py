"""Which events of the bus a tenant can be told of, and which of them an endpoint wants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, model_validator

from tallycast.attribution import events as attribution
from tallycast.feeds import events as feeds
from tallycast.kernel.ids import derived_id
from tallycast.kernel.schema import Received
from tallycast.measurement.counting import events as counting
from tallycast.partners import events as partners
from tallycast.partners.connections import events as connections
from tallycast.partners.webhooks.model import Delivery, DeliveryStatus
from tallycast.reporting import events as reporting
from tallycast.sponsorship import events as sponsorship

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.partners.webhooks.model import Endpoint

PING: Final = "Ping"
# Names of events with the sources under which they are told: the rules in infra/webhooks.yaml ask
# for exactly these.
TOPICS: Final[dict[str, str]] = {
    **{event.__name__: feeds.SOURCE for event in feeds.EVENTS},
    counting.DownloadsCounted.__name__: counting.SOURCE,
    **{event.__name__: sponsorship.SOURCE for event in sponsorship.EVENTS},
    **{event.__name__: attribution.SOURCE for event in attribution.EVENTS},
    **{event.__name__: reporting.SOURCE for event in reporting.EVENTS},
    **{event.__name__: connections.SOURCE for event in connections.EVENTS},
    partners.WebhookEndpointDisabled.__name__: partners.SOURCE,
}


class Detail(Received):
    """What is read of an event; all of it is passed on."""

    event_id: str
    occurred_at: str
    tenant: str
    show_id: str | None = None
    shows: tuple[str, ...] | None = None

    @property
    def of_shows(self) -> frozenset[str]:
        """The shows that the event is about; none for events that are about no show."""
        return frozenset([*(self.shows or ()), *([self.show_id] if self.show_id else ())])


class BusEvent(Received):
    """An event of the bus, as a rule puts it into a queue."""

    detail_type: str = Field(alias="detail-type")
    detail: dict[str, Any]

    @model_validator(mode="after")
    def _is_of_a_tenant(self) -> Self:
        Detail.model_validate(self.detail)
        return self

    @property
    def read(self) -> Detail:
        """What is needed of its detail."""
        return Detail.model_validate(self.detail)


def wants(endpoint: Endpoint, event: str, shows: frozenset[str]) -> bool:
    """Whether an endpoint is to be told of an event."""
    of_its_kind = not endpoint.events or event in endpoint.events
    of_its_shows = not endpoint.shows or not shows or bool(shows & set(endpoint.shows))
    return of_its_kind and of_its_shows


def body_of(event: str, occurred_at: str, data: dict[str, Any]) -> str:
    """What a receiver gets: the payload that Standard Webhooks recommends, as one line of JSON."""
    payload = {"type": event, "timestamp": occurred_at, "data": data}
    return json.dumps(payload, separators=(",", ":"))


def delivery_of(
    tenant: str, endpoint_id: str, message_id: str, *, event: str, body: str, now: datetime
) -> Delivery:
    """One event for one endpoint: the same two always make the same delivery."""
    return Delivery(
        tenant=tenant,
        id=derived_id("dlv", tenant, endpoint_id, message_id),
        endpoint_id=endpoint_id,
        message_id=message_id,
        event=event,
        body=body,
        status=DeliveryStatus.PENDING,
        created_at=now,
        changed_at=now,
        next_at=now,
    )
