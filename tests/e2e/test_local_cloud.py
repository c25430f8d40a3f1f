"""The local cloud behaves as AWS does where the platform relies on it, and ends without a trace.

It carries `tests/support/sample_app`, which has one of everything the platform's template uses.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local import process
from infra.local.errors import AlreadyRunningError, DeploymentFailedError, EmulatorDiedError
from infra.local.lifecycle import attach, local_cloud, start
from infra.local.logs import lines
from infra.local.stage import Stage
from infra.local.state import Folder
from tests.support.cloud import call, take, wait_until, waiting

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "tests" / "support" / "sample_app"
SAMPLE = Stage(template=APP / "template.yaml", stack_name="sample-local")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    with local_cloud(tmp_path_factory.mktemp("cloud"), where=SAMPLE) as running:
        yield running


def table(cloud):
    return cloud.table(cloud.outputs["TableName"])


def send(cloud, queue, **body):
    cloud.client("sqs").send_message(QueueUrl=cloud.outputs[queue], MessageBody=json.dumps(body))


def jobs_heard(cloud):
    """Names of the jobs that the bus told of since the last look."""
    return [event["detail"]["job"] for event in take(cloud, cloud.outputs["HeardUrl"])]


def inserted(cloud, prefix, count):
    """Keys with this prefix that the stream's function was told of, once `count` are known."""
    told: list[str] = []

    def look():
        bodies = take(cloud, cloud.outputs["InsertedUrl"])
        told.extend(body["pk"] for body in bodies if body["pk"].startswith(prefix))
        return told if len(set(told)) >= count else []

    return wait_until(look, 20, f"{count} inserts {prefix}*")


# --- what the template asks for


def test_a_job_walks_from_queue_to_table_and_bus_and_a_poisoned_one_to_the_dead_letters(sample):
    for job in ("one", "poison", "two"):
        send(sample, "JobsUrl", job=job)
    heard: list[str] = []
    wait_until(lambda: heard.extend(jobs_heard(sample)) or len(heard) >= 2, 20, "two jobs done")
    dead = wait_until(lambda: take(sample, sample.outputs["JobsDeadUrl"]), 40, "a dead letter")
    assert sorted(heard) == ["one", "two"]
    assert dead == [{"job": "poison"}]
    assert waiting(sample, sample.outputs["JobsUrl"]) == 0
    assert {item["pk"] for item in table(sample).scan()["Items"]} >= {"JOB#one", "JOB#two"}
    assert sorted(inserted(sample, "JOB#", 2)) == ["JOB#one", "JOB#two"]


def test_a_function_may_do_only_what_its_role_allows(sample):
    answer, failed = call(sample, "Tick", {"list": True})
    assert failed
    assert answer["errorType"] == "AccessDenied"
    assert "s3:ListAllMyBuckets" in answer["errorMessage"]


def test_a_batch_of_messages_needs_the_permission_for_one(sample):
    answer, failed = call(sample, "Tick", {"batched": True})
    assert not failed, answer
    told = wait_until(lambda: take(sample, sample.outputs["TicksUrl"]), 5, "the message")
    assert {"batched": True} in told


def test_our_code_comes_from_the_layer_and_third_party_packages_from_this_environment(sample):
    answer, _ = call(sample, "Tick", {"where": True})
    assert "/layer_0/python/sample/" in answer["layer"]
    assert answer["boto3"].startswith(sys.prefix)
    assert answer["python"] == sys.executable


def test_workers_unpack_nowhere_but_under_the_state_folder(sample):
    answer, _ = call(sample, "Tick", {"where": True})
    assert answer["layer"].startswith(str(sample.folder.tmp))


def test_what_a_function_logs_can_be_read_by_its_name_in_the_template(sample):
    send(sample, "JobsUrl", job="logged")
    wait_until(lambda: "logged" in jobs_heard(sample), 20, "the job")
    logged = wait_until(
        lambda: [line for line in lines(sample, "Consume") if '"job":"logged"' in line],
        10,
        "its log",
    )
    assert json.loads(logged[0])["message"] == "done"


# --- errors by class name


def run_workflow(cloud, **state):
    machine = cloud.client("stepfunctions")
    arn = machine.start_execution(
        stateMachineArn=cloud.outputs["WorkflowArn"], input=json.dumps(state)
    )["executionArn"]

    def ended():
        found = machine.describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    found = wait_until(ended, 30, "the workflow's end")
    return found["status"], json.loads(found.get("output", "null")), found.get("error")


