"""What was delivered to a webhook endpoint, pings, and replay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, encode_cursor
from tallycast.api.routes import Routes
from tallycast.kernel.written import Moment
from tallycast.partners.use_cases.webhook_routes import deliveries, desk, endpoints
from tallycast.partners.webhooks.model import (
    DeliveryAttempt,
    DeliveryNotFoundError,
    DeliveryStatus,
    WebhookDisabledError,
    WebhookNotFoundError,
)

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.partners.webhooks.model import Delivery

webhook_deliveries = Routes(
    "webhook deliveries", "What was sent to an endpoint, how it answered, and sending it again."
)


class DeliveryView(BaseModel):
    """One event for one endpoint."""

    model_config = ConfigDict(frozen=True)

    id: str
    webhook_id: str
    message_id: str = Field(description="The header `webhook-id` of every attempt")
    event: str
    status: DeliveryStatus = Field(description="`held`: the endpoint was disabled; replay it")
    tries: int = Field(description="Attempts on the present schedule")
    created_at: datetime
    changed_at: datetime
    next_at: datetime | None = Field(description="When the next attempt is due")
    last_status: int | None = Field(description="HTTP status of the last attempt, if one came")


class DeliveryDetail(DeliveryView):
    """One event for one endpoint, with what was sent and every attempt of late."""

    body: str = Field(description="The exact text that is sent and signed")
    attempts: list[DeliveryAttempt] = Field(description="The oldest first; at most 30 are kept")


class WebhookDeliveryQuery(PageQuery):
    """Which deliveries."""

    status: DeliveryStatus | None = None


class ReplaySince(BaseModel):
    """From when on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Moment


class Replayed(BaseModel):
    """How many deliveries are sent anew."""

    model_config = ConfigDict(frozen=True)

    replayed: int
    more: bool = Field(description="There are more than one request takes: ask again")


@webhook_deliveries.post(
    "/v1/webhooks/{webhook_id}/ping",
    scope="webhooks:write",
    status=202,
    returns=DeliveryView,
    raises=(WebhookNotFoundError, WebhookDisabledError),
)
def ping_webhook(call: Call, webhook_id: str) -> Reply:
    """Send a signed `Ping` to an endpoint; the delivery says what came of it."""
    made = desk().ping(endpoints().get(call.tenant, webhook_id), call.now)
    where = f"/v1/webhooks/{webhook_id}/deliveries/{made.id}"
    return Reply(_delivery(made), location=where)


@webhook_deliveries.get(
    "/v1/webhooks/{webhook_id}/deliveries",
    scope="webhooks:read",
    query=WebhookDeliveryQuery,
    returns=PageOf[DeliveryView],
    raises=(WebhookNotFoundError,),
)
def list_webhook_deliveries(
    call: Call, webhook_id: str, query: WebhookDeliveryQuery
) -> PageOf[DeliveryView]:
    """List deliveries to an endpoint, the newest first; they are kept for 30 days."""
    endpoints().get(call.tenant, webhook_id)
    page = deliveries().page(
        call.tenant, webhook_id, query.status, limit=query.limit, cursor=query.after()
    )
    following = None if page.cursor is None else encode_cursor(page.cursor)
    return PageOf(items=[_delivery(each) for each in page.items], next=following)


@webhook_deliveries.get(
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}",
    scope="webhooks:read",
    returns=DeliveryDetail,
    raises=(DeliveryNotFoundError,),
)
def show_webhook_delivery(call: Call, webhook_id: str, delivery_id: str) -> DeliveryDetail:
    """Show a delivery with what was sent, every attempt, and how the endpoint answered."""
    found = deliveries().get(call.tenant, webhook_id, delivery_id)
    return DeliveryDetail(**_facts(found), body=found.body, attempts=list(found.attempts))


@webhook_deliveries.post(
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    scope="webhooks:write",
    status=202,
    returns=DeliveryView,
    raises=(WebhookNotFoundError, DeliveryNotFoundError, WebhookDisabledError),
)
def replay_webhook_delivery(call: Call, webhook_id: str, delivery_id: str) -> DeliveryView:
    """Send a delivery again, under the same `webhook-id`, on a new schedule."""
    endpoint = endpoints().get(call.tenant, webhook_id)
    found = deliveries().get(call.tenant, webhook_id, delivery_id)
    return _delivery(desk().replay(endpoint, found, call.now))


@webhook_deliveries.post(
    "/v1/webhooks/{webhook_id}/replay",
    scope="webhooks:write",
    status=202,
    body=ReplaySince,
    returns=Replayed,
    raises=(WebhookNotFoundError, WebhookDisabledError),
)
def replay_webhook_deliveries(call: Call, webhook_id: str, body: ReplaySince) -> Replayed:
    """Send again everything since a time that failed or was held."""
    endpoint = endpoints().get(call.tenant, webhook_id)
    count, more = desk().replay_since(endpoint, body.since.astimezone(UTC), call.now)
    return Replayed(replayed=count, more=more)


def _delivery(delivery: Delivery) -> DeliveryView:
    return DeliveryView(**_facts(delivery))


def _facts(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.endpoint_id,
        "message_id": delivery.message_id,
        "event": delivery.event,
        "status": delivery.status,
        "tries": delivery.tries,
        "created_at": delivery.created_at,
        "changed_at": delivery.changed_at,
        "next_at": delivery.next_at,
        "last_status": delivery.attempts[-1].status if delivery.attempts else None,
    }
