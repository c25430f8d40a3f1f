"""Exact counts under faults: published + quarantined + unchanged is what the documents hold.

Whatever is repeated, broken, killed or refused, every episode is stored once and told once.
"""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from boto3.dynamodb.types import TypeSerializer

from tests.e2e.host import document
from tests.e2e.tenants import Ledger, at_once, batch, in_millis, message, send, tick
from tests.support.cloud import call, take, wait_until, waiting

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

EPISODES = 12
NAMELESS = 2  # items that nobody can identify: they are quarantined
FIRST = document(EPISODES, nameless=NAMELESS)
SECOND = document(EPISODES + 1, nameless=NAMELESS, edited=(3,))
AFTER_FIRST = Ledger(
    stored=EPISODES,
    told={1: EPISODES},
    counted={"new": EPISODES, "quarantined": NAMELESS},
    quarantined=NAMELESS,
)
AFTER_SECOND = Ledger(
    stored=EPISODES + 1,
    told={1: EPISODES + 1},
    counted={"new": 1, "updated": 1, "unchanged": EPISODES - 1, "quarantined": NAMELESS},
    quarantined=NAMELESS,
)
UNKNOWN = json.dumps(
    {"tenant": "nobody", "feed_id": "feed_unknown", "scheduled_for": "2026-11-22T12:00:00Z"}
)
POISON = ("this is not JSON", '{"tenant": "poison", "feed": 7}', UNKNOWN)


@pytest.fixture(scope="module")
def poisoned(brisk, host, new_tenant):
    """Good feeds whose messages lay between poisonous ones; those come back five times."""
    tenant = new_tenant(brisk, "poisoned")
    feeds = registered(tenant, host, 2)
    good = [message(feed).model_dump_json() for feed in feeds]
    send(brisk, POISON[0], good[0], POISON[1], POISON[2], good[1])
    return tenant, feeds


@pytest.fixture(scope="module")
def settled():
    """Tenants whose every account was right, with what each feed must still say at the end."""
    return []


def registered(tenant, host, number):
    """Feeds of the first document that are due and not polled yet."""
    paths = [f"/{tenant.name}/{n}.xml" for n in range(number)]
    return tenant.register_unpolled([host.put(path, FIRST) for path in paths])


def changed(tenant, host, feeds):
    """Give every feed its second document and make it due; the moment from which it is polled."""
    for number in range(len(feeds)):
        host.put(f"/{tenant.name}/{number}.xml", SECOND)
    tenant.make_due(feeds)
    return datetime.now(UTC)


def accounts(tenant, feeds):
    tenant.hear_everything()
    return [tenant.ledger(feed) for feed in feeds]


def visits(tenant, host, feeds):
    """How often each feed's document was asked for."""
    return [host.visits(f"/{tenant.name}/{n}.xml").total() for n in range(len(feeds))]


def refused(cloud):
    """How many calls of functions were refused so far."""
    return cloud.refuse("nothing", 0)


def test_poison_in_a_batch_fails_alone(brisk, brisk_tenant, host, poisoned):
    feeds = registered(brisk_tenant, host, 2)
    good = [message(feed).model_dump_json() for feed in feeds]
    event = batch(POISON[0], good[0], POISON[1], POISON[2], good[1])
    answer, failed = call(brisk, "PollFeed", event)
    assert not failed, answer
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"message-{n}"} for n in (0, 2, 3)]}
    assert accounts(brisk_tenant, feeds) == [AFTER_FIRST] * 2


def test_every_message_delivered_twice_is_acted_on_once(brisk, brisk_tenant, host, settled):
    began = datetime.now(UTC)
    feeds = registered(brisk_tenant, host, 10)
    bodies = [message(feed).model_dump_json() for feed in feeds]
    send(brisk, *bodies, *bodies)
    brisk_tenant.polled(feeds, began)
    assert accounts(brisk_tenant, feeds) == [AFTER_FIRST] * 10
    since = changed(brisk_tenant, host, feeds)
    bodies = [message(feed).model_dump_json() for feed in brisk_tenant.now(feeds)]
    send(brisk, *(body for body in bodies for _ in range(2)))
    brisk_tenant.polled(feeds, since)
    assert accounts(brisk_tenant, feeds) == [AFTER_SECOND] * 10
    assert visits(brisk_tenant, host, feeds) == [2] * 10
    settled.append((brisk_tenant, feeds, [AFTER_SECOND] * 10, [2] * 10))