def test_a_state_machine_retries_by_class_name(sample):
    status, output, _ = run_workflow(sample, name="retried", failures=2)
    assert (status, output["answer"]["tries"]) == ("SUCCEEDED", 3)


def test_a_state_machine_catches_by_class_name(sample):
    status, output, _ = run_workflow(sample, name="caught", fatal=True)
    assert (status, output["error"]["Error"]) == ("SUCCEEDED", "FatalError")
    assert json.loads(output["error"]["Cause"])["errorMessage"] == "caught cannot be done"


def test_a_state_machine_fails_with_the_name_of_an_error_it_does_not_know(sample):
    status, _, error = run_workflow(sample, name="unknown", exit=True)
    assert (status, error) == ("FAILED", "Runtime.ExitError")


def test_a_call_reports_the_class_and_keeps_the_worker(sample):
    call(sample, "Flaky", {"name": "warm-up"})
    before, _ = call(sample, "Flaky", {"name": "kept"})
    answer, failed = call(sample, "Flaky", {"name": "kept", "fatal": True})
    assert failed
    assert answer["errorType"] == "FatalError"
    assert answer["errorMessage"] == "kept cannot be done"
    assert "app.py" in answer["stackTrace"][-1]
    after, _ = call(sample, "Flaky", {"name": "kept"})
    assert after == {"tries": 3, "pid": before["pid"]}


def test_a_killed_worker_is_an_exit_and_the_next_call_gets_another(sample):
    before, _ = call(sample, "Flaky", {"name": "killed"})
    assert before["pid"] in sample.workers("Flaky")
    os.kill(before["pid"], signal.SIGKILL)
    wait_until(lambda: before["pid"] not in sample.workers("Flaky"), 5, "the worker's end")
    answer, failed = call(sample, "Flaky", {"name": "killed"})
    assert failed or answer["pid"] != before["pid"]
    answer, failed = call(sample, "Flaky", {"name": "killed"})
    assert not failed
    assert answer["pid"] != before["pid"]


# --- streams, schedules, refusals


def put(cloud, *keys):
    with table(cloud).batch_writer() as writer:
        for key in keys:
            writer.put_item(Item={"pk": key, "sk": "META"})


def given_up(cloud):
    """The batches that the stream's mapping has given up since the last look."""
    return take(cloud, cloud.outputs["InsertedDeadUrl"])


