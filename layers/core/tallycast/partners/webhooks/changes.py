"""From a change of an endpoint in the `core` table to the event that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.kernel.ids import derived_id
from tallycast.partners.events import WebhookEndpointDisabled
from tallycast.partners.webhooks.model import ENDPOINT, Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping


def events_of(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, at: str
) -> list[WebhookEndpointDisabled]:
    """What one change of one item means; most changes mean nothing.

    Args:
        old: the item before, None when it was not there.
        new: the item after, None when it was deleted.
        at: when the change was made.
    """
    if old is None or new is None or new.get("kind") != ENDPOINT.name:
        return []
    before = Endpoint.model_validate_json(str(old["document"]))
    after = Endpoint.model_validate_json(str(new["document"]))
    if not before.enabled or after.reason is None:
        return []
    return [
        WebhookEndpointDisabled(
            event_id=derived_id(
                "evt", "WebhookEndpointDisabled", str(new["id"]), str(new["version"])
            ),
            occurred_at=at,
            tenant=str(new["tenant"]),
            webhook_id=str(new["id"]),
            url=after.url,
            reason=after.reason.value,
        )
    ]
