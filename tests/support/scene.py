"""A platform in which the sample events make sense: their tenant, its two feeds, and their host."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3

from tallycast.feeds.feed import Feed
from tallycast.kernel.times import utc_now
from tallycast.measurement.rollups import writing
from tests.support.feeds_platform import FeedsPlatform, feeds_platform
from tests.support.functions import Function, environments, function
from tests.support.origin import feed, item
from tests.support.permissions import Call, recorded_calls
from tests.support.template import ROOT, deployment
from tests.support.wire import dynamodb_wire

EVENTS = ROOT / "events"
TENANT = "acme"
FEED = "feed_01kaqj8x2mf3v9t0d5w7rzbcyn"
SHOW = "show_01kaqj8x2mq1h6n8e4gks0pjtx"
OTHER = "feed_01kaqk2b7yd4c6x8s1v0mwtq9z"
OTHER_SHOW = "show_01kaqk2b7yq9m3r5n7a0hfgz4e"
DUE = datetime(2026, 1, 5, 12, tzinfo=UTC)
NOW = DUE  # to the functions of measurement it is always this moment
HOST = "https://feeds.example.com"
INTAKE = "tallycast-intake"
DAILY, WEEKLY, CENTRES = "/daily.xml", "/weekly.xml", "/datacenters.csv"
EDGE_SECRET = "an-edge-secret-of-the-sample-events"
POLLING = {"schedule_polls", "poll_feed", "publish_changes", "manage_feeds", "import_feed"}

STATE_MACHINES = {
    "manage_feeds": "IMPORT_STATE_MACHINE",
    "manage_measurement": "COUNT_STATE_MACHINE",
}


@cache
def _time_outs() -> dict[str, float]:
    functions = deployment("local").functions
    return {name: float(made.properties["Timeout"]) for name, made in functions.items()}


def cases() -> list[str]:
    """Every sample event, as `function/case`."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in EVENTS.glob("*/*.json"))


@dataclass
class Scene:
    """The platform, and what the functions run in it did to AWS and wrote."""

    platform: FeedsPlatform
    wire: str
    calls: dict[str, list[Call]] = field(default_factory=dict)
    written: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source = {"url": self.platform.origin.url(CENTRES), "licence": "own work"}
        self.environments = environments(
            self.platform,
            {
                "EdgeSecret": EDGE_SECRET,
                "ReferenceSources": json.dumps({"datacenters.csv": source}),
            },
        )
        self.environments["track_download"]["AWS_ENDPOINT_URL_DYNAMODB"] = self.wire
        self.platform.origin.put(DAILY, feed([item(2), item(1)], title="The Daily Example"))
        self.platform.origin.put(WEEKLY, feed([item(1)], title="Another"))

    def event(self, case: str) -> dict[str, Any]:
        """A sample event, with the loopback host for the one it names."""
        text = (EVENTS / f"{case}.json").read_text(encoding="utf-8")
        text = text.replace(HOST, self.platform.origin.url(""))
        return json.loads(text.replace(INTAKE, self.platform.stacks.outputs["IntakeBucket"]))

    def register(self) -> None:
        """Put both feeds into the registry, due when the sample tick is."""
        for feed_id, show_id, path in ((FEED, SHOW, DAILY), (OTHER, OTHER_SHOW, WEEKLY)):
            url = self.platform.origin.url(path)
            self.platform.store.add(
                Feed(
                    tenant=TENANT,
                    feed_id=feed_id,
                    show_id=show_id,
                    url=url,
                    addresses=(url,),
                    created_at=DUE,
                    next_poll_at=DUE,
                )
            )

    def feed(self, feed_id: str = FEED) -> Feed:
        return self.platform.store.get(TENANT, feed_id)

    @contextmanager
    def function(self, name: str) -> Iterator[Function]:
        """A cold start of a function; its calls are noted."""
        noted = self.calls.setdefault(name, [])
        with (
            function(name, self.environments[name]) as made,
            recorded_calls(noted),
            nullcontext() if name in POLLING else stopped_clock(),
        ):
            made.context.seconds_left = _time_outs()[name]
            yield made
            self.written.setdefault(name, []).extend(made.lines)

    def run(self, case: str) -> tuple[Any, Function]:
        """Run a sample event through its function; the answer and the container it was made in."""
        name = case.partition("/")[0]
        with self.function(name) as made:
            return made(self.event(case)), made


@contextmanager
def stopped_clock() -> Iterator[None]:
    """Whoever of ours takes the time is given `NOW`."""
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            if name.startswith("tallycast.") and vars(module).get("utc_now") is utc_now:
                stack.enter_context(patch.object(module, "utc_now", lambda: NOW))
        yield


@contextmanager
def scene() -> Iterator[Scene]:
    """A fresh scene, with state machines for imports and counts to start."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(writing, "THREADS", 1))  # moto copies tables meanwhile
        platform = stack.enter_context(feeds_platform())
        made = Scene(platform, stack.enter_context(dynamodb_wire()))
        for function_name, variable in STATE_MACHINES.items():
            arn = made.environments[function_name][variable]
            boto3.client("stepfunctions").create_state_machine(
                name=arn.rpartition(":")[2],
                definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
                roleArn="arn:aws:iam::123456789012:role/a-workflow",
            )
        yield made
