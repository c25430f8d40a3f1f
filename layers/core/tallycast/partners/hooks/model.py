"""Hooks and the messages that came to them, as they are stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tallycast.aws.records import Kind
from tallycast.kernel.errors import ConflictError, NotFoundError
from tallycast.kernel.ids import derived_id
from tallycast.kernel.schema import Produced
from tallycast.partners.hooks.schemes import Scheme
from tallycast.partners.webhooks.model import SealedSecret

KEPT: Final = timedelta(days=90)  # longer than any sender tries again
MOST_HOOKS: Final = 50


class HookNotFoundError(NotFoundError):
    """There is no such hook, or it is disabled."""


class HookMessageNotFoundError(NotFoundError):
    """The hook has no such message, or it is older than 90 days."""


class TooManyHooksError(ConflictError):
    """The tenant has as many hooks as it may have."""


class Hook(Produced):
    """Where one provider sends messages to.

    Attributes:
        secrets: the newest first, at most two that are live.
    """

    name: str
    scheme: Scheme
    enabled: bool = True
    secrets: tuple[SealedSecret, ...]


HOOK: Final = Kind("hook", Hook, missing=HookNotFoundError)


class HookMessageStatus(StrEnum):
    """Where a message stands: `RECEIVED` is queued, the other two are stored and told."""

    RECEIVED = "received"
    STORED = "stored"
    QUARANTINED = "quarantined"


class Message(Produced):
    """One message of a provider; its body lies in the bucket.

    Attributes:
        id: follows from the provider's own id, else from the body.
        provider_id: what the provider calls it; None when it does not say.
        type: what kind the provider calls it; any, known or not.
        reason: why it is in quarantine.
    """

    tenant: str
    hook_id: str
    id: str
    scheme: Scheme
    provider_id: str | None
    type: str | None
    content_type: str
    size: int
    key: str
    received_at: datetime
    status: HookMessageStatus = HookMessageStatus.RECEIVED
    reason: str | None = None


def message_id(hook_id: str, provider_id: str | None, body_hash: str) -> str:
    """The id of a message: the same for whatever the provider takes for the same message.

    Args:
        hook_id: to which it came.
        provider_id: if there is one.
        body_hash: SHA-256 of the body.
    """
    if provider_id is not None:
        return derived_id("msg", hook_id, "id", provider_id)
    return derived_id("msg", hook_id, "body", body_hash)
