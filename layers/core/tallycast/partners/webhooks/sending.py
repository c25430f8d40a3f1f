"""Send one delivery: what may be sent is claimed first, so that no two senders have it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tallycast.partners.webhooks import progress, signing
from tallycast.partners.webhooks.circuit import Busy
from tallycast.partners.webhooks.model import DeliveryStatus, DisabledReason
from tallycast.partners.webhooks.schedule import Verdict, rest_after, verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.aws.records import Stored
    from tallycast.partners.webhooks.circuit import Circuits, Health, Slot
    from tallycast.partners.webhooks.deliveries import Deliveries
    from tallycast.partners.webhooks.desk import Desk
    from tallycast.partners.webhooks.endpoints import Endpoints
    from tallycast.partners.webhooks.model import Delivery, Endpoint, Handover
    from tallycast.partners.webhooks.schedule import Answer

    Post = Callable[[str, bytes, list[tuple[str, str]]], Answer]

_CONTENT: Final = ("Content-Type", "application/json")
_SOON: Final = timedelta(seconds=2)  # until a slot of an endpoint in good health may be free
_LATER: Final = timedelta(seconds=20)  # of one that fails
_LATEST: Final = timedelta(minutes=14)


class Outcome(StrEnum):
    """What came of one hand-over."""

    VOID = "void"  # an old ticket: somebody else has the delivery, or it is through
    HELD = "held"
    PUT_OFF = "put_off"
    DELIVERED = "delivered"
    RETRIED = "retried"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one hand-over, for whoever reports it."""

    outcome: Outcome
    event: str = ""
    message_id: str = ""
    waited: timedelta | None = None  # from its making to its delivery
    answer: Answer | None = None
    disabled: DisabledReason | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """The use case of `send_webhook`.

    Attributes:
        post: sends a body with headers to an address; never raises for what a receiver does.
        clock: the time now.
        spread: chance, -1 to 1.
    """

    endpoints: Endpoints
    deliveries: Deliveries
    circuits: Circuits
    desk: Desk
    post: Post
    clock: Callable[[], datetime]
    spread: Callable[[], float]

    def send(self, handover: Handover) -> Sent:
        """Send what is handed over, unless its ticket is an old one.

        Raises:
            ServiceUnavailableError: our own platform does not answer. The message may come again;
                what was claimed by then is handed out anew when the claim has run out.
        """
        now = self.clock()
        delivery = self.deliveries.find(handover.tenant, handover.delivery_id)
        if (
            delivery is None
            or delivery.ticket != handover.ticket
            or delivery.status is not DeliveryStatus.PENDING
        ):
            return Sent(Outcome.VOID)
        endpoint = self.endpoints.find(handover.tenant, handover.endpoint_id)
        if endpoint is None or not endpoint.document.enabled:
            kept = self.deliveries.replace(delivery, progress.held(delivery, now), None)
            return _sent(Outcome.HELD if kept else Outcome.VOID, delivery)
        keys = self.endpoints.keys(endpoint, now)
        slot = self.circuits.take(endpoint.tenant, endpoint.id, now)
        if isinstance(slot, Busy):
            until = now + self._patience(slot, handover.deferrals, now)
            after = progress.put_off(delivery, until, now)
            kept = self.desk.put_back(delivery, after, handover.deferrals + 1, now)
            return _sent(Outcome.PUT_OFF if kept else Outcome.VOID, delivery)
        claim = progress.claimed(delivery, now)
        if not self.deliveries.replace(delivery, claim, now + progress.LEASE):
            self.circuits.give_back(slot)
            return Sent(Outcome.VOID)
        return self._try(claim, endpoint, keys, slot)

    def _try(
        self, claim: Delivery, endpoint: Stored[Endpoint], keys: list[bytes], slot: Slot
    ) -> Sent:
        at = self.clock()
        body = claim.body.encode()
        headers = signing.headers(keys, claim.message_id, int(at.timestamp()), body)
        answer = self.post(endpoint.document.url, body, [_CONTENT, *headers])
        now = self.clock()
        verdict = verdict_of(answer)
        if verdict is Verdict.DELIVERED:
            after = progress.tried(claim, answer, at=at, now=now)
            self.deliveries.replace(claim, after, None)
            self.circuits.succeeded(slot, now)
            return _sent(Outcome.DELIVERED, after, answer=answer, waited=now - claim.created_at)
        health = self.circuits.failed(slot, now)
        spread = self.spread()
        rest = rest_after(answer, health.failures, spread)
        after = progress.tried(claim, answer, at=at, now=now, rest=rest, spread=spread)
        reason = _why_disable(verdict, after, health, now)
        if reason is not None:
            # Before the attempt is recorded: should this process end here, the delivery is handed
            # out anew, and held, as its endpoint is disabled.
            self.endpoints.give_up(endpoint.tenant, endpoint.id, reason, now)
        self.desk.put_back(claim, after, 0, now)
        self.circuits.rest(slot, now + rest if rest else None)
        outcome = Outcome.FAILED if after.status is DeliveryStatus.FAILED else Outcome.RETRIED
        return _sent(outcome, after, answer=answer, disabled=reason)

    def _patience(self, busy: Busy, deferrals: int, now: datetime) -> timedelta:
        """How long to wait for a slot: chance keeps those that wait from coming back together."""
        chance = 0.75 + self.spread() / 4
        doublings: int = 2 ** min(deferrals, 10)
        wait = min((_LATER if busy.open else _SOON) * doublings, _LATEST) * chance
        return wait + (busy.until - now if busy.until is not None else timedelta())


def _why_disable(
    verdict: Verdict, after: Delivery, health: Health, now: datetime
) -> DisabledReason | None:
    """Whether an endpoint is to be disabled after a failure, and why.

    A delivery whose schedule is through disables its endpoint, unless that has taken another one
    meanwhile: then it is the message that fails, and not the endpoint.
    """
    if verdict is Verdict.GONE:
        return DisabledReason.GONE
    took_another = (
        health.last_success is not None
        and after.first_tried_at is not None
        and health.last_success >= after.first_tried_at
    )
    if (after.status is DeliveryStatus.FAILED and not took_another) or health.is_failing_for_good(
        now
    ):
        return DisabledReason.FAILING
    return None


def _sent(
    outcome: Outcome,
    delivery: Delivery,
    *,
    answer: Answer | None = None,
    waited: timedelta | None = None,
    disabled: DisabledReason | None = None,
) -> Sent:
    return Sent(outcome, delivery.event, delivery.message_id, waited, answer, disabled)