def test_the_same_batch_given_to_the_function_twice_is_acted_on_once(
    brisk, brisk_tenant, host, settled
):
    feeds = registered(brisk_tenant, host, 3)
    event = batch(*(message(feed).model_dump_json() for feed in feeds))
    for _ in range(2):
        answer, failed = call(brisk, "PollFeed", event)
        assert (failed, answer) == (False, {"batchItemFailures": []})
    assert accounts(brisk_tenant, feeds) == [AFTER_FIRST] * 3
    changed(brisk_tenant, host, feeds)
    event = batch(*(message(feed).model_dump_json() for feed in brisk_tenant.now(feeds)))
    since = datetime.now(UTC)
    answers = at_once(*[lambda: call(brisk, "PollFeed", event)] * 2)
    assert answers == [({"batchItemFailures": []}, False)] * 2
    brisk_tenant.polled(feeds, since)
    assert accounts(brisk_tenant, feeds) == [AFTER_SECOND] * 3
    assert visits(brisk_tenant, host, feeds) == [2] * 3
    settled.append((brisk_tenant, feeds, [AFTER_SECOND] * 3, [2] * 3))


def test_the_same_stream_records_given_to_the_publisher_twice_are_told_once(
    brisk, brisk_tenant, host
):
    [feed] = registered(brisk_tenant, host, 1)
    send(brisk, message(feed).model_dump_json())
    brisk_tenant.polled([feed], feed.created_at)
    assert accounts(brisk_tenant, [feed]) == [AFTER_FIRST]
    before = dict(brisk_tenant.ear.counts())
    event = inserts(brisk_tenant.episodes(feed))
    assert len(event["Records"]) == EPISODES
    for _ in range(2):
        answer, failed = call(brisk, "PublishChanges", event)
        assert not failed, answer
    brisk_tenant.ear.listen()
    assert dict(brisk_tenant.ear.counts()) == before
    # Records that the publisher never saw are told, once, however often they come.
    unseen = [
        {**item, "episode_id": f"{item['episode_id']}x"} for item in brisk_tenant.episodes(feed)
    ]
    for _ in range(2):
        answer, failed = call(brisk, "PublishChanges", inserts(unseen))
        assert not failed, answer
    brisk_tenant.ear.listen()
    published = brisk_tenant.told("EpisodePublished", feed)
    assert (len(published), set(published.values())) == (2 * EPISODES, {1})


def inserts(items):
    """The event with which the table's stream tells of new items."""
    serializer = TypeSerializer()
    return {
        "Records": [
            {
                "eventID": f"{number:032x}",
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-1",
                "eventSourceARN": "arn:aws:dynamodb:eu-west-1:000000000000:table/core/stream/x",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_790_000_000,
                    "Keys": {name: serializer.serialize(item[name]) for name in ("pk", "sk")},
                    "NewImage": {name: serializer.serialize(item[name]) for name in item},
                    "SequenceNumber": f"{number:021d}",
                    "SizeBytes": 1000,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
            }
            for number, item in enumerate(items)
        ]
    }


def test_a_tick_that_comes_twice_or_two_at_once_polls_each_feed_once(
    brisk, brisk_tenant, host, settled
):
    feeds = registered(brisk_tenant, host, 10)
    at = in_millis(datetime.now(UTC))
    first = tick(brisk, at)
    again = tick(brisk, at)
    assert first["sent"] >= 10
    assert again == {"sent": 0, "pages": 0, "done": True}
    brisk_tenant.polled(feeds, feeds[0].created_at)
    assert visits(brisk_tenant, host, feeds) == [1] * 10
    since = changed(brisk_tenant, host, feeds)
    at = in_millis(since + timedelta(milliseconds=1))
    summaries = at_once(*[lambda: tick(brisk, at)] * 2)
    assert max(summary["sent"] for summary in summaries) >= 10
    brisk_tenant.polled(feeds, since)
    assert accounts(brisk_tenant, feeds) == [AFTER_SECOND] * 10
    assert visits(brisk_tenant, host, feeds) == [2] * 10
    settled.append((brisk_tenant, feeds, [AFTER_SECOND] * 10, [2] * 10))


