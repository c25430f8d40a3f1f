"""The partners room on moto, with a clock that a test moves and a receiver on loopback."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from tallycast.aws import clients
from tallycast.aws.queues import Delayed, Queue
from tallycast.aws.records import Records
from tallycast.aws.sealing import Sealer
from tallycast.identity.audit.chain import Deed
from tallycast.identity.audit.trail import AuditTrail
from tallycast.kernel.times import from_text
from tallycast.partners.webhooks.announcing import Announcer
from tallycast.partners.webhooks.circuit import Circuits
from tallycast.partners.webhooks.deliveries import Deliveries
from tallycast.partners.webhooks.desk import Desk
from tallycast.partners.webhooks.endpoints import Endpoints
from tallycast.partners.webhooks.model import ENDPOINT, Delivery, DeliveryStatus, Handover
from tallycast.partners.webhooks.posting import post, settings_of
from tallycast.partners.webhooks.sending import Outcome, Sender
from tallycast.partners.webhooks.topics import BusEvent
from tests.support.receiver import Receiver
from tests.support.stacks import Stacks

START = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SECONDS = 0.6  # an attempt's budget in tests
MINUTE = timedelta(minutes=1)


class HeldQueue(Queue):
    """A queue of the test's own: a message is seen when the test's clock says so."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self.waiting: list[tuple[datetime, str]] = []
        self.refusing = False

    def put(self, messages) -> None:
        assert all(isinstance(each, Delayed) for each in messages)
        for each in messages:
            assert each.delay <= timedelta(minutes=15)
            self.waiting.append((self._clock() + each.delay, each.body))

    def depth(self) -> int:
        return len(self.waiting)

    def take(self) -> list[Handover]:
        """Every message that can be seen now."""
        now = self._clock()
        seen = [body for at, body in self.waiting if at <= now]
        self.waiting = [(at, body) for at, body in self.waiting if at > now]
        return [Handover.model_validate_json(body) for body in seen]


@dataclass
class WebhooksPlatform:
    """Everything a test of webhooks needs, wired as the functions wire it."""

    stacks: Stacks
    receiver: Receiver
    now: datetime = START
    tenant: str = "acme"
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        allow = (self.receiver.address,)
        core = self.stacks.core
        table = clients.table(self.stacks.outputs["DeliveriesTable"])
        self.core, self.table = core, table
        self.queue = HeldQueue(self.clock)
        self.deliveries, self.circuits = Deliveries(table), Circuits(table)
        self.sealer = Sealer(clients.kms(), self.stacks.outputs["SecretsKeyArn"])
        self.endpoints = Endpoints(core, AuditTrail(core), self.sealer, self.circuits, allow=allow)
        self.desk = Desk(self.deliveries, self.queue)
        self.announcer = Announcer(Records(core, ENDPOINT), self.desk, self.clock)
        self.sender = Sender(
            endpoints=self.endpoints,
            deliveries=self.deliveries,
            circuits=self.circuits,
            desk=self.desk,
            post=partial(post, settings=settings_of(allow, SECONDS), now=self.clock),
            clock=self.clock,
            spread=lambda: 0.0,
        )

    def clock(self) -> datetime:
        return self.now

    def deed(self, action: str, target: str) -> Deed:
        return Deed(actor="usr_1", action=action, target=target)

    def endpoint(self, path: str = "/hook", *, tenant: str = "", **options):
        """A new endpoint at a path of the receiver, and its secret."""
        made = self.endpoints.create(
            tenant or self.tenant, self.receiver.url(path), self.now, self.deed, **options
        )
        return made.stored, made.secret

    def tell(self, number: int = 1, name: str = "EpisodePublished", **facts) -> str:
        """An event of the bus is laid out; its id."""
        event = an_event(number, name, **{"tenant": self.tenant, **facts})
        self.announcer.announce(event)
        return event.detail["event_id"]

    def pump(self, *, most: int = 10_000) -> Counter[Outcome]:
        """Send whatever the queue shows now, until it shows nothing more."""
        found: Counter[Outcome] = Counter()
        while messages := self.queue.take():
            for message in messages:
                found[self.sender.send(message).outcome] += 1
                assert sum(found.values()) <= most, "the queue never ends"
        self.outcomes += found
        return found

    def tick(self) -> int:
        """What the tick of a minute does."""
        return self.desk.hand_over_due(self.now, time_left=lambda: 100.0)

    def pass_time(self, span: timedelta, step: timedelta = MINUTE) -> Counter[Outcome]:
        """Let time pass, with a tick and senders at work at every step at which there is work."""
        found: Counter[Outcome] = Counter()
        began, end = self.now, self.now + span
        while (work := self._next_work()) is not None and work <= end:
            steps = max(-((began - work) // step), (self.now - began) // step + 1)
            self.now = min(began + steps * step, end)
            self.tick()
            found += self.pump()
            if self.now == end:
                break
        self.now = end
        return found

    def _next_work(self) -> datetime | None:
        """When the queue or the due-index next shows something."""
        seen = [at for at, _ in self.queue.waiting]
        items = self.table.scan(ProjectionExpression="due_at")["Items"]
        seen += [from_text(item["due_at"]) for item in items if "due_at" in item]
        return min(seen, default=None)

    def of(self, endpoint, status: DeliveryStatus | None = None) -> list[Delivery]:
        """Deliveries of an endpoint, the newest first."""
        return list(self.deliveries.page(endpoint.tenant, endpoint.id, status, limit=1000).items)

    def state(self, endpoint):
        """The endpoint as it stands."""
        return self.endpoints.get(endpoint.tenant, endpoint.id)

    def broken(self, **parts) -> Sender:
        """The sender with parts replaced by failing ones."""
        return replace(self.sender, **parts)


def an_event(number: int = 1, name: str = "EpisodePublished", **facts) -> BusEvent:
    """An event as the bus puts it into the queue."""
    detail = {
        "version": "1",
        "event_id": f"evt_{number}",
        "occurred_at": "2026-11-22T11:59:00+00:00",
        "tenant": "acme",
        "show_id": "show_1",
        "episode_id": f"ep_{number}",
        **facts,
    }
    envelope = {"detail-type": name, "source": "tallycast.feeds", "detail": detail}
    return BusEvent.model_validate_json(json.dumps(envelope))


@contextmanager
def webhooks_platform(stacks: Stacks) -> Iterator[WebhooksPlatform]:
    """A platform with empty tables and a receiver of its own, on stacks that tests share."""
    for table in (stacks.core, stacks.deliveries):
        with table.batch_writer() as batch:
            for item in table.scan(ProjectionExpression="pk, sk")["Items"]:
                batch.delete_item(Key=item)
    with Receiver() as receiver:
        yield WebhooksPlatform(stacks, receiver)
