"""Everything that each function of measurement does to AWS, in a scene that has all it needs."""

from datetime import timedelta
from unittest.mock import patch

from tallycast.measurement.lake import ledger
from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore
from tallycast.measurement.tracking import registry as tracking
from tests.support.measurement_platform import a_log, a_request
from tests.support.measuring import (
    AUDIO,
    HIT_AT,
    LOG,
    NOON,
    SHOW_KEY,
    a_hit,
    count,
    deliver,
    deliver_hits,
    feed_is_known,
    objects,
    publish_centres,
    put,
    redirects_log,
    registry,
    take_in,
    track,
)
from tests.support.scene import CENTRES, NOW, SHOW, TENANT, cases


def asked(stage, name, **event):
    """Run a function on an event of our own."""
    with stage.function(name) as made:
        return made(event)


def settings(stage, **wanted):
    """The tenant wants its downloads counted so."""
    store = MeasurementSettingsStore(stage.platform.stacks.core)
    store.put(TENANT, MeasurementSettings.model_validate(wanted))


def every_case(stage, name):
    for case in cases():
        if case.startswith(f"{name}/"):
            stage.run(case)


def ingest_log(stage):
    """A file for the first time, again, rewritten; hits; and what is nobody's or gone."""
    put(stage, "LakeBucket", "reference/inbox/datacenters.csv", publish_centres(stage))
    stage.run("refresh_reference/put")
    deliver_hits(stage)
    deliver(stage, 2, bad=1)
    every_case(stage, "ingest_log")
    stage.run("ingest_log/log_file")
    # More days than a transaction holds, which is 99 in truth.
    several = [a_request(time=NOON + timedelta(days=n), url=AUDIO) for n in range(3)]
    put(stage, "IntakeBucket", LOG, a_log(several))
    with patch.object(ledger, "MOST_WRITES", 2):
        stage.run("ingest_log/log_file")


def schedule_counts(stage):
    take_in(stage)
    stage.run("schedule_counts/tick")


def count_downloads(stage):
    """A day in one shard, in several and in one again; restated; given back; and its month."""
    feed_is_known(stage)
    settings(stage, rows_per_shard=2)
    take_in(stage, 5)
    opened, _ = stage.run("count_downloads/open")
    for shard in opened["shards"]:
        asked(stage, "count_downloads", **shard)
    stage.run("count_downloads/settle")
    settings(stage)
    deliver(stage, 2, url="https://media.example.com/ep/2.mp3")
    stage.run("ingest_log/log_file")
    again = stage.event("count_downloads/open")["day"] | {"plan": "plan_again"}
    opened = asked(stage, "count_downloads", step="open", day=again)
    [shard] = opened["shards"]
    asked(stage, "count_downloads", **shard)
    assert asked(stage, "count_downloads", step="settle", run=opened["run"])["restated"] == 2
    assert asked(stage, "count_downloads", step="open", day=again) == {"unchanged": True}
    stage.run("count_downloads/give_back")
    stage.run("count_downloads/listeners")
    a_day_that_is_not_final(stage)


def a_day_that_is_not_final(stage):
    """Yesterday, whose requests may still be late."""
    yesterday = NOW - timedelta(days=1)
    deliver(stage, 2, time=yesterday)
    stage.run("ingest_log/log_file")
    day = stage.event("count_downloads/open")["day"] | {"day": str(yesterday.date())}
    with stage.function("count_downloads") as made:
        opened = made({"step": "open", "day": day})
        for shard in opened["shards"]:
            made(shard)
        assert made({"step": "settle", "run": opened["run"]})["final"] is False


def compact_lake(stage):
    """A night that runs short of time, goes on, and finds days that are no longer kept."""
    take_in(stage, 2)
    deliver(stage, 3, bad=1, key=LOG.replace("access", "more"))
    event = stage.event("ingest_log/log_file")
    [record] = event["Records"]
    record["body"] = record["body"].replace("access", "more")
    asked(stage, "ingest_log", **event)
    with stage.function("compact_lake") as short:
        short.context.seconds_left = 5
        assert short(stage.event("compact_lake/night"))["done"] is False
    for case in ("continuation", "one_day"):
        stage.run(f"compact_lake/{case}")
    settings(stage, keep_requests_days=1, keep_quarantine_days=1)
    # A quarantine is of the day it came: one that came long ago.
    old = "quarantine/tenant=acme/dt=2025-01-01/file_1.parquet"
    put(stage, "LakeBucket", old, b"")
    assert stage.run("compact_lake/night")[0]["expired"] == 2
    assert objects(stage, "LakeBucket", "requests/") == []


def refresh_reference(stage):
    """A list that cannot be fetched, is, is refused, put by hand, taken back, let go, dropped."""
    stage.platform.origin.put(CENTRES, status=503)
    stage.run("refresh_reference/refresh")
    body = publish_centres(stage)
    [taken] = stage.run("refresh_reference/refresh")[0]["documents"]
    publish_centres(stage, hosts=1)
    stage.run("refresh_reference/refresh")
    put(stage, "LakeBucket", "reference/inbox/datacenters.csv", body + b"198.51.100.1/32,Another\n")
    every_case(stage, "refresh_reference")
    asked(
        stage,
        "refresh_reference",
        command="use",
        document="datacenters.csv",
        version=taken["version"],
    )


def rotate_keys(stage):
    stage.platform.stacks.privacy.put_item(
        Item={"id": "2024-06", "key": b"k" * 32, "created_at": "2024-05-01"}
    )
    done, _ = stage.run("rotate_keys/schedule")
    assert done["keys_destroyed"] == ["2024-06"]


def manage_measurement(stage):
    track(stage)
    take_in(stage)
    count(stage)
    stage.run("count_downloads/listeners")
    every_case(stage, "manage_measurement")


def track_download(stage):
    track(stage)
    every_case(stage, "track_download")


def learn_hosts(stage):
    """Hosts of a show that is tracked, and one host too many."""
    registry(stage).register(TENANT, SHOW)
    stage.run("learn_hosts/batch_with_poison")
    event = stage.event("learn_hosts/batch_with_poison")
    event["Records"] = event["Records"][:1]
    event["Records"][0]["body"] = event["Records"][0]["body"].replace("audio.ex", "video.ex")
    with patch.object(tracking, "MOST_HOSTS", 2):
        assert asked(stage, "learn_hosts", **event) == {"batchItemFailures": []}


def replay_hits(stage):
    """A replay that looks a hit's show up and runs short of time."""
    track(stage)
    digest = tracking.keys.key_digest(SHOW_KEY)
    unresolved = a_hit(2, kind="unresolved_hit", key=digest)
    with (
        redirects_log(stage, a_hit(1), unresolved, at=HIT_AT),
        stage.function("replay_hits") as made,
    ):
        made.context.seconds_left = 5
        answer = made(stage.event("replay_hits/an_hour"))
    assert (answer["hits"], answer["resolved"], answer["through"]) == (2, 1, False)


EXERCISES = {
    each.__name__: each
    for each in (
        ingest_log,
        schedule_counts,
        count_downloads,
        compact_lake,
        refresh_reference,
        rotate_keys,
        manage_measurement,
        track_download,
        learn_hosts,
        replay_hits,
    )
}