def test_a_bus_that_refuses_for_a_while_is_told_later_and_once(brisk, brisk_tenant, host, settled):
    feeds = registered(brisk_tenant, host, 5)
    before = refused(brisk)
    brisk.refuse("events", 60)
    try:
        send(brisk, *(message(feed).model_dump_json() for feed in feeds))
        brisk_tenant.polled(feeds, feeds[0].created_at)
        wait_until(lambda: refused(brisk) > before, 30, "a refused event")
        assert brisk_tenant.ear.listen() == 0
    finally:
        brisk.refuse("events", 0)
    assert accounts(brisk_tenant, feeds) == [AFTER_FIRST] * 5
    assert take(brisk, brisk.outputs["FailedEventsUrl"]) == []
    settled.append((brisk_tenant, feeds, [AFTER_FIRST] * 5, [1] * 5))


def test_a_worker_killed_in_the_middle_of_a_poll_loses_and_repeats_nothing(
    brisk, brisk_tenant, host, settled
):
    feeds = registered(brisk_tenant, host, 2)
    with host.holding(f"/{brisk_tenant.name}/1.xml") as asked:
        send(brisk, *(message(feed).model_dump_json() for feed in feeds))
        assert asked.wait(30)
        workers = brisk.workers("PollFeed")
        assert workers
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
    held = brisk_tenant.now(feeds)[1]
    assert (held.last_polled_at, held.lease_id is None) == (None, False)
    brisk_tenant.polled(feeds, feeds[0].created_at)
    assert accounts(brisk_tenant, feeds) == [AFTER_FIRST] * 2
    settled.append((brisk_tenant, feeds, [AFTER_FIRST] * 2, visits(brisk_tenant, host, feeds)))


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_a_service_that_refuses_for_a_while_loses_and_repeats_nothing(
    brisk, brisk_tenant, host, settled, service
):
    feeds = registered(brisk_tenant, host, 20)
    began = feeds[0].created_at
    ticked = tick(brisk)
    assert ticked["sent"] >= 20
    refuse_for_a_while(brisk, service)
    brisk_tenant.polled(feeds, began)
    assert accounts(brisk_tenant, feeds) == [AFTER_FIRST] * 20
    since = changed(brisk_tenant, host, feeds)
    tick(brisk)
    refuse_for_a_while(brisk, service)
    brisk_tenant.polled(feeds, since)
    assert accounts(brisk_tenant, feeds) == [AFTER_SECOND] * 20
    changes = brisk_tenant.events("EpisodeChanged")
    assert len(changes) == len({change["episode_id"] for change in changes}) == 20
    settled.append((brisk_tenant, feeds, [AFTER_SECOND] * 20, visits(brisk_tenant, host, feeds)))


def refuse_for_a_while(cloud, service, calls=20):
    """Have a service refuse the functions until it did so a number of times."""
    before = refused(cloud)
    cloud.refuse(service, 60)
    try:
        wait_until(lambda: refused(cloud) >= before + calls, 30, f"refusals of {service}")
    finally:
        cloud.refuse(service, 0)


def test_poison_ends_among_the_dead_letters_and_nothing_else_does(brisk, poisoned):
    tenant, feeds = poisoned
    tenant.polled(feeds, feeds[0].created_at)
    assert accounts(tenant, feeds) == [AFTER_FIRST] * 2
    queue = brisk.outputs["PollDeadLettersUrl"]
    wait_until(lambda: waiting(brisk, queue) >= len(POISON), 90, "the dead letters")
    received = brisk.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    bodies = [found["Body"] for found in received["Messages"]]
    assert [body for body in bodies if body not in POISON] == []
    assert sorted(bodies) == sorted(POISON)


def test_nothing_more_happens_when_the_queue_has_emptied(brisk, host, poisoned, settled):
    if not settled:
        pytest.skip("looks at what the other tests of this module left; run them together")
    wait_until(lambda: waiting(brisk, brisk.outputs["PollQueueUrl"]) == 0, 90, "an empty queue")
    for tenant, feeds, ledgers, seen in settled:
        assert accounts(tenant, feeds) == ledgers, tenant.name
        assert visits(tenant, host, feeds) == seen, tenant.name
    assert waiting(brisk, brisk.outputs["PollDeadLettersUrl"]) == len(POISON)
    assert waiting(brisk, brisk.outputs["FailedEventsUrl"]) == 0
