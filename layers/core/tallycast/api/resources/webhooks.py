"""Webhooks out: endpoints, their secrets, what was delivered to them, and replay."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.routes import Routes
from tallycast.partners.use_cases.webhook_routes import endpoints
from tallycast.partners.webhooks.addresses import BadWebhookUrlError
from tallycast.partners.webhooks.model import (
    DisabledReason,
    TooManyWebhooksError,
    WebhookNotFoundError,
)

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.partners.webhooks.model import Endpoint

webhooks = Routes(
    "webhooks",
    "Endpoints that are told of what happens, signed after Standard Webhooks. Deliveries come at "
    "least once and in no promised order: tell repetitions by `webhook-id`.",
)
# A literal, so that the OpenAPI file names them; a test holds it to what the rules ask the bus for.
Topic = Literal[
    "EpisodePublished",
    "EpisodeChanged",
    "FeedMoved",
    "FeedRetired",
    "DownloadsCounted",
    "CampaignChanged",
    "ConversionRecorded",
    "ReportReady",
    "ConnectionBroken",
    "WebhookEndpointDisabled",
]
Url = Annotated[
    str,
    Field(max_length=1000, description="https:// address that takes POSTs", pattern="^https?://"),
]
Description = Annotated[str, Field(max_length=200, description="For people")]
Events = Annotated[
    list[Topic], Field(max_length=20, description="Events it is told of; empty for all")
]
Shows = Annotated[
    list[Annotated[str, Field(pattern=r"^show_[a-z0-9]{1,60}$")]],
    Field(
        max_length=100,
        description="Shows it is told of; empty for all. Events that are of no show come anyway.",
    ),
]


class NewWebhook(BaseModel):
    """An endpoint to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Url
    description: Description = ""
    events: Events = Field(default_factory=list)
    shows: Shows = Field(default_factory=list)


class WebhookChange(BaseModel):
    """What to change of an endpoint; what is left out stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Url | None = None
    description: Description | None = None
    events: Events | None = None
    shows: Shows | None = None


class WebhookView(BaseModel):
    """An endpoint."""

    model_config = ConfigDict(frozen=True)

    id: str
    url: str
    description: str
    events: list[str]
    shows: list[str]
    state: Literal["enabled", "disabled"]
    reason: DisabledReason | None = Field(
        description="Why it is disabled: by hand, gone (it answered 410), or failing for 75 hours"
    )
    disabled_at: datetime | None
    old_secret_until: datetime | None = Field(
        description="Until when messages are signed with the secret before the newest, too"
    )
    created_at: datetime
    changed_at: datetime


class WebhookWithSecret(WebhookView):
    """An endpoint with its newest signing secret, which is shown this once."""

    secret: str = Field(description="`whsec_` and base64; keep it safe")


@webhooks.post(
    "/v1/webhooks",
    scope="webhooks:write",
    body=NewWebhook,
    returns=WebhookWithSecret,
    versioned=True,
    idempotent=True,  # the reply holds a secret, which must not be remembered
    raises=(BadWebhookUrlError, TooManyWebhooksError),
)
def create_webhook(call: Call, body: NewWebhook) -> Reply:
    """Make an endpoint that is told of what happens.

    The reply holds the secret that its messages are signed with, this once.
    """
    made = endpoints().create(
        call.tenant,
        body.url,
        call.now,
        call.deed,
        description=body.description,
        events=tuple(body.events),
        shows=tuple(body.shows),
    )
    return _with_secret(made.stored, made.secret, call.now, location=True)


@webhooks.get("/v1/webhooks", scope="webhooks:read", query=PageQuery, returns=PageOf[WebhookView])
def list_webhooks(call: Call, query: PageQuery) -> PageOf[WebhookView]:
    """List endpoints, the oldest first."""
    page = endpoints().page(call.tenant, limit=query.limit, cursor=query.after())
    return page_of(page, lambda stored: _webhook(stored, call.now))


@webhooks.get(
    "/v1/webhooks/{webhook_id}",
    scope="webhooks:read",
    returns=WebhookView,
    versioned=True,
    raises=(WebhookNotFoundError,),
)
def show_webhook(call: Call, webhook_id: str) -> Reply:
    """Show an endpoint."""
    stored = endpoints().get(call.tenant, webhook_id)
    return Reply(_webhook(stored, call.now), version=stored.version)


@webhooks.patch(
    "/v1/webhooks/{webhook_id}",
    scope="webhooks:write",
    body=WebhookChange,
    returns=WebhookView,
    versioned=True,
    raises=(WebhookNotFoundError, BadWebhookUrlError),
)
def change_webhook(call: Call, webhook_id: str, body: WebhookChange) -> Reply:
    """Change an endpoint's address, description or filters."""
    stored = endpoints().get(call.tenant, webhook_id)
    call.if_match(stored)
    given = body.model_dump(exclude_unset=True, exclude_none=True)
    changes: dict[str, object] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    after = endpoints().change(stored, changes, call.now, call.deed)
    return Reply(_webhook(after, call.now), version=after.version)


