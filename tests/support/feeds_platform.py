"""The feeds room on moto, with real fetches from a loopback host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tallycast.aws import clients
from tallycast.feeds.documents import DocumentStore
from tallycast.feeds.feed import Feed, PollMessage
from tallycast.feeds.fetching import FetchSettings, fetch
from tallycast.feeds.hosts import HostSlots
from tallycast.feeds.outcome import PollResult
from tallycast.feeds.poll import Poller
from tallycast.feeds.queue import PollQueue
from tallycast.feeds.registry import Registry
from tallycast.feeds.store import FeedStore
from tallycast.feeds.tick import Scheduler
from tests.support.origin import Origin
from tests.support.stacks import Stacks, aws_stacks

START = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@dataclass
class FeedsPlatform:
    """Everything a test of the feeds room needs, wired as the functions wire it."""

    stacks: Stacks
    origin: Origin
    now: datetime = START
    tenant: str = "acme"
    settings: FetchSettings = field(default_factory=FetchSettings)

    def __post_init__(self) -> None:
        self.settings = FetchSettings(deadline_seconds=3, allow=(self.origin.address,))
        self.table = clients.table(self.stacks.outputs["CoreTable"])
        self.store = FeedStore(self.table)
        self.documents = DocumentStore(clients.s3(), self.stacks.outputs["FeedsBucket"])
        self.queue = PollQueue(clients.sqs(), self.stacks.outputs["PollQueueUrl"])
        self.registry = Registry(self.store, self.queue, self.fetch, self.clock)
        self.scheduler = Scheduler(self.table, self.queue, self.clock)
        self.slots = HostSlots(self.table, lambda: self.now.timestamp())
        self.poller = Poller(
            store=self.store,
            documents=self.documents,
            fetch=self.fetch,
            clock=self.clock,
            spread=lambda: 0.0,
            lease=timedelta(seconds=180),
        )

    def clock(self) -> datetime:
        return self.now

    def fetch(self, request):
        return fetch(request, settings=self.settings, gate=self.slots.slot)

    def add(self, path: str = "/feed.xml", **options) -> Feed:
        return self.registry.add(self.tenant, self.origin.url(path), **options)

    def feed(self, feed: Feed) -> Feed:
        return self.store.get(feed.tenant, feed.feed_id)

    def message(self, feed: Feed, **changes) -> PollMessage:
        now = self.feed(feed)
        message = PollMessage(
            tenant=now.tenant, feed_id=now.feed_id, scheduled_for=now.next_poll_at
        )
        return message.model_copy(update=changes)

    def poll(self, feed: Feed, **changes) -> PollResult:
        """Poll a feed at the time it is due."""
        message = self.message(feed, **changes)
        self.now = max(self.now, message.scheduled_for)
        return self.poller.poll(message)

    def messages(self) -> list[PollMessage]:
        """Take every message out of the poll queue."""
        taken = []
        while True:
            got = clients.sqs().receive_message(
                QueueUrl=self.stacks.outputs["PollQueueUrl"], MaxNumberOfMessages=10
            )
            if "Messages" not in got:
                return taken
            for message in got["Messages"]:
                taken.append(PollMessage.model_validate_json(message["Body"]))
                clients.sqs().delete_message(
                    QueueUrl=self.stacks.outputs["PollQueueUrl"],
                    ReceiptHandle=message["ReceiptHandle"],
                )

    def keys(self, prefix: str) -> list[str]:
        """Keys in the bucket."""
        found = clients.s3().list_objects_v2(
            Bucket=self.stacks.outputs["FeedsBucket"], Prefix=prefix
        )
        return [entry["Key"] for entry in found.get("Contents", [])]

    def items(self, kind: str) -> list[dict]:
        """Every item of a kind in the core table."""
        return [item for item in self.table.scan()["Items"] if item.get("kind") == kind]

    def broken(self, **parts) -> Poller:
        """The poller with parts replaced by failing ones."""
        return replace(self.poller, **parts)


@contextmanager
def feeds_platform() -> Iterator[FeedsPlatform]:
    """A fresh platform on moto, with a host of its own."""
    with Origin() as origin, aws_stacks() as stacks:
        yield FeedsPlatform(stacks, origin)
