"""A platform in which the sample events make sense: their tenant, its two feeds, and their host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
from botocore.loaders import JSONFileLoader
from cryptography.hazmat.primitives.asymmetric import rsa

from tallycast.feeds.feed import Feed
from tests.support.feeds_platform import FeedsPlatform, feeds_platform
from tests.support.functions import Function, environments, function
from tests.support.origin import feed, item
from tests.support.permissions import Call, recorded_calls
from tests.support.template import ROOT

EVENTS = ROOT / "events"
TENANT = "acme"
FEED = "feed_01kaqj8x2mf3v9t0d5w7rzbcyn"
SHOW = "show_01kaqj8x2mq1h6n8e4gks0pjtx"
OTHER = "feed_01kaqk2b7yd4c6x8s1v0mwtq9z"
OTHER_SHOW = "show_01kaqk2b7yq9m3r5n7a0hfgz4e"
DUE = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOST = "https://feeds.example.com"
DAILY, WEEKLY = "/daily.xml", "/weekly.xml"


# Every scene has a session of its own, and botocore would read its big models anew for each.
_read_model = cache(JSONFileLoader().load_file)
# moto makes a real RSA key for a table's encryption, and nobody ever uses it.
_private_key = cache(rsa.generate_private_key)


def cases() -> list[str]:
    """Every sample event, as `function/case`."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in EVENTS.glob("*/*.json"))


@dataclass
class Scene:
    """The platform, and what the functions run in it did to AWS."""

    platform: FeedsPlatform
    calls: dict[str, list[Call]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environments = environments(self.platform)
        self.platform.origin.put(DAILY, feed([item(2), item(1)], title="The Daily Example"))
        self.platform.origin.put(WEEKLY, feed([item(1)], title="Another"))

    def event(self, case: str) -> dict[str, Any]:
        """A sample event, with the loopback host for the one it names."""
        text = (EVENTS / f"{case}.json").read_text(encoding="utf-8")
        return json.loads(text.replace(HOST, self.platform.origin.url("")))

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
        with function(name, self.environments[name]) as made, recorded_calls(noted):
            yield made

    def run(self, case: str) -> tuple[Any, Function]:
        """Run a sample event through its function; the answer and the container it was made in."""
        name = case.partition("/")[0]
        with self.function(name) as made:
            return made(self.event(case)), made


@contextmanager
def scene() -> Iterator[Scene]:
    """A fresh scene, with a state machine for imports to start."""
    remembering = patch.object(JSONFileLoader, "load_file", lambda _, path: _read_model(path))
    same_key = patch.object(rsa, "generate_private_key", _private_key)
    with remembering, same_key, feeds_platform() as platform:
        made = Scene(platform)
        arn = made.environments["manage_feeds"]["IMPORT_STATE_MACHINE"]
        boto3.client("stepfunctions").create_state_machine(
            name=arn.rpartition(":")[2],
            definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
            roleArn="arn:aws:iam::123456789012:role/import-feeds",
        )
        yield made
