"""What the sample events of intake, counting and what serves it lead to."""

import json

import boto3
import pytest
from pydantic import ValidationError

from tallycast.measurement.counting.days import DayRef, DayStore
from tests.support.measuring import (
    DAY,
    LOG,
    count,
    deliver,
    deliver_hits,
    feed_is_known,
    objects,
    publish_centres,
    put,
    take_in,
)
from tests.support.outcomes import outcome
from tests.support.scene import NOW, SHOW, TENANT
from tests.support.told import ear

REF = DayRef(tenant=TENANT, rules="iab-2.3", day=DAY)


def ran(scene, case):
    """The answer to a sample event, and the metrics of its run by the last value of each."""
    answer, made = scene.run(case)
    return answer, made


def state(scene):
    return DayStore(scene.platform.stacks.metrics).get(REF)


def books(made):
    """The metrics that a file's records are accounted in, by stream."""
    return {
        (line["stream"], name): line[name][0]
        for line in made.emf
        for name in line
        if name.startswith("requests_") and "stream" in line
    }


def of(stream, accepted, stored, quarantined, deduplicated):
    names = ("accepted", "stored", "quarantined", "deduplicated")
    values = (accepted, stored, quarantined, deduplicated)
    return {(stream, f"requests_{name}"): float(n) for name, n in zip(names, values, strict=True)}


# ── ingest_log ──


@outcome("ingest_log/log_file")
def a_log_file_is_taken_in_once_however_often_it_is_told_of(scene):
    deliver(scene, 3, bad=1)
    answer, made = ran(scene, "ingest_log/log_file")
    assert answer == {"batchItemFailures": []}
    assert books(made) == of("logs", 4, 3, 1, 0)
    answer, made = ran(scene, "ingest_log/log_file")
    assert answer == {"batchItemFailures": []}
    assert books(made) == of("logs", 3, 0, 0, 3)
    assert len(objects(scene, "LakeBucket", f"requests/tenant={TENANT}/dt={DAY}/")) == 1
    assert len(objects(scene, "LakeBucket", f"quarantine/tenant={TENANT}/")) == 1
    assert state(scene).due_at is not None


@outcome("ingest_log/hits")
def tracked_hits_are_taken_in_for_the_tenant_they_name(scene):
    deliver_hits(scene, 2)
    answer, made = ran(scene, "ingest_log/hits")
    assert answer == {"batchItemFailures": []}
    assert books(made) == of("hits", 2, 2, 0, 0)
    assert len(objects(scene, "LakeBucket", f"requests/tenant={TENANT}/dt={DAY}/")) == 1


