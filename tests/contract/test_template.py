"""The deployment as it would stand, at every stage: nothing can be lost, seen or left untended."""

import json
import re
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint, lint_file
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from infra.lint.expansion import REGION, expanded
from tests.support.template import ROOT, STAGES, Deployment, Resource, deployment

pytestmark = pytest.mark.xdist_group("template")  # cfn-lint takes long to load its rules

QUEUE = "AWS::SQS::Queue"
ALARM = "AWS::CloudWatch::Alarm"
MAPPING = "AWS::Lambda::EventSourceMapping"
FOURTEEN_DAYS = 14 * 86400
# `aws cloudformation package` puts local files where CloudFormation finds them.
PACKAGED = "W3002"


@pytest.fixture(params=STAGES)
def deployed(request) -> Deployment:
    return deployment(request.param)


def dead_letter_target(queue: Resource) -> str | None:
    return queue.properties.get("RedrivePolicy", {}).get("deadLetterTargetArn")


def alarms_on(deployed: Deployment, metric: str, dimension: str, value: str) -> list[Resource]:
    """Alarms on a metric of one thing, whether by name or within an expression."""

    def watches(node: object) -> bool:
        if isinstance(node, list):
            return any(map(watches, node))
        if not isinstance(node, dict):
            return False
        named = {d["Name"]: d["Value"] for d in node.get("Dimensions", [])}
        return (node.get("MetricName") == metric and named.get(dimension) == value) or any(
            map(watches, node.values())
        )

    return [alarm for alarm in deployed.of_type(ALARM) if watches(alarm.properties)]


# ── lint ──


def test_the_expanded_template_passes_cfn_lint():
    found = lint(json.dumps(expanded()), regions=[REGION])
    assert [str(match) for match in found if match.rule.id != PACKAGED] == []


