"""A log subscription to a stream delivers what AWS would deliver, joined instead of one by one."""

from __future__ import annotations

import gzip
import json
import threading

import pytest
from ministack.core.iam_evaluator import _request_origin
from ministack.core.responses import _request_account_id
from ministack.services import cloudwatch_logs, firehose

from infra.local.bridge import log_subscriptions
from infra.local.bridge.log_subscriptions import Buffer, Target, envelope, matches, targets
from infra.local.errors import EmulatorChangedError

GROUP = "/tallycast/test/track-download"
ARN = "arn:aws:firehose:eu-west-1:000000000000:deliverystream/hits"
TARGET = Target("000000000000", "eu-west-1", "hits", GROUP, "to-hits")


def events(*messages):
    return [{"timestamp": 1_700_000_000_000, "message": message} for message in messages]


def documents(record):
    """The envelopes of a record, which stand gzipped one behind the other."""
    text, found, place = gzip.decompress(record).decode(), [], 0
    while place < len(text):
        document, place = json.JSONDecoder().raw_decode(text, place)
        found.append(document)
    return found


@pytest.mark.parametrize(
    ("pattern", "message", "matching"),
    [
        ('{ $.kind = "hit" }', '{"v":1,"kind":"hit"}', True),
        ('{$.kind="hit"}', '{"kind":"hit"}', True),
        ('{ $.kind = "hit" }', '{"kind":"unresolved_hit","user_agent":"kind hit"}', False),
        ('{ $.kind = "*hit" }', '{"kind":"unresolved_hit"}', True),
        ('{ $.kind = "hit" }', "START RequestId: hit kind", False),
        ('{ $.kind = "hit" }', '["hit"]', False),
        ('{ $.kind = "hit" }', '{"kind":["hit"]}', False),
        ('{ $.kind = "hit" }', "{", False),
        ("{ $.a.b = 7 }", '{"a":{"b":7}}', True),
        ("", "anything", True),
        ("kind hit", "the kind of a hit", True),
        ("kind hit", "the kind of a miss", False),
    ],
)
def test_a_pattern_is_read_as_on_aws(pattern, message, matching):
    assert matches(pattern, message) is matching


def test_an_envelope_says_where_its_events_come_from():
    [document] = documents(envelope(TARGET, "stream-1", events("one", "two")))
    ids = [event.pop("id") for event in document["logEvents"]]
    assert len(set(ids)) == 2
    assert document == {
        "messageType": "DATA_MESSAGE",
        "owner": "000000000000",
        "logGroup": GROUP,
        "logStream": "stream-1",
        "subscriptionFilters": ["to-hits"],
        "logEvents": events("one", "two"),
    }


class Sink:
    def __init__(self, refusals=0):
        self.records = []
        self.refusals = refusals
        self.came = threading.Event()

    def __call__(self, target, record):
        if self.refusals:
            self.refusals -= 1
            return False
        self.records.append((target, record))
        self.came.set()
        return True


def test_what_comes_within_a_moment_becomes_one_record():
    sink = Sink()
    buffer = Buffer(sink, seconds=0.05)
    for number in range(100):
        buffer.put(TARGET, f"stream-{number % 3}", events(f"line {number}"))
    assert sink.came.wait(5)
    [(target, record)] = sink.records
    assert target == TARGET
    streams = [(d["logStream"], len(d["logEvents"])) for d in documents(record)]
    assert streams == [("stream-0", 34), ("stream-1", 33), ("stream-2", 33)]


def test_many_events_do_not_wait(monkeypatch):
    monkeypatch.setattr(log_subscriptions, "MOST_BYTES", 100)
    sink = Sink()
    buffer = Buffer(sink, seconds=3600)
    buffer.put(TARGET, "one", events("x" * 99))
    assert sink.records == []
    buffer.put(TARGET, "one", events("x"))
    assert len(sink.records) == 1
    buffer.flush()
    assert len(sink.records) == 1


def test_two_streams_get_a_record_each():
    sink = Sink()
    buffer = Buffer(sink, seconds=3600)
    other = Target("000000000000", "eu-west-1", "others", GROUP, "to-others")
    buffer.put(TARGET, "one", events("a"))
    buffer.put(other, "one", events("a"))
    buffer.flush()
    assert [target for target, _ in sink.records] == [TARGET, other]