@outcome("ingest_log/stray_file")
def a_file_that_is_nobodys_goes_back_and_says_why(scene):
    answer, made = ran(scene, "ingest_log/stray_file")
    [record] = scene.event("ingest_log/stray_file")["Records"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    [line] = [line for line in made.logs if line.get("exception_name")]
    assert line["exception_name"] == "StrayFileError"


@outcome("ingest_log/file_gone")
def a_file_that_is_gone_is_nobodys_trouble(scene):
    answer, made = ran(scene, "ingest_log/file_gone")
    assert answer == {"batchItemFailures": []}
    assert [line["message"] for line in made.logs] == ["gone"]


@outcome("ingest_log/test_message")
def s3s_own_test_message_tells_of_nothing(scene):
    answer, made = ran(scene, "ingest_log/test_message")
    assert answer == {"batchItemFailures": []}
    assert books(made) == {}


# ── counting ──


@outcome("schedule_counts/tick")
def every_day_that_waits_is_handed_out_once(scene):
    take_in(scene)
    answer, _ = ran(scene, "schedule_counts/tick")
    assert answer["days"] == 1
    plan = answer["plan"]
    listed = objects(scene, "LakeBucket", "plans/")
    assert listed == [f"plans/{plan}.json", f"plans/{plan}.periods.json"]
    arn = scene.environments["schedule_counts"]["COUNT_STATE_MACHINE"]
    [execution] = boto3.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == plan
    assert ran(scene, "schedule_counts/tick")[0] == {"days": 0, "plan": None}


@outcome("count_downloads/open")
def a_day_is_opened_and_what_it_is_counted_from_is_fixed(scene):
    take_in(scene)
    answer, _ = ran(scene, "count_downloads/open")
    assert answer["unchanged"] is False
    assert answer["run"] == scene.event("count_downloads/count")["run"]
    assert answer["shards"] == [scene.event("count_downloads/count")]
    assert answer["run"] in objects(scene, "LakeBucket", "runs/")


@outcome("count_downloads/count")
def a_shard_is_counted(scene):
    take_in(scene)
    ran(scene, "count_downloads/open")
    answer, _ = ran(scene, "count_downloads/count")
    assert answer == {"shard": 0, "requests": 3}


@outcome("count_downloads/settle")
def a_days_numbers_are_replaced_and_told(scene):
    take_in(scene)
    with ear(scene) as heard:
        answer = count(scene)
        [event] = heard()
    assert answer == {
        "count": 1,
        "final": True,
        "requests": 3,
        "downloads": 3,
        "listeners": 3,
        "restated": 0,
    }
    assert event["detail-type"] == "DownloadsCounted"
    assert (event["detail"]["downloads"], event["detail"]["status"]) == (3, "final")
    assert (state(scene).state, state(scene).lease_id) == ("final", None)


@outcome("count_downloads/give_back")
def a_day_that_could_not_be_counted_is_given_back_and_stays_due(scene):
    take_in(scene)
    ran(scene, "count_downloads/open")
    before = state(scene)
    assert before.lease_id is not None
    answer, made = ran(scene, "count_downloads/give_back")
    assert answer == {"given_back": True}
    assert (state(scene).lease_id, state(scene).due_at) == (None, before.due_at)
    [line] = [line for line in made.logs if line["level"] == "ERROR"]
    assert line["problem"]["Error"] == "LakeObjectMissingError"


@outcome("count_downloads/listeners")
def the_listeners_of_a_month_are_counted_once_each(scene):
    take_in(scene)
    count(scene)
    answer, _ = ran(scene, "count_downloads/listeners")
    assert answer["listeners"] >= 1
    found, _ = ran(scene, "manage_measurement/listeners")
    assert [(each["name"], each["listeners"]) for each in found["listeners"]] == [("2026-01", 3)]


@outcome("count_downloads/unknown_step")
def a_step_that_there_is_not_is_an_error(scene):
    with pytest.raises(ValidationError):
        scene.run("count_downloads/unknown_step")


# ── compact_lake ──


def two_files(scene):
    """A day of the lake in two objects."""
    take_in(scene, 2)
    deliver(scene, 4, key=LOG.replace("access", "more"))
    again = json.loads(json.dumps(scene.event("ingest_log/log_file")).replace("access", "more"))
    with scene.function("ingest_log") as made:
        assert made(again) == {"batchItemFailures": []}
    assert len(objects(scene, "LakeBucket", "requests/")) == 2


@outcome("compact_lake/night")
def a_night_makes_one_object_of_a_days_many(scene):
    two_files(scene)
    answer, _ = ran(scene, "compact_lake/night")
    assert (answer["days"], answer["compacted"], answer["objects_before"]) == (1, 1, 2)
    assert (answer["objects_written"], answer["failed"], answer["done"]) == (1, [], True)
    assert len(objects(scene, "LakeBucket", "requests/")) == 1


@outcome("compact_lake/one_day")
def one_day_is_compacted_when_somebody_asks(scene):
    two_files(scene)
    answer, _ = ran(scene, "compact_lake/one_day")
    assert (answer["compacted"], answer["objects_written"]) == (1, 1)


@outcome("compact_lake/continuation")
def a_round_goes_on_behind_the_day_it_finished(scene):
    two_files(scene)
    answer, _ = ran(scene, "compact_lake/continuation")
    assert (answer["days"], answer["compacted"], answer["done"]) == (1, 1, True)


# ── reference data and keys ──


@outcome("refresh_reference/refresh")
def a_published_list_is_taken_into_use_and_told(scene):
    publish_centres(scene)
    with ear(scene) as heard:
        answer, _ = ran(scene, "refresh_reference/refresh")
        [event] = heard()
    [document] = answer["documents"]
    assert (document["document"], document["outcome"]) == ("datacenters.csv", "activated")
    assert event["detail-type"] == "ReferenceActivated"
    assert event["detail"]["document_version"] == document["version"]


def put_by_hand(scene):
    put(scene, "LakeBucket", "reference/inbox/datacenters.csv", publish_centres(scene))
    return ran(scene, "refresh_reference/put")[0]


def in_use(scene):
    answer, _ = ran(scene, "refresh_reference/show")
    return {each["document"]: each for each in answer["documents"]}


@outcome("refresh_reference/put")
def a_list_put_by_hand_is_held(scene):
    answer = put_by_hand(scene)
    assert (answer["outcome"], answer["document"]["entries"]) == ("activated", 30)
    assert in_use(scene)["datacenters.csv"]["held"] is True


@outcome("refresh_reference/release")
def a_released_list_is_left_to_the_refresher(scene):
    put_by_hand(scene)
    ran(scene, "refresh_reference/release")
    assert in_use(scene)["datacenters.csv"]["held"] is False


@outcome("refresh_reference/drop")
def a_dropped_list_makes_room_for_the_built_in_one(scene):
    put_by_hand(scene)
    assert ran(scene, "refresh_reference/drop")[0]["outcome"] == "dropped"
    assert "datacenters.csv" not in in_use(scene)


@outcome("refresh_reference/show")
def what_is_in_use_is_shown(scene):
    before = in_use(scene)
    assert before
    assert all(each["version"].startswith("built-in-") for each in before.values())
    put_by_hand(scene)
    assert set(in_use(scene)) == {*before, "datacenters.csv"}


@outcome("refresh_reference/use_unknown_version")
def a_version_that_there_is_not_is_an_answer(scene):
    error = ran(scene, "refresh_reference/use_unknown_version")[0]["error"]
    assert (error["code"], error["retryable"]) == ("ReferenceMissingError", False)


@outcome("rotate_keys/schedule")
def the_keys_of_the_months_around_now_are_made_once(scene):
    answer, _ = ran(scene, "rotate_keys/schedule")
    assert answer == {"keys_created": ["2025-12", "2026-01", "2026-02"], "keys_destroyed": []}
    assert ran(scene, "rotate_keys/schedule")[0] == {"keys_created": [], "keys_destroyed": []}


# ── manage_measurement ──


def managed(scene, case):
    return ran(scene, f"manage_measurement/{case}")[0]


@outcome("manage_measurement/settings")
def the_settings_are_shown(scene):
    settings = managed(scene, "settings")["settings"]
    assert (settings["rules"], settings["zone"]) == (["iab-2.3"], "UTC")


@outcome("manage_measurement/change_settings")
def settings_are_changed_and_open_days_counted_again(scene):
    changed = managed(scene, "change_settings")["settings"]
    assert (changed["rules"], changed["zone"]) == (["iab-2.3", "op3"], "Europe/Berlin")
    assert managed(scene, "settings")["settings"] == changed
    due = list(DayStore(scene.platform.stacks.metrics).due(NOW.replace(year=2027)))
    assert {ref.rules for ref in due} == {"iab-2.3", "op3"}


@outcome("manage_measurement/bad_settings")
def settings_that_cannot_be_are_an_answer(scene):
    error = managed(scene, "bad_settings")["error"]
    assert error["code"] == "BadMeasurementSettingsError"
    assert "Berlin" in error["message"]
    assert managed(scene, "settings")["settings"]["zone"] == "UTC"


@outcome("manage_measurement/set_up_source")
def a_log_source_is_set_up(scene):
    sources = managed(scene, "set_up_source")["sources"]
    assert sources == {"cdn": {"format": "csv", "zone": "Europe/Berlin"}}
    assert managed(scene, "sources")["sources"] == sources


@outcome("manage_measurement/sources")
def log_sources_are_listed(scene):
    assert managed(scene, "sources") == {"sources": {}}


@outcome("manage_measurement/recount")
def a_recount_is_started_over_every_day_of_the_period(scene):
    plan = managed(scene, "recount")
    assert plan["days"] == 2
    given = boto3.client("stepfunctions").describe_execution(executionArn=plan["execution"])
    assert json.loads(given["input"])["plan"] == f"plans/{plan['plan_id']}.json"


@outcome("manage_measurement/days")
def the_days_and_how_they_were_counted_are_shown(scene):
    take_in(scene)
    count(scene)
    [day] = managed(scene, "days")["days"]
    assert (day["day"], day["state"], day["downloads"], day["version"]) == (str(DAY), "final", 3, 1)
    assert not {"lease_id", "lease_until"} & set(day)


@outcome("manage_measurement/downloads")
def the_tenants_downloads_are_shown_day_by_day(scene):
    take_in(scene)
    count(scene)
    answer = managed(scene, "downloads")
    assert [(card["day"], card["downloads"]) for card in answer["days"]] == [(str(DAY), 3)]
    assert answer["next"] is None


@outcome("manage_measurement/downloads_of_show")
def a_shows_downloads_are_shown(scene):
    feed_is_known(scene)
    take_in(scene)
    count(scene)
    [card] = managed(scene, "downloads_of_show")["days"]
    assert (card["id"], card["downloads"]) == (SHOW, 3)


@outcome("manage_measurement/ages")
def an_episode_that_nobody_heard_has_no_ages(scene):
    assert managed(scene, "ages") == {"ages": None}


@outcome("manage_measurement/listeners")
def months_that_were_not_counted_have_no_listeners(scene):
    assert managed(scene, "listeners") == {"listeners": []}


@outcome("manage_measurement/unknown_command")
def a_command_that_is_none_is_an_answer(scene):
    error = managed(scene, "unknown_command")["error"]
    assert (error["code"], error["retryable"]) == ("BadCommandError", False)
