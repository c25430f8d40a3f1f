"""What all of each function does: its calls, which its role allows, and what it tells of them.

Metrics, logs and traces are as CloudWatch and X-Ray get them: read from what the handlers write.
"""

import ast
import json
import re
from unittest.mock import patch

import pytest

from tallycast.aws.observability import NAMESPACE
from tallycast.measurement.tracking import redirect
from tests.contract.exercises import EXERCISES, OF_FEEDS, exercised
from tests.support.functions import FUNCTIONS
from tests.support.measuring import track
from tests.support.origin import feed, item
from tests.support.permissions import Call, Grant
from tests.support.scene import DAILY, FEED, OTHER, TENANT, WEEKLY, scene
from tests.support.template import ROOT, deployment

PROMISED = {
    "ingestion_latency",
    "feed_errors",
    "poll_success_rate",
    "data_quality_score",
    "processing_latency",
    "queue_depth",
    "task_success_rate",
    "task_duration",
    "error_rate",
    "data_freshness",
    "requests_accepted",
    "requests_stored",
    "requests_quarantined",
    "requests_deduplicated",
    "query_latency",
    "storage_usage",
}
LAMBDAS_OWN = {"ColdStart"}
BOOKS = ("accepted", "stored", "quarantined", "deduplicated")
# What a metric may be told apart by, beside the function; none of it grows with the tenants.
DIMENSIONS = {"service", "function_name", "error", "stream", "table", "outcome"}
# A listener waits for every import of this one: it writes lines of its own, which filters count.
REDIRECT = "track_download"
# What a function says as an error; whatever else goes wrong is an answer or raised.
SAID_AS_ERRORS = {"count_downloads": {"day not counted"}}
# What a role allows though nothing of ours calls it.
NEEDED_WITHOUT_A_CALL = {
    "TellMissingFromForbidden": "S3 says NoSuchKey only to who may list, and AccessDenied to others",
    "made by SAM": "Lambda itself sends what failed to the destination",
}


# ── what it may do ──


def is_for_the_platform(grant: Grant, calls: list[Call]) -> bool:
    """Whether a grant on a table serves the platform's own items alone, so that it could say so."""
    keys = {key for call in calls if grant.allows(call) for key in call.keys}
    on_a_table = ":table/" in grant.resource and "/index/" not in grant.resource
    return on_a_table and bool(keys) and all(key.startswith("SYSTEM#") for key in keys)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_allows_what_its_function_does_and_nothing_more(name):
    seen = exercised(name)
    calls, grants = seen.calls, seen.grants
    denied = {call for call in calls if not any(grant.allows(call) for grant in grants)}
    assert denied == set()
    assert {
        grant
        for grant in grants
        if grant.leading_keys is None and is_for_the_platform(grant, calls)
    } == set()
    unused = {grant for grant in grants if not any(grant.allows(call) for call in calls)}
    assert {grant for grant in unused if grant.sid not in NEEDED_WITHOUT_A_CALL} == set()


# ── what it tells ──


def named_in_the_code() -> set[str]:
    """Every metric that a function or the package adds by name, and those that filters make."""
    sources = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/core/tallycast").rglob("*.py")]
    found = set(named_by_filters())
    for path in sources:
        found |= names_added(ast.parse(path.read_text(encoding="utf-8")))
    return found


def named_by_filters() -> set[str]:
    """Every metric that a filter makes of the redirect's log."""
    return {
        made["MetricName"]
        for each in deployment().of_type("AWS::Logs::MetricFilter")
        for made in each.properties["MetricTransformations"]
    }


def names_added(tree: ast.AST) -> set[str]:
    """The first argument of every `add_metric` and `single_metric`: text, or a loop over text."""
    found = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            called = getattr(call, "func", None)
            name = getattr(called, "attr", "") or getattr(called, "id", "")
            if isinstance(call, ast.Call) and name in {"add_metric", "single_metric"}:
                found |= texts_of(call.args[0], function)
    return found


def texts_of(node: ast.expr, function: ast.AST) -> set[str]:
    """The texts that an argument can be: itself, or the keys of the table that is looped over."""
    if isinstance(node, ast.Constant):
        return {node.value}
    assert isinstance(node, ast.Name), f"line {node.lineno}: a metric's name has to stand there"
    [loop] = [
        each
        for each in ast.walk(function)
        if isinstance(each, ast.For)
        and node.id in {part.id for part in ast.walk(each.target) if isinstance(part, ast.Name)}
    ]
    [table] = {part.id for part in ast.walk(loop.iter) if isinstance(part, ast.Name)}
    [keys] = [
        each.value.keys
        for each in ast.walk(function)
        if isinstance(each, ast.Assign) and getattr(each.targets[0], "id", "") == table
    ]
    return {key.value for key in keys}


def test_the_scan_reads_names_that_a_loop_gives_and_refuses_what_it_cannot_read():
    looped = """
def report(taken):
    books = {"accepted": taken.accepted, "stored": taken.stored}
    for name, records in books.items():
        single_metric(name, records)
    metrics.add_metric("other", 1)
"""
    assert names_added(ast.parse(looped)) == {"accepted", "stored", "other"}
    with pytest.raises(AssertionError, match="has to stand there"):
        names_added(ast.parse('def report(x):\n    metrics.add_metric("a" + x, 1)'))
    with pytest.raises(ValueError, match="not enough values"):
        names_added(ast.parse("def report(x):\n    metrics.add_metric(x, 1)"))