def test_a_refusal_is_tried_again():
    sink = Sink(refusals=2)
    buffer = Buffer(sink, seconds=3600)
    buffer.put(TARGET, "one", events("a"))
    buffer.flush()
    assert len(sink.records) == 1


@pytest.fixture
def emulated():
    """MiniStack's log group and stream of that name, without S3 behind the stream."""
    cloudwatch_logs._log_groups[GROUP] = {"streams": {}, "subscriptionFilters": {}}
    firehose._create_delivery_stream({"DeliveryStreamName": "hits"})
    yield cloudwatch_logs._log_groups[GROUP]["subscriptionFilters"]
    del cloudwatch_logs._log_groups[GROUP]
    firehose.reset()


def test_only_subscriptions_of_streams_are_ours(emulated):
    emulated["to-hits"] = {
        "filterName": "to-hits", "filterPattern": "hit",
        "destinationArn": ARN.replace("eu-west-1", firehose.get_region()),
    }  # fmt: skip
    emulated["to-function"] = {
        "filterName": "to-function", "filterPattern": "",
        "destinationArn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
    }  # fmt: skip
    [(target, pattern)] = targets(GROUP)
    assert (target.stream, target.filter_name, pattern) == ("hits", "to-hits", "hit")
    assert targets("/no/such/group") == []


def test_a_stream_takes_a_record_and_does_not_keep_it(emulated):
    here = Target("000000000000", firehose.get_region(), "hits", GROUP, "to-hits")
    assert log_subscriptions.delivered(here, b"record") is True
    for destination in firehose._streams["hits"]["destinations"]:
        assert destination["records"] == []
    nowhere = Target("000000000000", firehose.get_region(), "none", GROUP, "to-none")
    assert log_subscriptions.delivered(nowhere, b"record") is False


def test_a_delivery_counts_as_a_call_over_tls_and_leaves_the_caller_as_it_was(
    emulated, monkeypatch
):
    seen = []

    def put(_request):
        seen.append((_request_origin.get(), _request_account_id.get()))
        return 200, {}, b""

    monkeypatch.setattr(firehose, "_put_record", put)
    before = _request_origin.get(), _request_account_id.get()
    log_subscriptions.delivered(Target("111111111111", "eu-west-1", "hits", GROUP, "f"), b"record")
    assert seen == [(("127.0.0.1", True), "111111111111")]
    assert (_request_origin.get(), _request_account_id.get()) == before


def test_once_applied_a_matching_line_is_on_its_way(emulated, monkeypatch):
    for name in ("_fanout_to_subscription_filters", "get_state"):
        monkeypatch.setattr(cloudwatch_logs, name, getattr(cloudwatch_logs, name))
    sink = Sink()
    monkeypatch.setattr(log_subscriptions, "delivered", sink)
    emulated["to-hits"] = {
        "filterName": "to-hits", "filterPattern": '{ $.kind = "hit" }', "destinationArn": ARN,
    }  # fmt: skip
    log_subscriptions.apply()
    lines = events("START", '{"kind":"hit"}', '{"kind":"refused"}', "END")
    cloudwatch_logs._fanout_to_subscription_filters(GROUP, "one", lines)
    cloudwatch_logs.get_state()  # a stop saves the state: nothing is left behind
    [(target, record)] = sink.records
    assert target == TARGET
    [document] = documents(record)
    assert [event["message"] for event in document["logEvents"]] == ['{"kind":"hit"}']


def _renamed(group_name, stream_name, lines):
    """if ":function:" not in dest: and yet other parameters."""


@pytest.mark.parametrize("place", [None, lambda group_name, stream_name, events: None, _renamed])
def test_a_place_that_changed_is_refused(monkeypatch, place):
    monkeypatch.setattr(cloudwatch_logs, "_fanout_to_subscription_filters", place)
    with pytest.raises(EmulatorChangedError, match=r"log subscriptions.*make setup"):
        log_subscriptions.check()
