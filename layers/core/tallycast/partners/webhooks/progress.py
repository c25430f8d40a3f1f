"""How a delivery goes on: each step takes the next ticket, so that older ones are void."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tallycast.aws.queues import LONGEST_DELAY
from tallycast.partners.webhooks.model import (
    REPLY_SHOWN,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    Handover,
)
from tallycast.partners.webhooks.schedule import Answer, Verdict, delay_after, verdict_of

# A message that was handed over is expected to come up within this; then the tick makes another.
HANDOVER: Final = timedelta(minutes=15)
LEASE: Final = timedelta(seconds=90)  # longer than send_webhook may run
MOST_ATTEMPTS_KEPT: Final = 30


def claimed(delivery: Delivery, now: datetime) -> Delivery:
    """A sender is at work."""
    return _next(delivery, now, first_tried_at=delivery.first_tried_at or now)


def tried(
    delivery: Delivery,
    answer: Answer,
    *,
    at: datetime,
    now: datetime,
    rest: timedelta = timedelta(),
    spread: float = 0.0,
) -> Delivery:
    """After an attempt: delivered, to be tried again, or failed for good.

    Args:
        delivery: as it was claimed.
        answer: of the endpoint.
        at: when the attempt began.
        now: when it had ended.
        rest: for how long the endpoint is left alone at least.
        spread: -1 to 1, chance.
    """
    attempt = DeliveryAttempt(
        at=at,
        status=answer.status,
        duration_ms=round(answer.duration * 1000),
        reply=answer.reply[:REPLY_SHOWN],
        error=answer.error,
    )
    kept = (*delivery.attempts, attempt)[-MOST_ATTEMPTS_KEPT:]
    after = _next(delivery, now, attempts=kept, tries=delivery.tries + 1, next_at=None)
    match verdict_of(answer):
        case Verdict.DELIVERED:
            return after.model_copy(update={"status": DeliveryStatus.DELIVERED})
        case Verdict.GONE:
            return after.model_copy(update={"status": DeliveryStatus.FAILED})
    delay = delay_after(after.tries, spread)
    if delay is None:
        return after.model_copy(update={"status": DeliveryStatus.FAILED})
    return after.model_copy(update={"next_at": now + max(delay, rest)})


def put_off(delivery: Delivery, until: datetime, now: datetime) -> Delivery:
    """Not tried, as the endpoint has no slot; this counts as no attempt."""
    return _next(delivery, now, next_at=until)


def held(delivery: Delivery, now: datetime) -> Delivery:
    """Its endpoint is disabled: it waits for a replay."""
    return _next(delivery, now, status=DeliveryStatus.HELD, next_at=None)


def replayed(delivery: Delivery, now: datetime) -> Delivery:
    """To be sent anew, under the same id, on a new schedule."""
    return _next(
        delivery, now, status=DeliveryStatus.PENDING, tries=0, first_tried_at=None, next_at=now
    )


def due_at(delivery: Delivery, now: datetime) -> datetime | None:
    """When the tick has to look at a delivery; None for one that waits for nothing.

    That is when it is to be made, or, if a message is on its way, when that should have come up.
    """
    if delivery.next_at is None:
        return None
    by_message = delivery.next_at - now <= LONGEST_DELAY
    return delivery.next_at + HANDOVER if by_message else delivery.next_at


def handover_of(delivery: Delivery, deferrals: int = 0) -> Handover:
    """The message that it is to be sent."""
    return Handover(
        tenant=delivery.tenant,
        endpoint_id=delivery.endpoint_id,
        delivery_id=delivery.id,
        ticket=delivery.ticket,
        deferrals=deferrals,
    )


def _next(delivery: Delivery, now: datetime, **changes: object) -> Delivery:
    update = {"ticket": delivery.ticket + 1, "changed_at": now, **changes}
    return delivery.model_copy(update=update)
