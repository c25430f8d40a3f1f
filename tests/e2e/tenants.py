"""One tenant of the deployed platform: what a test does for it, and what it may count."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from infra.demo.ledger import Ear
from tallycast.feeds.feed import Feed, FeedStatus, PollMessage
from tallycast.feeds.hosts import HostSlotsTakenError
from tallycast.feeds.items import EpisodeItem
from tallycast.feeds.store import FeedStore
from tallycast.kernel import keys
from tallycast.kernel.ids import new_id
from tallycast.kernel.times import to_text
from tests.support.cloud import call, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.local.cloud import LocalCloud

PATIENCE_SECONDS = 90
SENTINEL_SHOW = "show_sentinel"


@dataclass(frozen=True)
class Ledger:
    """What became of one feed's items, by every account the platform gives.

    Attributes:
        stored: episodes in the table.
        told: how often the bus told of how many episodes: `{1: 12}` is twelve, once each.
        counted: `last_counts` of the feed, zeros left out.
        quarantined: items kept in the bucket because nobody can identify them.
    """

    stored: int
    told: dict[int, int]
    counted: dict[str, int]
    quarantined: int


class Tenant:
    """A tenant with an ear of its own on the event bus."""

    def __init__(self, cloud: LocalCloud, name: str) -> None:
        self.cloud = cloud
        self.name = name
        self.ear = Ear(cloud, name, f"ear-{name}")
        self.table = cloud.table(cloud.outputs["CoreTable"])
        self.store = FeedStore(self.table)
        self._sentinels = count()
        self._hearing = threading.Lock()

    # --- doing

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """What `manage_feeds` answers to a command."""
        event = {"command": command, "tenant": self.name, **arguments}
        answer, failed = call(self.cloud, "ManageFeeds", event)
        assert not failed, answer
        return dict(answer)

    def answer_to_add(self, url: str) -> dict[str, Any]:
        """What the registry says to a feed, once it had its turn at the host."""

        def answered() -> dict[str, Any]:
            answer = self.ask("add", url=url)
            is_waiting = answer.get("error", {}).get("code") == HostSlotsTakenError.__name__
            return {} if is_waiting else answer

        return wait_until(answered, PATIENCE_SECONDS, f"a turn at the host of {url}")

    def add(self, url: str) -> Feed:
        """Register a feed as a person does; its first poll is under way then."""
        answer = self.answer_to_add(url)
        assert "feed" in answer, answer
        return self.store.get(self.name, answer["feed"]["feed_id"])

    def register_unpolled(self, urls: Iterable[str]) -> list[Feed]:
        """Write feeds that are due since a moment ago, without asking for their polls."""
        return [self._written(url, datetime.now(UTC) - timedelta(seconds=1)) for url in urls]

    def register_for_later(self, urls: Iterable[str]) -> list[Feed]:
        """Write feeds that no tick of the schedule polls while the test runs."""
        return [self._written(url, datetime.now(UTC) + timedelta(hours=3)) for url in urls]

    def _written(self, url: str, due: datetime) -> Feed:
        now = datetime.now(UTC)
        feed = Feed(
            tenant=self.name,
            feed_id=new_id("feed", now),
            show_id=new_id("show", now),
            url=url,
            addresses=(url,),
            created_at=now,
            next_poll_at=in_millis(due),
        )
        self.store.add(feed)
        return feed

    def make_due(self, feeds: Iterable[Feed]) -> None:
        """Have the next tick poll these feeds."""
        for feed in self.now(feeds):
            due = in_millis(datetime.now(UTC) - timedelta(seconds=1))
            self.store.change(feed, feed.model_copy(update={"next_poll_at": due}))

    def poll_again(self, feed: Feed) -> Feed:
        """Ask for a poll and wait until it was made; the feed as that leaves it."""
        since = datetime.now(UTC)
        answer = self.ask("poll", feed_id=feed.feed_id)
        assert "feed" in answer, answer
        return self.polled([feed], since)[0]

    def pause_all(self) -> None:
        """Leave nothing behind that a tick would poll for another test."""
        for feed in self.feeds():
            if feed.status is FeedStatus.ACTIVE:
                paused = {"status": FeedStatus.PAUSED, "next_poll_at": None}
                self.store.change(feed, feed.model_copy(update=paused))

    # --- seeing

    def feeds(self) -> list[Feed]:
        return list(self.store.of_tenant(self.name))

    def now(self, feeds: Iterable[Feed]) -> list[Feed]:
        """The same feeds as they are now."""
        return [self.store.get(self.name, feed.feed_id) for feed in feeds]

    def polled(
        self, feeds: Iterable[Feed], since: datetime, timeout: float = PATIENCE_SECONDS
    ) -> list[Feed]:
        """Wait until every one of the feeds was polled after a moment."""
        wanted = list(feeds)

        def all_polled() -> list[Feed]:
            found = self.now(wanted)
            done = all(feed.last_polled_at and feed.last_polled_at >= since for feed in found)
            return found if done else []

        return wait_until(all_polled, timeout, f"the polls of {len(wanted)} feeds of {self.name}")

    def episodes(self, feed: Feed) -> list[dict[str, Any]]:
        """The feed's episodes as they lie in the table."""
        partition = keys.show(self.name, feed.show_id)["pk"]
        condition = Key("pk").eq(partition) & Key("sk").begins_with("EPISODE#")
        found: list[dict[str, Any]] = []
        arguments: dict[str, Any] = {}
        while True:
            page = self.table.query(
                KeyConditionExpression=condition, ConsistentRead=True, **arguments
            )
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            arguments = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def objects(self, prefix: str, feed: Feed) -> list[str]:
        """Keys of what the bucket keeps of a feed under a prefix."""
        listed = self.cloud.client("s3").list_objects_v2(
            Bucket=self.cloud.outputs["FeedsBucket"],
            Prefix=f"{prefix}/{self.name}/{feed.feed_id}/",
        )
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def hear_everything(self) -> None:
        """Take every event that the writes made so far mean.

        The stream is in order: once the bus tells of what is written here last, it has told of
        all that was written before.
        """
        name = f"ep_sentinel-{self.name}-{next(self._sentinels)}"
        sentinel = EpisodeItem(
            tenant=self.name,
            show_id=SENTINEL_SHOW,
            feed_id="feed_sentinel",
            episode_id=name,
            identity=f"guid:{name}",
            fingerprint=name,
            first_seen=to_text(datetime.now(UTC)),
            imported=False,
            document="{}",
        )
        self.store.put_episodes([sentinel])

        def heard() -> bool:
            self.ear.listen()
            return self.ear.published()[name] > 0

        with self._hearing:
            wait_until(heard, PATIENCE_SECONDS, "the stream's end")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The details of every event of a kind heard so far."""
        return [
            event["detail"]
            for event in self.ear.heard
            if event["detail-type"] == kind and event["detail"]["show_id"] != SENTINEL_SHOW
        ]

    def told(self, kind: str, feed: Feed) -> Counter[str]:
        """How often each episode of a feed was told of, by id."""
        return Counter(
            detail["episode_id"]
            for detail in self.events(kind)
            if detail["show_id"] == feed.show_id
        )

    def ledger(self, feed: Feed) -> Ledger:
        """Every account of one feed, after `hear_everything`."""
        stored = {item["episode_id"] for item in self.episodes(feed)}
        told = self.told("EpisodePublished", feed)
        assert set(told) <= stored, "an episode was told of that is not stored"
        counted = self.store.get(self.name, feed.feed_id).last_counts
        return Ledger(
            stored=len(stored),
            told=dict(Counter(told.values())),
            counted={name: number for name, number in counted.items() if number},
            quarantined=len(self.objects("quarantine", feed)),
        )


def in_millis(moment: datetime) -> datetime:
    """Times are stored to the millisecond, and a message names exactly the stored one."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def message(feed: Feed, **changes: object) -> PollMessage:
    """The message that asks for the poll a feed is due for."""
    assert feed.next_poll_at is not None
    asked = PollMessage(tenant=feed.tenant, feed_id=feed.feed_id, scheduled_for=feed.next_poll_at)
    return asked.model_copy(update=changes)


