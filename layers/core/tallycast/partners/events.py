"""What partners' webhooks, out and in, tell the rest of the world, on the event bus."""

from __future__ import annotations

from typing import Literal

from tallycast.kernel.schema import Produced

SOURCE = "tallycast.partners"


class WebhookEndpointDisabled(Produced):
    """Nothing is sent to a webhook endpoint any more until somebody enables it.

    `reason` is `gone` when it answered 410, `failing` when a whole schedule of attempts failed,
    and `by_hand` when a person or a client disabled it.
    """

    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    tenant: str
    webhook_id: str
    url: str
    reason: Literal["by_hand", "gone", "failing"]


class HookReceived(Produced):
    """A provider's message was verified and stored; its body lies under `key` in the hooks bucket.

    `type` is what the provider calls it, null when it does not say. `quarantined` says why the
    body cannot be read as what its content type promises; null when it can.
    """

    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    tenant: str
    hook_id: str
    message_id: str
    provider_id: str | None
    scheme: Literal["standard", "github", "stripe", "shopify"]
    type: str | None
    content_type: str
    size: int
    key: str
    quarantined: str | None


EVENTS = (WebhookEndpointDisabled, HookReceived)