def test_an_item_that_a_stream_function_refuses_is_given_up_alone(sample):
    put(sample, "A#1", "A#2", "REFUSED#1", "A#3", "A#4")
    assert set(inserted(sample, "A#", 4)) == {"A#1", "A#2", "A#3", "A#4"}
    batches = wait_until(lambda: given_up(sample), 20, "the refused item")
    assert [batch["DDBStreamBatchInfo"]["batchSize"] for batch in batches] == [1]
    assert batches[0]["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_a_batch_that_raises_is_cut_until_only_the_culprit_is_given_up(sample):
    put(sample, *(f"B#{number}" for number in range(5)), "RAISES#1", "B#5", "B#6")
    assert set(inserted(sample, "B#", 7)) == {f"B#{number}" for number in range(7)}
    batches = wait_until(lambda: given_up(sample), 20, "the culprit")
    assert [batch["DDBStreamBatchInfo"]["batchSize"] for batch in batches] == [1]


def test_a_schedules_input_carries_its_scheduled_time(sample):
    scheduler = sample.client("scheduler")
    every_minute = scheduler.get_schedule(Name="TickEveryMinute")
    target = every_minute["Target"] | {"Input": '{"once": "<aws.scheduler.scheduled-time>"}'}
    before = datetime.now(UTC).replace(microsecond=0)
    scheduler.create_schedule(
        Name="once",
        ScheduleExpression=f"at({before:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )
    told = wait_until(
        lambda: [body for body in take(sample, sample.outputs["TicksUrl"]) if "once" in body],
        30,
        "the schedule",
    )
    moment = datetime.strptime(told[0]["once"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= moment <= datetime.now(UTC)


def test_a_service_that_refuses_for_a_while_loses_no_job(sample):
    call(sample, "Tick", {"where": True})
    before = sample.refuse("dynamodb", 4)
    send(sample, "JobsUrl", job="stubborn")
    wait_until(lambda: sample.refuse("s3", 0) > before, 10, "a refused call")
    wait_until(lambda: "stubborn" in jobs_heard(sample), 30, "the job after all")
    assert table(sample).get_item(Key={"pk": "JOB#stubborn", "sk": "META"})["Item"]
    sample.refuse("dynamodb", 0)


# --- deployments


def test_deploying_the_same_again_changes_nothing_and_a_parameter_changes_the_functions(sample):
    assert not sample.deploy().changed
    assert sample.deploy({"Greeting": "good day", "Concurrency": "3"}).changed
    answer, _ = call(sample, "Tick", {"any": "thing"})
    assert answer == {"greeting": "good day"}
    send(sample, "JobsUrl", job="after")
    wait_until(lambda: "after" in jobs_heard(sample), 20, "a job after the update")


def copied_app(folder):
    shutil.copytree(APP, folder, dirs_exist_ok=True)
    return replace(SAMPLE, template=folder / "template.yaml")


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_changed_layer_reaches_functions_that_are_warm(sample, tmp_path):
    changed = copied_app(tmp_path)
    original = sample.stage
    edited(tmp_path / "layer/sample/__init__.py", 'return os.environ["GREETING"]', 'return "ahoy"')
    call(sample, "Tick", {"any": "thing"})
    try:
        sample.stage = replace(changed, parameters=original.parameters)
        sample.deploy()
        answer, _ = call(sample, "Tick", {"any": "thing"})
        assert answer == {"greeting": "ahoy"}
    finally:
        sample.stage = original
        sample.deploy()


def test_a_failed_update_names_the_resource_inside_its_nested_stack_and_leaves_the_old(
    sample, tmp_path
):
    broken = copied_app(tmp_path)
    original = sample.stage
    edited(
        tmp_path / "infra/storage.yaml",
        "  BucketTlsOnly:\n",
        "  Broken:\n    Type: AWS::CloudWatch::Alarm\n    Properties: {MetricName: x}\n"
        "  BucketTlsOnly:\n",
    )
    try:
        sample.stage = replace(broken, parameters=original.parameters)
        with pytest.raises(DeploymentFailedError) as caught:
            sample.deploy()
    finally:
        sample.stage = original
    assert str(caught.value).startswith("deployment of sample-local failed: Storage")
    assert "Namespace" in str(caught.value)
    assert str(sample.folder.log) in str(caught.value)
    assert "\n" not in str(caught.value)
    _, failed = call(sample, "Tick", {"any": "thing"})
    assert not failed


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Type: AWS::SQS::Queue\n    Condition", "Type: AWS::No::Such\n    Properties: {}\n  X:\n    Type: AWS::SQS::Queue\n    Condition", "AWS::No::Such"),
        ("      Namespace: AWS/SQS\n", "", "JobsDeadAlarm: .*Namespace"),
    ],
)  # fmt: skip
def test_a_first_deployment_that_fails_is_one_line_and_ends_the_cloud(tmp_path, old, new, reason):
    broken = copied_app(tmp_path / "app")
    edited(broken.template, old, new)
    with (
        pytest.raises(DeploymentFailedError, match=reason) as caught,
        local_cloud(tmp_path / "state", where=broken),
    ):
        pytest.fail("deployed a broken template")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "state" / "runs").iterdir()) == []
    log = Path(str(caught.value).rpartition("see ")[2])
    assert log.is_file()


# --- life and death


def test_what_was_kept_is_there_after_a_restart_on_the_same_port(tmp_path):
    with local_cloud(tmp_path, ephemeral=False, where=SAMPLE) as first:
        put(first, "KEPT#1")
        first.client("s3").put_object(Bucket=first.outputs["BucketName"], Key="kept", Body=b"!")
        inserted(first, "KEPT#", 1)
        send(first, "TicksUrl", kept=True)
        time.sleep(2)  # the position is noted when the function has returned, after it has told
    with local_cloud(tmp_path, ephemeral=False, where=SAMPLE) as second:
        assert second.endpoint == first.endpoint
        assert second.outputs == first.outputs
        assert table(second).get_item(Key={"pk": "KEPT#1", "sk": "META"})["Item"]
        kept = second.client("s3").get_object(Bucket=second.outputs["BucketName"], Key="kept")
        assert kept["Body"].read() == b"!"
        assert {"kept": True} in take(second, second.outputs["TicksUrl"])
        assert not second.deploy().changed
        # A stream goes on behind what was read before, neither skipping nor repeating.
        put(second, "KEPT#2")
        assert inserted(second, "KEPT#", 1) == ["KEPT#2"]


def test_a_record_that_no_function_has_read_yet_is_read_after_a_restart(tmp_path):
    with local_cloud(tmp_path, ephemeral=False, where=SAMPLE) as first:
        mapping = next(
            found["UUID"]
            for found in first.client("lambda").list_event_source_mappings()["EventSourceMappings"]
            if ":dynamodb:" in found["EventSourceArn"]
        )
        first.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=False)
        put(first, "UNREAD#1")
    with local_cloud(tmp_path, ephemeral=False, where=SAMPLE) as second:
        second.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=True)
        assert inserted(second, "UNREAD#", 1) == ["UNREAD#1"]