def batch(*bodies: str) -> dict[str, Any]:
    """The event with which SQS brings messages to a function."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"handle-{number}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1790000000000",
                    "SenderId": "000000000000",
                    "ApproximateFirstReceiveTimestamp": "1790000000000",
                },
                "messageAttributes": {},
                "md5OfBody": "0" * 32,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:polls",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def send(cloud: LocalCloud, *bodies: str) -> None:
    """Put messages into the poll queue as they are."""
    for start in range(0, len(bodies), 10):
        cloud.client("sqs").send_message_batch(
            QueueUrl=cloud.outputs["PollQueueUrl"],
            Entries=[
                {"Id": str(number), "MessageBody": body}
                for number, body in enumerate(bodies[start : start + 10])
            ],
        )


def tick(cloud: LocalCloud, at: datetime | None = None) -> dict[str, Any]:
    """Invoke the scheduler as EventBridge does; its summary."""
    moment = at or datetime.now(UTC)
    answer, failed = call(cloud, "SchedulePolls", {"scheduled_time": moment.isoformat()})
    assert not failed, answer
    return dict(answer)


def at_once(*calls: Any) -> list[Any]:
    """The results of calls made at the same moment."""
    barrier = threading.Barrier(len(calls))

    def run(one: Any) -> Any:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
