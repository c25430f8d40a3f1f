"""The small mends: schedules' keywords, refusals, alarms, and the pin they all hang on."""

from __future__ import annotations

import asyncio
import json

import pytest
from ministack.core import iam_actions

from infra.local import bridge
from infra.local.bridge import alarms, batch_actions, faults, numbers, schedules
from infra.local.errors import EmulatorVersionError

EVENT = {
    "EventId": "id-1",
    "Time": 1_700_000_000.9,
    "Resources": ["arn:aws:scheduler:eu-west-1:0:schedule/default/tick"],
}


def test_a_schedules_input_is_filled_with_its_invocations_facts():
    text = json.dumps(
        {
            "at": "<aws.scheduler.scheduled-time>",
            "by": "<aws.scheduler.schedule-arn>",
            "run": "<aws.scheduler.execution-id>",
            "attempt": "<aws.scheduler.attempt-number>",
            "kept": "<aws.scheduler.unknown>",
        }
    )
    assert json.loads(schedules.filled(text, EVENT)) == {
        "at": "2023-11-14T22:13:20Z",
        "by": "arn:aws:scheduler:eu-west-1:0:schedule/default/tick",
        "run": "id-1",
        "attempt": "1",
        "kept": "<aws.scheduler.unknown>",
    }


def test_an_alarm_on_an_expression_becomes_one_on_a_metric_nobody_emits():
    alarm = {"Threshold": 1, "Metrics": [{"Id": "e", "Expression": "a / b"}]}
    assert alarms.stand_in(alarm) == {
        "Threshold": 1,
        "MetricName": "Expression",
        "Namespace": "Unevaluated",
    }


def test_a_plain_alarm_stays_as_it_is():
    alarm = {"Threshold": 1, "MetricName": "Errors", "Namespace": "AWS/Lambda"}
    assert alarms.stand_in(alarm) == alarm


def test_another_version_of_the_emulator_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(bridge, "installed", lambda: "9.9.9")
    with pytest.raises(EmulatorVersionError, match=r"9\.9\.9.*pinned to 1\.5\.33.*make setup"):
        bridge.check()


def test_the_pinned_version_is_the_installed_one():
    assert bridge.installed() == bridge.PINNED


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def credential(key="ASIA1234", service="dynamodb"):
    return f"AWS4-HMAC-SHA256 Credential={key}/20240101/eu-west-1/{service}/aws4_request".encode()


def test_a_service_refuses_functions_for_the_time_given_and_not_longer():
    clock = Clock()
    refusals = faults.Refusals(clock)
    refusals.begin("dynamodb", 3)
    status, _, body = refusals.answer(credential()) or (0, b"", b"")
    assert (status, json.loads(body)["__type"]) == (500, "InternalServerError")
    clock.now += 3
    assert refusals.answer(credential()) is None
    assert refusals.refused == 1


def test_only_functions_are_refused_and_only_by_the_named_service():
    refusals = faults.Refusals(Clock())
    refusals.begin("dynamodb", 3)
    assert refusals.answer(credential(key="LOCALADMIN")) is None
    assert refusals.answer(credential(service="sqs")) is None
    assert refusals.answer(b"") is None
    assert refusals.answer(b"\xff\xfe Credential=") is None


def test_a_bucket_that_refuses_asks_to_slow_down():
    refusals = faults.Refusals(Clock())
    refusals.begin("s3", 1)
    answer = refusals.answer(credential(service="s3"))
    assert answer is not None
    assert answer[0] == 503
    assert b"SlowDown" in answer[2]


def ask(application, path="/", method="PUT", query=b"", headers=()):
    """What an application answers to one request: status and body."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "path": path,
        "method": method,
        "query_string": query,
        "headers": list(headers),
    }
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


async def inner(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b"inner"})


def test_refusals_are_ordered_by_the_administrator_alone():
    application = faults.wrapped(inner, faults.Refusals(), b"secret")
    order = {"path": faults.PATH, "query": b"service=dynamodb&seconds=60"}
    call = {"path": "/", "method": "POST", "headers": [(b"authorization", credential())]}
    assert ask(application, **order)[0] == 403
    assert ask(application, **order, headers=[(faults.SECRET_HEADER, b"guess")])[0] == 403
    assert ask(application, **call) == (204, b"inner")
    assert ask(application, **order, headers=[(faults.SECRET_HEADER, b"secret")]) == (200, b"0")
    assert ask(application, **call)[0] == 500
    assert ask(application, **order, headers=[(faults.SECRET_HEADER, b"secret")]) == (200, b"1")


@pytest.mark.parametrize(
    ("asked", "checked"),
    [
        ("sqs:SendMessageBatch", "sqs:SendMessage"),
        ("sqs:DeleteMessageBatch", "sqs:DeleteMessage"),
        ("sqs:ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"),
        ("sqs:ReceiveMessage", "sqs:ReceiveMessage"),
        (None, None),
    ],
)
def test_a_batch_call_is_checked_as_the_single_call(monkeypatch, asked, checked):
    monkeypatch.setattr(iam_actions, "extract_iam_action", lambda *_: asked)
    batch_actions.apply()
    assert iam_actions.extract_iam_action("sqs") == checked


def test_numbers_of_a_mapping_that_came_as_text_are_numbers():
    given = {
        "BatchSize": 10,
        "MaximumRetryAttempts": "4",
        "ScalingConfig": {"MaximumConcurrency": "2"},
    }
    assert numbers.numbered(given) == {
        "BatchSize": 10,
        "MaximumRetryAttempts": 4,
        "ScalingConfig": {"MaximumConcurrency": 2},
    }
    assert numbers.numbered({}) == {}
