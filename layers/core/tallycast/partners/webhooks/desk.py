"""Where deliveries are kept and handed to senders, in that order: nothing kept can be forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallycast.aws.queues import LONGEST_DELAY, Delayed
from tallycast.kernel.ids import new_id
from tallycast.kernel.times import to_text
from tallycast.partners.webhooks import progress
from tallycast.partners.webhooks.model import DeliveryStatus, Handover
from tallycast.partners.webhooks.topics import PING, body_of, delivery_of, wants

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tallycast.aws.queues import Queue
    from tallycast.aws.records import Stored
    from tallycast.partners.webhooks.deliveries import Deliveries
    from tallycast.partners.webhooks.model import Delivery, Endpoint
    from tallycast.partners.webhooks.topics import BusEvent

_AT_ONCE: Final = 100  # deliveries that the tick hands over together
_LEAVE_SECONDS: Final = 10.0
MOST_REPLAYED: Final = 500  # in one request


class Desk:
    """Makes deliveries and hands them over.

    Args:
        deliveries: the table of them.
        queue: from which `send_webhook` is fed.
    """

    def __init__(self, deliveries: Deliveries, queue: Queue) -> None:
        self._deliveries = deliveries
        self._queue = queue

    def lay_out(self, event: BusEvent, endpoints: Sequence[Stored[Endpoint]], now: datetime) -> int:
        """One delivery for each of the tenant's endpoints that wants an event; how many were new.

        For an endpoint that is disabled it is held. The same event again makes none, but hands
        over again what nobody has tried yet: the first time may have ended half-way.
        """
        read = event.read
        body = body_of(event.detail_type, read.occurred_at, event.detail)
        fresh = 0
        messages: list[Delayed] = []
        for endpoint in endpoints:
            if not wants(endpoint.document, event.detail_type, read.of_shows):
                continue
            made = delivery_of(
                read.tenant, endpoint.id, read.event_id, event=event.detail_type, body=body, now=now
            )
            if not endpoint.document.enabled:
                made = progress.held(made, now)
            is_new = self._deliveries.add(made, progress.due_at(made, now))
            fresh += is_new
            if made.status is DeliveryStatus.PENDING:
                messages.append(_message(progress.handover_of(made)))
        self._queue.put(messages)
        return fresh

    def ping(self, endpoint: Stored[Endpoint], now: datetime) -> Delivery:
        """A delivery that says nothing but that it arrives.

        Raises:
            WebhookDisabledError: nothing is sent to the endpoint.
        """
        endpoint.document.insist_enabled(endpoint.id)
        message_id = new_id("evt", now)
        body = body_of(PING, to_text(now), {"tenant": endpoint.tenant, "webhook_id": endpoint.id})
        made = delivery_of(endpoint.tenant, endpoint.id, message_id, event=PING, body=body, now=now)
        self._deliveries.add(made, progress.due_at(made, now))
        self._queue.put([_message(progress.handover_of(made))])
        return made

    def replay(self, endpoint: Stored[Endpoint], delivery: Delivery, now: datetime) -> Delivery:
        """Send a delivery once more, wherever it stands, under the same id.

        Raises:
            WebhookDisabledError: nothing is sent to the endpoint.
        """
        endpoint.document.insist_enabled(endpoint.id)
        again = progress.replayed(delivery, now)
        if not self._deliveries.replace(delivery, again, progress.due_at(again, now)):
            found = self._deliveries.find(delivery.tenant, delivery.id)
            return found or delivery  # a sender has it at this moment: it is being sent
        self._queue.put([_message(progress.handover_of(again))])
        return again

    def replay_since(
        self, endpoint: Stored[Endpoint], since: datetime, now: datetime
    ) -> tuple[int, bool]:
        """Send again what was not delivered since then: how many, and whether there are more.

        Raises:
            WebhookDisabledError: nothing is sent to the endpoint.
        """
        endpoint.document.insist_enabled(endpoint.id)
        messages: list[Delayed] = []
        for status in (DeliveryStatus.FAILED, DeliveryStatus.HELD):
            for each in self._deliveries.of_status(endpoint.tenant, endpoint.id, status, since):
                if len(messages) == MOST_REPLAYED:
                    self._queue.put(messages)
                    return len(messages), True
                again = progress.replayed(each, now)
                if self._deliveries.replace(each, again, progress.due_at(again, now)):
                    messages.append(_message(progress.handover_of(again)))
        self._queue.put(messages)
        return len(messages), False

    def put_back(self, before: Delivery, after: Delivery, deferrals: int, now: datetime) -> bool:
        """Write how a delivery goes on, and hand it over when that is soon; False when lost."""
        if not self._deliveries.replace(before, after, progress.due_at(after, now)):
            return False
        if after.next_at is not None and after.next_at - now <= LONGEST_DELAY:
            handover = progress.handover_of(after, deferrals)
            self._queue.put([_message(handover, after.next_at - now)])
        return True

    def hand_over_due(self, now: datetime, *, time_left: Callable[[], float]) -> int:
        """Hand over what the due-index shows; what is left when time runs short stays due."""
        handed = 0
        messages: list[Delayed] = []
        for due in self._deliveries.due(now):
            if time_left() < _LEAVE_SECONDS:
                break
            if not self._deliveries.hand_over(due, now + progress.HANDOVER):
                continue  # a sender, a replay or another tick has it
            handed += 1
            handover = Handover(
                tenant=due.tenant,
                endpoint_id=due.endpoint_id,
                delivery_id=due.delivery_id,
                ticket=due.ticket + 1,
            )
            messages.append(_message(handover))
            if len(messages) == _AT_ONCE:
                self._queue.put(messages)
                messages = []
        self._queue.put(messages)
        return handed

    def backlog(self) -> int:
        """Deliveries that are handed over and not sent yet, roughly."""
        return self._queue.depth()


def _message(handover: Handover, delay: timedelta = timedelta()) -> Delayed:
    return Delayed(handover.model_dump_json(), delay)