@pytest.fixture(scope="module")
def written():
    """What each function writes over one day of one feed, and in its exercises, by function."""
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
    return lines | {name: exercised(name).lines for name in EXERCISES if name not in OF_FEEDS}


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
    assert emitted - LAMBDAS_OWN == named_in_the_code() - named_by_filters()
    assert emitted >= PROMISED
    spaces = {space for lines in written.values() for space, _, _, _ in directives(lines)}
    assert spaces == {NAMESPACE}


def test_a_metric_has_few_dimensions_and_no_ids(written):
    for lines in written.values():
        for _, name, dimensions, _ in directives(lines):
            assert set(dimensions) <= DIMENSIONS, name
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


def test_the_books_of_each_stream_balance(written):
    """What was accepted was stored, quarantined or stored before: nothing else can become of it."""
    books = {}
    for _, name, dimensions, value in directives(written["ingest_log"]):
        if "stream" in dimensions:
            of = books.setdefault(dimensions["stream"], {})
            of[name] = of.get(name, 0.0) + sum(value if isinstance(value, list) else [value])
    assert set(books) == {"logs", "hits"}
    for stream, of in books.items():
        accepted, *parts = (of[f"requests_{part}"] for part in BOOKS)
        assert accepted == sum(parts) > 0, stream
    assert all(books["logs"][f"requests_{part}"] > 0 for part in BOOKS)


def test_what_the_lake_holds_is_told_table_by_table(written):
    tables = {
        dimensions["table"]
        for _, name, dimensions, _ in directives(written["compact_lake"])
        if name == "storage_usage"
    }
    assert tables >= {"requests", "quarantine"}


def test_every_function_reports_how_its_work_went(written):
    assert set(written) == set(FUNCTIONS)
    for name, lines in written.items():
        if name == REDIRECT:
            continue
        assert values_of(lines, "task_duration"), name
        success, errors = (values_of(lines, rate) for rate in ("task_success_rate", "error_rate"))
        assert success, name
        assert [100.0 - each for each in success] == errors, name
    # A person's mistake is answered, and is no failure of ours.
    for name in ("manage_feeds", "manage_measurement"):
        assert set(values_of(written[name], "task_success_rate")) == {100.0}


def test_every_alarm_on_our_own_metrics_watches_what_is_emitted(written):
    emitted = [
        (space, name, dimensions)
        for lines in written.values()
        for space, name, dimensions, _ in directives(lines)
    ]
    emitted += [(NAMESPACE, name, {}) for name in named_by_filters()]
    watched = [
        metric
        for alarm in deployment().of_type("AWS::CloudWatch::Alarm")
        for metric in (
            alarm.properties,
            *(
                each.get("MetricStat", {}).get("Metric", {})
                for each in alarm.properties.get("Metrics", [])
            ),
        )
        if metric.get("Namespace") == NAMESPACE
    ]
    assert len(watched) >= 4
    for metric in watched:
        dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", [])}
        assert (metric["Namespace"], metric["MetricName"], dimensions) in emitted


def test_filters_count_the_lines_that_the_redirect_writes(scene):
    """A kind that a filter misspells would be counted as nothing for ever."""
    counted = {}
    for each in deployment().of_type("AWS::Logs::MetricFilter"):
        [kind] = re.findall(r'^\{ \$\.kind = "(\w+)" \}$', each.properties["FilterPattern"])
        [made] = each.properties["MetricTransformations"]
        assert (made["MetricNamespace"], made["MetricValue"]) == (NAMESPACE, "1")
        counted[kind] = made["MetricName"]
    track(scene)
    for case in ("episode", "foreign_host"):
        scene.run(f"track_download/{case}")
    with (
        scene.function(REDIRECT) as made,
        patch.object(redirect, "hit_line", side_effect=MemoryError),
    ):
        assert made(scene.event("track_download/episode"))["statusCode"] == 302
    scene.environments[REDIRECT]["AWS_ENDPOINT_URL_DYNAMODB"] = "http://127.0.0.1:9"
    scene.run("track_download/episode")
    written = [line["kind"] for line in scene.written[REDIRECT]]
    assert set(written) == set(counted)
    assert written.count("hit") == 1


def test_the_redirects_lines_hold_no_address_and_no_key(written):
    lines = written[REDIRECT]
    assert lines
    for line in lines:
        text = json.dumps(line)
        assert line["v"] == 1
        assert not re.search(
            r"198\.51\.100|203\.0\.113|\bshk_", text.replace(line.get("url", ""), "")
        )


def test_a_log_line_says_whose_it_is(written):
    for name, lines in written.items():
        logs = [line for line in lines if "_aws" not in line and name != REDIRECT]
        for line in logs:
            assert line["service"] == name
            assert line["function_request_id"]
            said_as_error = line["message"] in SAID_AS_ERRORS.get(name, ())
            assert line["level"] in ({"ERROR"} if said_as_error else {"INFO", "WARNING"}), line
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
