"""The local cloud for end-to-end tests: started once per session, with the real template.

A test module that needs it writes, in its own `conftest.py` or module:

    from tests.support.cloud import cloud, cloud_parameters  # noqa: F401

and may override `cloud_parameters` (session scope) to deploy with other parameters. Each process
of a parallel run has a cloud of its own: they share nothing, so no test waits for another.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from infra.local.lifecycle import local_cloud

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.local.cloud import LocalCloud

T = TypeVar("T")

LOOK_SECONDS = 0.1
# The seconds that tests name are those of a quiet machine; a busy one is given this many times as
# many. It costs nothing where what is awaited happens.
PATIENCE = 3


class WaitedInVainError(AssertionError):
    """What a test waited for did not happen in time."""


def wait_until(predicate: Callable[[], T], timeout: float, what: str) -> T:
    """Return the predicate's first truthy value.

    Raises:
        WaitedInVainError: there was none within `PATIENCE` times `timeout` seconds; says `what`
            was awaited and what the predicate gave last.
    """
    timeout *= PATIENCE
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise WaitedInVainError(f"waited {timeout:g} s for {what}; last seen: {value!r}")
        time.sleep(LOOK_SECONDS)


def take(cloud: LocalCloud, queue_url: str) -> list[dict[str, Any]]:
    """Receive and delete what a queue shows now; each message's body as JSON."""
    sqs = cloud.client("sqs")
    bodies = []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def waiting(cloud: LocalCloud, queue_url: str) -> int:
    """How many messages a queue holds, whether anybody can see them or not."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    found = cloud.client("sqs").get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=[*names, "ApproximateNumberOfMessagesDelayed"]
    )
    return sum(int(count) for count in found["Attributes"].values())


def call(cloud: LocalCloud, function: str, event: object) -> tuple[Any, bool]:
    """Call a function by its logical or physical name: its answer, and whether it failed."""
    reply = cloud.client("lambda").invoke(
        FunctionName=cloud.function_name(function), Payload=json.dumps(event).encode()
    )
    return json.loads(reply["Payload"].read()), "FunctionError" in reply


@pytest.fixture(scope="session")
def cloud_parameters() -> dict[str, str]:
    """Values for the template's parameters, over those of samconfig.toml."""
    return {}


@pytest.fixture(scope="session")
def cloud(cloud_parameters: dict[str, str]) -> Iterator[LocalCloud]:
    """The real template on a local cloud of this test session's own."""
    with local_cloud(ephemeral=True, parameters=cloud_parameters) as running:
        yield running
