"""Endpoints, deliveries and attempts as they are stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tallycast.aws.records import Kind
from tallycast.kernel.errors import ConflictError, NotFoundError
from tallycast.kernel.schema import Produced

OLD_SECRET_LIVES: Final = timedelta(hours=24)
KEPT: Final = timedelta(days=30)
MOST_ENDPOINTS: Final = 50
REPLY_SHOWN: Final = 1000  # characters of an answer's body


class WebhookNotFoundError(NotFoundError):
    """The tenant has no such webhook endpoint."""


class DeliveryNotFoundError(NotFoundError):
    """The endpoint has no such delivery, or it is older than 30 days."""


class WebhookDisabledError(ConflictError):
    """Nothing is sent to an endpoint that is disabled."""


class TooManyWebhooksError(ConflictError):
    """The tenant has as many endpoints as it may have."""


class SealedSecret(Produced):
    """A secret under the platform's key; `until` ends its life, None while it is the newest."""

    sealed: str
    made_at: datetime
    until: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether messages are signed with it, or accepted when they are."""
        return self.until is None or now < self.until


def rotated(
    secrets: tuple[SealedSecret, ...], fresh: str, now: datetime
) -> tuple[SealedSecret, ...]:
    """A fresh sealed secret, and the newest of those before, which lives for another day."""
    ending = [
        each.model_copy(update={"until": now + OLD_SECRET_LIVES})
        for each in secrets
        if each.until is None
    ]
    return (SealedSecret(sealed=fresh, made_at=now), *ending)


class DisabledReason(StrEnum):
    """Why an endpoint is disabled."""

    BY_HAND = "by_hand"
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # a whole schedule of attempts failed


class Endpoint(Produced):
    """Where a tenant wants to be told of what happens.

    Attributes:
        events: names of the events it wants; empty for all.
        shows: the shows that it wants events of; empty for all. Events of no show pass.
        reason: why it is disabled; None while it is enabled.
        secrets: the newest first, at most two that are live.
    """

    url: str
    description: str = ""
    events: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    reason: DisabledReason | None = None
    disabled_at: datetime | None = None
    secrets: tuple[SealedSecret, ...]

    @property
    def enabled(self) -> bool:
        """Whether anything is sent to it."""
        return self.reason is None

    def insist_enabled(self, endpoint_id: str) -> None:
        """Go on only when something may be sent to it.

        Raises:
            WebhookDisabledError: it is disabled.
        """
        if not self.enabled:
            raise WebhookDisabledError(
                f"{endpoint_id} is disabled: enable it first", id=endpoint_id
            )


ENDPOINT: Final = Kind("webhook", Endpoint, missing=WebhookNotFoundError)


class DeliveryStatus(StrEnum):
    """Where a delivery stands.

    `HELD`: its endpoint was disabled before it was delivered; it waits for a replay.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    HELD = "held"


class DeliveryAttempt(Produced):
    """One try to deliver, as the log keeps it. Times in UTC, durations in milliseconds."""

    at: datetime
    status: int | None
    duration_ms: int
    reply: str = ""
    error: str | None = None


class Delivery(Produced):
    """One event for one endpoint.

    Attributes:
        message_id: what the receiver sees as `webhook-id`: the event's own id, at every attempt.
        body: the exact text that is sent and signed.
        tries: attempts made on the present schedule; a replay begins a new one.
        ticket: names the one hand-over (a message in the queue, a sender at work) that counts.
        next_at: when the next attempt is due; None when none is.
        attempts: the newest last; the oldest of very many are dropped.
    """

    tenant: str
    id: str
    endpoint_id: str
    message_id: str
    event: str
    body: str
    status: DeliveryStatus
    ticket: int = 1
    tries: int = 0
    created_at: datetime
    changed_at: datetime
    first_tried_at: datetime | None = None
    next_at: datetime | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()


class Handover(Produced):
    """The message that a delivery is to be sent now; void when its ticket is an old one."""

    tenant: str
    endpoint_id: str
    delivery_id: str
    ticket: int
    deferrals: int = 0
