"""The tick: every due feed once, nobody else, whatever goes wrong on the way."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tallycast.aws import clients
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.feeds.feed import Feed, FeedStatus, PollMessage
from tallycast.feeds.items import feed_item
from tallycast.feeds.queue import Delayed, PollQueue
from tallycast.feeds.tick import Scheduler

NOON = datetime(2026, 11, 22, 12, 15, tzinfo=UTC)  # no full hour: no sweep


def a_feed(number, *, due=NOON, host=None, **fields) -> Feed:
    return Feed(
        tenant=f"tenant-{number % 3}",
        feed_id=f"feed_{number:06d}",
        show_id=f"show_{number:06d}",
        url=f"https://{host or f'host-{number}.example'}/feed.xml",
        created_at=NOON,
        next_poll_at=due,
        **fields,
    )


def a_message(number) -> Delayed:
    return Delayed(PollMessage(tenant="acme", feed_id=f"feed_{number:06d}", scheduled_for=NOON))


def put(platform, feeds):
    with platform.table.batch_writer() as batch:
        for feed in feeds:
            batch.put_item(Item=feed_item(feed))


def ids(messages):
    return Counter(message.feed_id for message in messages)


def tick(platform, at=NOON, *, time_left=lambda: 300.0, scheduler=None):
    platform.now = max(platform.now, at)
    scheduler = scheduler or platform.scheduler
    cursor = scheduler.begin(at)
    return None if cursor is None else scheduler.run(cursor, time_left=time_left)


class SmallPages:
    """The core table with pages of a few entries, as a big index has them."""

    def __init__(self, table, size):
        self._table, self._size, self.queries = table, size, 0

    def query(self, **arguments):
        self.queries += 1
        return self._table.query(Limit=self._size, **arguments)

    def __getattr__(self, name):
        return getattr(self._table, name)


def test_every_due_feed_is_sent_once_and_no_other(platform):
    put(platform, [a_feed(n) for n in range(40)])
    put(platform, [a_feed(n, due=NOON + timedelta(minutes=15)) for n in range(40, 60)])
    put(platform, [a_feed(60, status=FeedStatus.PAUSED), a_feed(61, status=FeedStatus.RETIRED)])
    result = tick(platform)
    sent = platform.messages()
    assert result.sent == 40
    assert ids(sent) == Counter(f"feed_{n:06d}" for n in range(40))
    assert {message.scheduled_for for message in sent} == {NOON}


def test_a_tick_delivered_twice_sends_nothing_the_second_time(platform):
    put(platform, [a_feed(n) for n in range(10)])
    tick(platform)
    platform.messages()
    assert tick(platform) is None
    assert platform.messages() == []


def test_a_tick_reads_only_what_became_due_since_the_last(platform):
    put(platform, [a_feed(n, due=NOON - timedelta(hours=3)) for n in range(30)])
    tick(platform)
    assert len(platform.messages()) == 30
    put(platform, [a_feed(n, due=NOON + timedelta(minutes=15)) for n in range(30, 35)])
    assert tick(platform, NOON + timedelta(minutes=15)).sent == 5


def test_once_an_hour_what_was_lost_on_the_way_is_made_up_for(platform):
    put(platform, [a_feed(1, due=NOON - timedelta(minutes=5))])
    tick(platform)
    platform.messages()  # lost
    assert tick(platform, NOON + timedelta(minutes=15)).sent == 0
    assert tick(platform, NOON + timedelta(minutes=30)).sent == 0
    assert tick(platform, NOON + timedelta(minutes=45)).sent == 1


def test_a_tick_that_runs_short_of_time_goes_on_where_it_stopped(platform):
    put(platform, [a_feed(n) for n in range(100)])
    small = Scheduler(SmallPages(platform.table, 3), platform.queue, platform.clock)
    platform.now = NOON
    cursor, invocations = small.begin(NOON), 0
    while cursor is not None:
        result = small.run(cursor, time_left=lambda: 1.0)
        cursor = result.rest
        invocations += 1
        assert invocations < 200
    assert result.sent == 100
    assert invocations == result.invocations > 30
    assert ids(platform.messages()) == Counter(f"feed_{n:06d}" for n in range(100))


def test_a_tick_that_dies_half_way_is_made_whole_by_the_next_delivery(platform):
    put(platform, [a_feed(n) for n in range(40)])

    class Dying(PollQueue):
        def send(self, messages):
            if self.calls > 4:
                raise ServiceUnavailableError("the queue refuses")
            self.calls += 1
            return super().send(messages)

    dying = Dying(clients.sqs(), platform.stacks.outputs["PollQueueUrl"])
    dying.calls = 0
    small = Scheduler(SmallPages(platform.table, 3), dying, platform.clock)
    with pytest.raises(ServiceUnavailableError):
        tick(platform, scheduler=small)
    assert tick(platform).sent == 40
    assert set(ids(platform.messages())) == {f"feed_{n:06d}" for n in range(40)}


def test_the_feeds_of_one_host_are_spread_over_the_tick_and_others_are_not(platform):
    delays = []

    class Watching(PollQueue):
        def send(self, messages):
            delays.extend((m.message.feed_id, m.seconds) for m in messages)
            return len(messages)

    watching = Watching(clients.sqs(), platform.stacks.outputs["PollQueueUrl"])
    put(platform, [a_feed(n, host="big.example") for n in range(23)])
    put(platform, [a_feed(n) for n in range(23, 30)])
    tick(platform, scheduler=Scheduler(platform.table, watching, platform.clock))
    big = Counter(seconds for feed_id, seconds in delays if feed_id < "feed_000023")
    assert big == {0: 5, 1: 5, 2: 5, 3: 5, 4: 3}
    assert {seconds for feed_id, seconds in delays if feed_id >= "feed_000023"} == {0}


def test_messages_that_a_batch_refuses_are_sent_again(platform):
    class Flaky:
        calls = 0

        def send_message_batch(self, QueueUrl, Entries):  # noqa: N803
            self.calls += 1
            if self.calls == 1:
                failed = [{"Id": entry["Id"], "Code": "Throttled"} for entry in Entries[3:]]
                clients.sqs().send_message_batch(QueueUrl=QueueUrl, Entries=Entries[:3])
                return {"Failed": failed}
            return clients.sqs().send_message_batch(QueueUrl=QueueUrl, Entries=Entries)

    flaky = Flaky()
    queue = PollQueue(flaky, platform.stacks.outputs["PollQueueUrl"])
    assert queue.send([a_message(n) for n in range(10)]) == 2
    assert ids(platform.messages()) == Counter(f"feed_{n:06d}" for n in range(10))


def test_a_queue_that_keeps_refusing_is_an_error_and_not_a_loss(platform):
    class Full:
        def send_message_batch(self, QueueUrl, Entries):  # noqa: N803
            return {"Failed": [{"Id": entry["Id"], "Code": "Throttled"} for entry in Entries]}

    queue = PollQueue(Full(), platform.stacks.outputs["PollQueueUrl"])
    put(platform, [a_feed(1)])
    with pytest.raises(ServiceUnavailableError):
        tick(platform, scheduler=Scheduler(platform.table, queue, platform.clock))
    assert tick(platform).sent == 1


def test_no_delay_ever_passes_what_the_queue_takes(platform):
    queue = PollQueue(clients.sqs(), platform.stacks.outputs["PollQueueUrl"])
    message = a_message(1).message
    assert queue.send([Delayed(message, 10_000), Delayed(message, -5)]) == 1