def test_a_second_cloud_from_the_same_folder_is_refused(tmp_path):
    with local_cloud(tmp_path, ephemeral=False, where=SAMPLE) as running:
        with pytest.raises(AlreadyRunningError, match=str(running.record.pid)):
            start(Folder.at(tmp_path), SAMPLE, keep_state=True, outlives_us=False)
        assert running.is_running()


def test_an_emulator_that_is_killed_is_reported_with_its_log(tmp_path):
    with local_cloud(tmp_path, ephemeral=False, where=SAMPLE) as running:
        os.kill(running.record.pid, signal.SIGKILL)
        with pytest.raises(EmulatorDiedError, match=r"ended by itself.*ministack\.log"):
            running.wait()
    assert process.members(running.record.pid) == []


def test_a_block_that_fails_ends_the_cloud_and_its_workers_and_keeps_only_the_log(tmp_path):
    seen = []

    def fail():
        with local_cloud(tmp_path, where=SAMPLE) as running:
            seen.append(running)
            call(running, "Flaky", {"name": "x"})
            assert running.workers("Flaky")
            seen.append(running.record.pid)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    running, group = seen
    assert process.members(group) == []
    assert not running.folder.root.exists()
    assert running.folder.log.is_file()


HOLDER = """
import sys, time
from pathlib import Path
from infra.local.lifecycle import local_cloud
from infra.local.stage import Stage

where = Stage(template=Path(sys.argv[2]), stack_name="sample-local")
with local_cloud(Path(sys.argv[1]), where=where) as cloud:
    cloud.client("lambda").invoke(FunctionName=cloud.outputs["FlakyName"], Payload=b'{"name": "x"}')
    print(cloud.record.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def as_in_a_terminal():
    """Whoever is started is ended by Ctrl-C and hang-ups, also where tests run in the background."""
    numbers = (signal.SIGINT, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("as_in_a_terminal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_orphan_is_left_however_the_owner_ends(tmp_path, number):
    owner = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), str(SAMPLE.template)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with owner:
        group = int(owner.stdout.readline())
        assert len(process.members(group)) >= 2  # MiniStack and a worker
        owner.send_signal(number)
        owner.wait(timeout=30)
    wait_until(lambda: not process.members(group), 20, "the end of every process")
    if number != signal.SIGKILL:
        assert list((tmp_path / "runs").iterdir()) == []


def command(folder, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "infra.local", "--state-dir", str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )


def test_up_detached_stays_a_second_up_updates_it_and_down_ends_it(tmp_path):
    up = ("up", "--detach", "--template", str(SAMPLE.template))
    first = command(tmp_path, *up)
    assert first.returncode == 0, first.stderr
    record = Folder.at(tmp_path).read()
    assert record is not None
    try:
        cloud = attach(Folder.at(tmp_path), SAMPLE)
        assert call(cloud, "Tick", {"any": "thing"})[0] == {"greeting": "hello"}
        second = command(tmp_path, *up, "--parameter", "Greeting=servus")
        assert second.returncode == 0, second.stderr
        assert call(cloud, "Tick", {"any": "thing"})[0] == {"greeting": "servus"}
        shown = command(tmp_path, "status", "--json")
        assert json.loads(shown.stdout)["pid"] == record.pid
        assert record.credentials.secret_access_key not in shown.stdout
        logged = command(tmp_path, "logs", "Tick")
        assert "START RequestId" in logged.stdout
    finally:
        down = command(tmp_path, "down")
    assert down.returncode == 0, down.stderr
    assert process.members(record.pid or 0) == []
    assert command(tmp_path, "status").returncode == 1
    assert command(tmp_path, "reset").returncode == 0
    assert Folder.at(tmp_path).read() is None


@pytest.mark.usefixtures("as_in_a_terminal")
def test_up_in_the_foreground_stays_until_it_is_interrupted(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-m", "infra.local", "--state-dir", str(tmp_path), "up", "--template", str(SAMPLE.template)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    said = []
    with child:
        for line in child.stderr:
            said.append(line)
            if "Ctrl-C" in line:
                break
        record = Folder.at(tmp_path).read()
        assert record is not None
        assert process.is_ours(record.pid, record.born)
        time.sleep(0.3)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        said += child.stderr.readlines()
        child.wait(timeout=30)
    assert child.returncode == 130
    assert "Traceback" not in "".join(said)
    assert process.members(record.pid) == []
