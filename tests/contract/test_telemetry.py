"""Metrics, logs and traces as CloudWatch and X-Ray get them: read from what the handlers write."""

import ast

import pytest

from tallycast.aws.observability import NAMESPACE
from tests.support.functions import FUNCTIONS
from tests.support.origin import feed, item
from tests.support.scene import DAILY, FEED, OTHER, TENANT, WEEKLY, scene
from tests.support.template import ROOT, deployment

pytestmark = pytest.mark.xdist_group("telemetry")  # the day is played once

PROMISED = {
    "ingestion_latency",
    "feed_errors",
    "poll_success_rate",
    "data_quality_score",
    "processing_latency",
    "queue_depth",
    "task_success_rate",
    "task_duration",
}
LAMBDAS_OWN = {"ColdStart"}


def named_in_the_code() -> set[str]:
    """Every metric that a function or the package adds by name."""
    sources = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/core/tallycast").rglob("*.py")]
    return {
        call.args[0].value
        for path in sources
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and (getattr(call.func, "attr", "") or getattr(call.func, "id", ""))
        in {"add_metric", "single_metric"}
    }


@pytest.fixture(scope="module")
def written():
    """What each function writes over one day of one feed: lines by function."""
    lines = {}
    with scene() as stage:

        def run(name, event):
            with stage.function(name) as made:
                made(event)
            lines.setdefault(name, []).extend(made.lines)

        run("import_feed", {**stage.event("import_feed/add"), "tenant": "other"})
        stage.register()
        for case in ("manage_feeds/show", "manage_feeds/unknown_command", "schedule_polls/tick"):
            run(case.partition("/")[0], stage.event(case))
        run("poll_feed", stage.event("poll_feed/batch_with_poison"))
        stage.platform.origin.put(DAILY, feed([item(n) for n in (3, 2, 1)]))
        stage.platform.origin.put(WEEKLY, status=500)
        run("poll_feed", both_due(stage))
        run("publish_changes", stage.event("publish_changes/episode_published"))
    return lines


def both_due(stage):
    event = stage.event("poll_feed/batch_with_poison")
    records = [event["Records"][0], event["Records"][2]]
    for record, feed_id in zip(records, (FEED, OTHER), strict=True):
        record["body"] = stage.platform.message(stage.feed(feed_id)).model_dump_json()
    return {"Records": records}


def directives(lines):
    """Namespace, metric and dimensions of everything a function's lines hold."""
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                for dimensions in directive["Dimensions"]:
                    values = {name: line[name] for name in dimensions}
                    yield directive["Namespace"], metric["Name"], values, line[metric["Name"]]


def values_of(lines, metric):
    found = [value for _, name, _, value in directives(lines) if name == metric]
    return [each for value in found for each in (value if isinstance(value, list) else [value])]


def test_every_metric_named_in_the_code_is_emitted_under_our_name(written):
    emitted = {name for lines in written.values() for _, name, _, _ in directives(lines)}
    assert emitted - LAMBDAS_OWN == named_in_the_code()
    assert emitted >= PROMISED
    spaces = {space for lines in written.values() for space, _, _, _ in directives(lines)}
    assert spaces == {NAMESPACE}


def test_a_metric_has_few_dimensions_and_no_ids(written):
    for lines in written.values():
        for _, name, dimensions, _ in directives(lines):
            assert set(dimensions) <= {"service", "function_name", "error"}, name
            assert not any("_01" in str(value) for value in dimensions.values())


def test_metrics_carry_the_functions_name(written):
    for function, lines in written.items():
        for _, name, dimensions, _ in directives(lines):
            assert dimensions.get("service") == function, name


def test_the_polls_metrics_say_what_happened(written):
    lines = written["poll_feed"]
    assert sorted(values_of(lines, "poll_success_rate")) == [0.0, 100.0, 100.0, 100.0]
    assert sorted(values_of(lines, "episodes_new")) == [0.0, 1.0, 1.0, 2.0]
    assert values_of(lines, "feed_errors") == [1.0]
    [error] = [d["error"] for _, name, d, _ in directives(lines) if name == "feed_errors"]
    assert error == "ServerError"
    [latency] = values_of(lines, "ingestion_latency")  # a back catalogue is no news
    assert latency >= 0.0
    assert all(0.0 <= score <= 100.0 for score in values_of(lines, "data_quality_score"))


def test_every_function_reports_how_its_work_went(written):
    assert set(written) == set(FUNCTIONS)
    for name, lines in written.items():
        assert values_of(lines, "task_duration"), name
        assert values_of(lines, "task_success_rate"), name
    # A person's mistake is answered, and is no failure of ours.
    assert set(values_of(written["manage_feeds"], "task_success_rate")) == {100.0}


def test_every_alarm_on_our_own_metrics_watches_what_is_emitted(written):
    emitted = [
        (space, name, dimensions)
        for lines in written.values()
        for space, name, dimensions, _ in directives(lines)
    ]
    watched = [
        alarm.properties
        for alarm in deployment().of_type("AWS::CloudWatch::Alarm")
        if alarm.properties.get("Namespace") == NAMESPACE
    ]
    assert watched
    for alarm in watched:
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert (alarm["Namespace"], alarm["MetricName"], dimensions) in emitted


def test_a_log_line_says_whose_it_is(written):
    for name, lines in written.items():
        logs = [line for line in lines if "_aws" not in line]
        for line in logs:
            assert line["service"] == name
            assert line["function_request_id"]
            assert line["level"] in {"INFO", "WARNING"}, line
    polled = [line for line in written["poll_feed"] if line.get("message") == "polled"]
    assert {(line["tenant"], line["feed_id"]) for line in polled} == {
        (TENANT, FEED),
        (TENANT, OTHER),
    }
    assert len({line["correlation_id"] for line in polled}) == len(polled)
    [refused] = [line for line in written["manage_feeds"] if line.get("message") == "refused"]
    assert refused["error"].startswith("BadCommandError: ")


def test_a_poisons_log_line_bears_no_neighbours_name(written):
    [poison] = [line for line in written["poll_feed"] if line.get("exception_name")]
    assert poison["exception_name"] == "ValidationError"
    assert not {"feed_id", "tenant", "reason"} & set(poison)


def test_a_poll_our_own_platform_failed_is_logged_with_its_feed_and_tried_again(scene):
    scene.register()
    bucket = scene.environments["poll_feed"]["FEEDS_BUCKET"]
    scene.environments["poll_feed"]["FEEDS_BUCKET"] = f"{bucket}-that-is-not-there"
    event = scene.event("poll_feed/batch_with_poison")
    event["Records"] = event["Records"][:1]
    with scene.function("poll_feed") as made:
        answer = made(event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    [line] = [line for line in made.logs if line["message"] == "not polled"]
    assert (line["feed_id"], line["error"].partition(":")[0]) == (FEED, "RequestRefusedError")
    assert made.metrics["task_success_rate"] == [0.0]
    assert scene.feed().lease_id is None