@webhooks.delete(
    "/v1/webhooks/{webhook_id}",
    scope="webhooks:write",
    versioned=True,
    raises=(WebhookNotFoundError,),
)
def remove_webhook(call: Call, webhook_id: str) -> None:
    """Remove an endpoint; nothing more is sent to it."""
    stored = endpoints().get(call.tenant, webhook_id)
    call.if_match(stored)
    endpoints().remove(stored, call.now, call.deed)


@webhooks.post(
    "/v1/webhooks/{webhook_id}/rotate-secret",
    scope="webhooks:write",
    status=200,
    returns=WebhookWithSecret,
    versioned=True,
    idempotent=True,  # the reply holds a secret, which must not be remembered
    raises=(WebhookNotFoundError,),
)
def rotate_webhook_secret(call: Call, webhook_id: str) -> Reply:
    """Make a new signing secret.

    It is shown this once and signs at once. The one before signs as well for 24 hours more, so
    that receivers can change over; one before that ends now.
    """
    made = endpoints().rotate(endpoints().get(call.tenant, webhook_id), call.now, call.deed)
    return _with_secret(made.stored, made.secret, call.now)


@webhooks.post(
    "/v1/webhooks/{webhook_id}/enable",
    scope="webhooks:write",
    status=200,
    returns=WebhookView,
    versioned=True,
    idempotent=True,
    raises=(WebhookNotFoundError,),
)
def enable_webhook(call: Call, webhook_id: str) -> Reply:
    """Send to an endpoint again.

    What was held while it was disabled is sent when it is replayed.
    """
    stored = endpoints().enable(endpoints().get(call.tenant, webhook_id), call.now, call.deed)
    return Reply(_webhook(stored, call.now), version=stored.version)


@webhooks.post(
    "/v1/webhooks/{webhook_id}/disable",
    scope="webhooks:write",
    status=200,
    returns=WebhookView,
    versioned=True,
    idempotent=True,
    raises=(WebhookNotFoundError,),
)
def disable_webhook(call: Call, webhook_id: str) -> Reply:
    """Send nothing more to an endpoint; what happens is held for it for 30 days."""
    stored = endpoints().disable(endpoints().get(call.tenant, webhook_id), call.now, call.deed)
    return Reply(_webhook(stored, call.now), version=stored.version)


def _with_secret(
    stored: Stored[Endpoint], secret: str, now: datetime, *, location: bool = False
) -> Reply:
    shown = WebhookWithSecret(**_webhook(stored, now).model_dump(), secret=secret)
    where = f"/v1/webhooks/{stored.id}" if location else None
    return Reply(shown, version=stored.version, location=where)


def _webhook(stored: Stored[Endpoint], now: datetime) -> WebhookView:
    endpoint = stored.document
    ending = [each.until for each in endpoint.secrets if each.until and each.is_live(now)]
    return WebhookView(
        id=stored.id,
        url=endpoint.url,
        description=endpoint.description,
        events=list(endpoint.events),
        shows=list(endpoint.shows),
        state="enabled" if endpoint.enabled else "disabled",
        reason=endpoint.reason,
        disabled_at=endpoint.disabled_at,
        old_secret_until=ending[0] if ending else None,
        created_at=stored.created_at,
        changed_at=stored.changed_at,
    )
