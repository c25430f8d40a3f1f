"""What a scene needs before the sample events of measurement make sense."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from unittest.mock import patch

import boto3

from tallycast.measurement.tracking.registry import TrackingRegistry
from tests.support.measurement_platform import a_log, listeners
from tests.support.scene import CENTRES, NOW, SHOW, TENANT, Scene

DAY = date(2026, 1, 1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOG = "logs/acme/cdn/2026-01-01 access.csv"
HITS = "hits/2026/01/01/12/tallycast-Hits-1-2026-01-01-12-00-00.gz"
SHOW_KEY = "shk_Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmE"
HIT_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)  # as the samples of the redirect have it
AUDIO = "https://media.example.com/ep/1.mp3"


def put(scene: Scene, bucket: str, key: str, body: bytes) -> None:
    """An object in one of the scene's buckets, named by its output."""
    boto3.client("s3").put_object(Bucket=scene.platform.stacks.outputs[bucket], Key=key, Body=body)


def objects(scene: Scene, bucket: str, prefix: str = "") -> list[str]:
    """The keys in one of the scene's buckets."""
    listed = boto3.client("s3").list_objects_v2(
        Bucket=scene.platform.stacks.outputs[bucket], Prefix=prefix
    )
    return [entry["Key"] for entry in listed.get("Contents", [])]


def deliver(scene: Scene, count: int = 3, *, bad: int = 0, key: str = LOG, **facts: Any) -> None:
    """A log of so many listeners of the sample feed's first episode arrives."""
    rows = listeners(count, **{"time": NOON, "url": AUDIO, **facts})
    put(scene, "IntakeBucket", key, a_log(rows, bad=bad))


def a_hit(number: int, **more: Any) -> str:
    """A line of the redirect's log."""
    line = {
        "v": 1, "kind": "hit", "tenant": TENANT, "show_id": SHOW, "time": "2026-01-01T12:00:00.000Z",
        "source": "prefix", "request_id": f"{number:032x}", "method": "GET", "status": 302,
        "url": AUDIO, "ip_key": "2026-01", "ip_hash": f"{number:016x}",
        "ip_hash_previous": f"{number:016x}", "user_agent": "Overcast/3.0 (+http://overcast.fm/)",
    }  # fmt: skip
    return json.dumps(line | more, separators=(",", ":"))


def deliver_hits(scene: Scene, count: int = 2) -> None:
    """A batch of tracked hits arrives, as Firehose delivers what CloudWatch Logs sends."""
    envelope = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/tallycast/track-download",
        "logStream": "one",
        "subscriptionFilters": ["hits"],
        "logEvents": [
            {"id": str(n), "timestamp": 1767268800000, "message": a_hit(n)} for n in range(count)
        ],
    }
    put(scene, "IntakeBucket", HITS, gzip.compress(json.dumps(envelope).encode(), mtime=0))


def feed_is_known(scene: Scene) -> None:
    """The sample feed is polled, so that its episodes are known."""
    scene.register()
    scene.run("poll_feed/batch_with_poison")


def take_in(scene: Scene, count: int = 3) -> None:
    """The sample log is taken in."""
    deliver(scene, count)
    scene.run("ingest_log/log_file")


def count(scene: Scene) -> dict[str, Any]:
    """The sample day is counted, from its opening to its numbers."""
    for case in ("open", "count"):
        scene.run(f"count_downloads/{case}")
    return scene.run("count_downloads/settle")[0]


def registry(scene: Scene) -> TrackingRegistry:
    """Show keys, of which the first is the samples' own."""
    return TrackingRegistry(
        scene.platform.stacks.core, lambda: NOW, lambda size: (b"foobarbaz" * 4)[:size]
    )


def track(scene: Scene) -> None:
    """The sample show is tracked under the sample key, and the keys of its hits' months are made."""
    tracking = registry(scene)
    assert tracking.register(TENANT, SHOW).show_key == SHOW_KEY
    hosts = "https://dts.podtrac.com/redirect.mp3/audio.example.com/daily/1.mp3"
    tracking.learn(TENANT, SHOW, [hosts])
    for month in ("2026-10", "2026-11", "2026-12"):
        scene.platform.stacks.privacy.put_item(
            Item={"id": month, "key": month.encode().ljust(32), "created_at": "2026-09-01"}
        )


def publish_centres(scene: Scene, hosts: int = 30) -> bytes:
    """Somebody publishes a list of data centres at the address that the platform fetches it from."""
    body = "".join(f"203.0.113.{n}/32,Host {n}\n" for n in range(hosts)).encode()
    scene.platform.origin.put(CENTRES, body)
    return body


@contextmanager
def redirects_log(scene: Scene, *lines: str, at: datetime = HIT_AT) -> Iterator[None]:
    """The log of the redirect holds these lines; while it does, CloudWatch Logs has their time."""
    group = scene.environments["replay_hits"]["TRACK_LOG_GROUP"]
    client = boto3.client("logs")
    # CloudWatch Logs takes no event that is older than two weeks.
    with patch("moto.logs.models.utcnow", lambda: at.replace(tzinfo=None)):
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName="one")
        if lines:
            moment = int(at.timestamp() * 1000)
            client.put_log_events(
                logGroupName=group,
                logStreamName="one",
                logEvents=[{"timestamp": moment + n, "message": x} for n, x in enumerate(lines)],
            )
        yield