@pytest.mark.parametrize("path", sorted((ROOT / "infra").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_nested_stacks_pass_cfn_lint(path: Path):
    found = lint_file(path, config=ManualArgs(regions=[REGION]))
    assert [f"{match.rule.id} line {match.linenumber}: {match.message}" for match in found] == []


# ── parameters ──


def test_private_addresses_can_be_opened_on_a_laptop_only():
    for stage in STAGES:
        opened = deployment(stage, parameters={"FetchAllowList": "127.0.0.1:8000"})
        on_a_laptop = opened.root.parameters["Stage"] == "local"
        assert (opened.root.broken_rules() == []) == on_a_laptop, stage
        assert deployment(stage).root.broken_rules() == [], stage
        assert on_a_laptop or deployment(stage).root.parameters["FetchAllowList"] == ""


# ── queues ──


def test_every_queue_has_a_dead_letter_queue_or_is_one(deployed):
    queues = {f"{queue.id}.Arn": queue for queue in deployed.of_type(QUEUE)}
    dead = {target for queue in queues.values() if (target := dead_letter_target(queue))}
    dead |= set(failure_destinations(deployed))
    assert dead <= set(queues)
    for arn, queue in queues.items():
        assert (arn in dead) != (dead_letter_target(queue) is not None), queue.id
        if arn in dead:
            assert queue.properties["MessageRetentionPeriod"] == FOURTEEN_DAYS, queue.id
        else:
            assert queue.properties["RedrivePolicy"]["maxReceiveCount"] == 5, queue.id


def failure_destinations(deployed: Deployment) -> list[str]:
    """ARNs of whatever failed schedules, asynchronous calls and stream batches end in."""
    found = []
    for resource in deployed.resources:
        properties = resource.properties
        on_failure = properties.get("DestinationConfig", {}).get("OnFailure", {})
        dead_letters = properties.get("Target", {}).get("DeadLetterConfig", {})
        found += [each for each in (on_failure.get("Destination"), dead_letters.get("Arn")) if each]
    return found


def test_every_dead_letter_queue_has_an_alarm_on_its_first_message(deployed):
    for queue in deployed.of_type(QUEUE):
        if dead_letter_target(queue):
            continue
        [alarm] = alarms_on(
            deployed, "ApproximateNumberOfMessagesVisible", "QueueName", f"{queue.id}.QueueName"
        )
        assert alarm.properties["Threshold"] == 0
        assert alarm.properties["ComparisonOperator"] == "GreaterThanThreshold"


def test_every_working_queue_has_an_alarm_on_its_age(deployed):
    for queue in deployed.of_type(QUEUE):
        if dead_letter_target(queue):
            name = f"{queue.id}.QueueName"
            assert alarms_on(deployed, "ApproximateAgeOfOldestMessage", "QueueName", name)


def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_run(deployed):
    mappings = [m for m in deployed.of_type(MAPPING) if "ScalingConfig" in m.properties]
    assert mappings
    for mapping in mappings:
        queue = deployed[mapping.properties["EventSourceArn"]]
        function = deployed[mapping.properties["FunctionName"]]
        window = int(mapping.properties.get("MaximumBatchingWindowInSeconds", 0))
        needed = 6 * int(function.properties["Timeout"]) + window
        assert int(queue.properties["VisibilityTimeout"]) >= needed, mapping.id


def test_queues_are_read_with_partial_failures_and_bounded_concurrency(deployed):
    for mapping in deployed.of_type(MAPPING):
        source = deployed[mapping.properties["EventSourceArn"]]
        if source.type != QUEUE:
            continue
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert 2 <= int(mapping.properties["ScalingConfig"]["MaximumConcurrency"]) <= 1000
        # A filter on a queue deletes what it does not match.
        assert "FilterCriteria" not in mapping.properties


def test_a_stream_is_never_blocked_by_one_batch(deployed):
    streams = [m for m in deployed.of_type(MAPPING) if "StartingPosition" in m.properties]
    assert streams
    for mapping in streams:
        properties = mapping.properties
        assert properties["BisectBatchOnFunctionError"] is True
        assert 3 <= properties["MaximumRetryAttempts"] <= 5
        assert 0 < properties["MaximumRecordAgeInSeconds"] <= 86400
        assert properties["DestinationConfig"]["OnFailure"]["Destination"]
        function = mapping.properties["FunctionName"]
        assert alarms_on(deployed, "IteratorAge", "FunctionName", function)


# ── functions ──


def test_every_function_has_a_role_and_a_log_group_of_its_own(deployed):
    functions = list(deployed.functions.values())
    roles = [deployed.role_of(function).id for function in functions]
    groups = [function.properties["LoggingConfig"]["LogGroup"] for function in functions]
    assert len(set(roles)) == len(set(groups)) == len(functions)
    for function, group in zip(functions, groups, strict=True):
        assert deployed[group].type == "AWS::Logs::LogGroup"
        assert function.properties["TracingConfig"] == {"Mode": "Active"}


def test_every_log_group_forgets(deployed):
    for group in deployed.of_type("AWS::Logs::LogGroup"):
        assert 1 <= int(group.properties["RetentionInDays"]) <= 400, group.id


def test_every_function_has_alarms_on_errors_throttles_and_slowness(deployed):
    for folder, function in deployed.functions.items():
        for metric in ("Errors", "Throttles", "Duration"):
            assert alarms_on(deployed, metric, "FunctionName", function.name), (folder, metric)


def test_a_function_is_slow_at_four_fifths_of_its_time_out(deployed):
    for function in deployed.functions.values():
        seconds = int(function.properties["Timeout"])
        [alarm] = alarms_on(deployed, "Duration", "FunctionName", function.name)
        if "Metrics" in alarm.properties:
            [expression] = [m for m in alarm.properties["Metrics"] if "Expression" in m]
            assert expression["Expression"] == f"p99 / ({seconds} * 10)"
            assert alarm.properties["Threshold"] == 80
        else:
            assert alarm.properties["ExtendedStatistic"] == "p99"
            assert alarm.properties["Threshold"] == seconds * 800


def test_every_call_that_nobody_waits_for_is_tried_again_and_then_kept(deployed):
    for schedule in deployed.of_type("AWS::Scheduler::Schedule"):
        target = schedule.properties["Target"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 3600
        assert deployed[target["DeadLetterConfig"]["Arn"]].type == QUEUE
    mapped = {mapping.properties["FunctionName"] for mapping in deployed.of_type(MAPPING)}
    stepped = {
        function.name
        for function in deployed.functions.values()
        for machine in deployed.of_type("AWS::StepFunctions::StateMachine")
        if f"{function.name}.Arn" in str(machine.properties.get("DefinitionSubstitutions"))
    }
    configured = {
        config.properties["FunctionName"]: config
        for config in deployed.of_type("AWS::Lambda::EventInvokeConfig")
    }
    for function in deployed.functions.values():
        if function.name in mapped | stepped:
            continue
        config = configured[function.name].properties
        assert config["MaximumRetryAttempts"] in {0, 1, 2}
        assert deployed[config["DestinationConfig"]["OnFailure"]["Destination"]].type == QUEUE


def test_names_differ_from_stack_to_stack(deployed):
    """Two stages in one account must not fight over a name."""
    of_their_own = ("FunctionName", "Name", "QueueName", "TableName", "BucketName", "LogGroupName")
    for resource in deployed.resources:
        for field in of_their_own:
            name = resource.properties.get(field)
            if name is None or resource.type == "AWS::Lambda::EventInvokeConfig":
                continue
            if field == "FunctionName" and resource.type != "AWS::Lambda::Function":
                continue
            assert deployed.root.name in name, resource.id


# ── what holds state ──


def test_tables_and_buckets_outlive_their_stack(deployed):
    forgetful = {"Storage/Idempotency"}  # holds nothing that is older than a week
    for resource in deployed.of_type("AWS::DynamoDB::Table", "AWS::S3::Bucket"):
        wanted = "Delete" if resource.id in forgetful else "Retain"
        assert resource.body["DeletionPolicy"] == wanted, resource.id
        assert resource.body["UpdateReplacePolicy"] == wanted, resource.id
    for resource in deployed.of_type(QUEUE, "AWS::Logs::LogGroup"):
        assert {"DeletionPolicy", "UpdateReplacePolicy"} <= set(resource.body), resource.id


def test_what_is_stored_is_encrypted(deployed):
    for table in deployed.of_type("AWS::DynamoDB::Table"):
        assert table.properties["SSESpecification"] == {"SSEEnabled": True}
    for queue in deployed.of_type(QUEUE):
        assert queue.properties["SqsManagedSseEnabled"] is True
    for bucket in deployed.of_type("AWS::S3::Bucket"):
        encryption = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}


def test_nothing_is_reached_without_tls(deployed):
    guarded = {}
    for policy in deployed.of_type("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}:
                of = policy.properties.get("Queues") or [policy.properties["Bucket"]]
                guarded |= dict.fromkeys(of, statement)
    wanted = {resource.id for resource in deployed.of_type(QUEUE, "AWS::S3::Bucket")}
    assert set(guarded) == wanted
    for id_, statement in guarded.items():
        service = "sqs" if deployed[id_].type == QUEUE else "s3"
        assert (statement["Effect"], statement["Action"]) == ("Deny", f"{service}:*")
        assert statement["Principal"] == "*"


def test_production_can_go_back_in_time():
    prod = deployment("prod")
    for table in prod.of_type("AWS::DynamoDB::Table"):
        recovery = table.properties["PointInTimeRecoverySpecification"]
        assert recovery == {"PointInTimeRecoveryEnabled": True}, table.id
    for bucket in prod.of_type("AWS::S3::Bucket"):
        assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert prod["Storage/Core"].properties["DeletionProtectionEnabled"] is True


# ── tags and alarms ──


def test_whatever_can_be_tagged_says_whose_and_of_which_stage(deployed):
    """SAM tags neither event sources nor a schedule's role; the tags of the stack reach those."""
    wanted = {"application": "tallycast", "stage": deployed.root.parameters["Stage"]}
    assert deployed.tags == wanted
    for resource in deployed.resources:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource.type).schema
        made_by_sam = resource.type == MAPPING or resource.id == "SchedulePollsTickRole"
        if "Tags" in schema["properties"] and not made_by_sam:
            assert wanted.items() <= resource.tags.items(), resource.id


def test_every_alarm_names_a_page_of_the_runbook_that_exists():
    missing = set()
    for alarm in deployment().of_type(ALARM):
        [page] = re.findall(
            r"\((docs/runbooks/[a-z-]+\.md)\)$", alarm.properties["AlarmDescription"]
        )
        if not (ROOT / page).is_file():
            missing.add(page)
    assert missing == set()


def test_alarms_go_to_the_topic_when_there_is_one():
    topic = "arn:aws:sns:eu-central-1:123456789012:alarms"
    for parameters, actions in (({"AlarmTopic": topic}, [topic]), ({}, None)):
        for alarm in deployment(parameters=parameters).of_type(ALARM):
            assert alarm.properties.get("AlarmActions") == actions
            assert alarm.properties["TreatMissingData"] in {"notBreaching", "breaching"}
