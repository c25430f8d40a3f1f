"""Hear what is put on the event bus, with a queue of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from infra.lint.schemas import SOURCES
from tests.support.scene import Scene


@contextmanager
def ear(scene: Scene) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Each call gives the events put since the last one, as EventBridge delivers them."""
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="ear")["QueueUrl"]
    arn = "arn:aws:sqs:eu-central-1:123456789012:ear"
    bus = scene.platform.stacks.outputs["EventBusName"]
    pattern = json.dumps({"source": list(SOURCES)})
    events.put_rule(Name="ear", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="ear", EventBusName=bus, Targets=[{"Id": "ear", "Arn": arn}])

    def heard() -> list[dict[str, Any]]:
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield heard
