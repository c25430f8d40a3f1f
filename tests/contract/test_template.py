"""The deployment as it would stand, at every stage: nothing can be lost, seen or left untended."""

import json
import re
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint, lint_file
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from infra.lint.expansion import REGION, expanded
from tests.support.template import ROOT, STAGES, Deployment, Resource, deployment

QUEUE = "AWS::SQS::Queue"
ALARM = "AWS::CloudWatch::Alarm"
MAPPING = "AWS::Lambda::EventSourceMapping"
TABLE = "AWS::DynamoDB::Table"
BUCKET = "AWS::S3::Bucket"
RULE = "AWS::Events::Rule"
# Keys that were destroyed must be gone: with recovery they would come back.
WITHOUT_RECOVERY = {"Storage/Privacy": "docs/adr/0018-keys-of-the-month.md"}
FOURTEEN_DAYS = 14 * 86400
# `aws cloudformation package` puts local files where CloudFormation finds them.
PACKAGED = "W3002"


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


@pytest.mark.parametrize(
    "path",
    sorted(path for path in (ROOT / "infra").glob("*.yaml") if "openapi" not in path.name),
    ids=lambda p: p.stem,
)
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
    """ARNs of whatever failed schedules, asynchronous calls, rules and stream batches end in."""
    found = []
    for resource in deployed.resources:
        properties = resource.properties
        targets = [properties.get("Target", {})]
        targets += properties.get("Targets", []) if resource.type == RULE else []
        on_failure = properties.get("DestinationConfig", {}).get("OnFailure", {})
        found += [on_failure.get("Destination")]
        found += [target.get("DeadLetterConfig", {}).get("Arn") for target in targets]
    return [each for each in found if each]


def test_an_event_that_a_rule_cannot_deliver_is_tried_again_and_then_kept(deployed):
    rules = deployed.of_type(RULE)
    assert rules
    for rule in rules:
        for target in rule.properties["Targets"]:
            assert 1 <= target["RetryPolicy"]["MaximumRetryAttempts"] <= 185
            assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 86400
            assert deployed[target["DeadLetterConfig"]["Arn"]].type == QUEUE


def test_another_service_may_write_to_a_queue_only_on_our_behalf(deployed):
    """A queue that lets S3 or EventBridge in lets in those of every account unless it asks whose."""
    for policy in deployed.of_type("AWS::SQS::QueuePolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                continue
            assert statement["Action"] == "sqs:SendMessage", policy.id
            assert set(statement["Principal"]) == {"Service"}
            [conditions] = statement["Condition"].values()
            assert set(conditions) <= {"aws:SourceArn", "aws:SourceAccount"}
            for queue in as_list(statement["Resource"]):
                assert deployed[queue].type == QUEUE


def as_list(value):
    return value if isinstance(value, list) else [value]


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


def test_only_the_redirect_can_be_called_by_anybody(deployed):
    """All other functions are called by our own things, under roles of our own."""
    [url] = deployed.of_type("AWS::Lambda::Url")
    assert url.properties["TargetFunctionArn"] == "TrackDownload"
    assert url.properties["AuthType"] == "NONE"
    opened = deployed.of_type("AWS::Lambda::Permission")
    anybodys = [each for each in opened if each.properties["Principal"] == "*"]
    assert {each.properties["FunctionName"] for each in anybodys} == {"TrackDownload"}
    for permission in opened:
        if permission not in anybodys:  # a service's, and only on behalf of something of ours
            assert permission.properties["Principal"].endswith(".amazonaws.com"), permission.id
            assert permission.properties["SourceArn"], permission.id
            continue
        # Through the address alone: nobody outside may invoke the function as Lambda's API has it.
        action = permission.properties["Action"]
        by_address = permission.properties.get("InvokedViaFunctionUrl") is True
        assert action == "lambda:InvokeFunctionUrl" or by_address, permission.id


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


# Where a resource has a name that its account knows it by. Those of others' (the function of an
# event source, the log group of a filter) are references.
NAMED_BY = {
    "AWS::ApiGateway::RestApi": ("Name",),
    "AWS::ApiGateway::UsagePlan": ("UsagePlanName",),
    "AWS::Athena::WorkGroup": ("Name",),
    "AWS::CloudFront::OriginRequestPolicy": ("OriginRequestPolicyConfig", "Name"),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::Cognito::UserPool": ("UserPoolName",),
    "AWS::Cognito::UserPoolDomain": ("Domain",),
    "AWS::DynamoDB::Table": ("TableName",),
    "AWS::Events::EventBus": ("Name",),
    "AWS::Events::Rule": ("Name",),
    "AWS::Glue::Database": ("DatabaseInput", "Name"),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamName",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::Scheduler::Schedule": ("Name",),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName",),
    "AWS::WAFv2::WebACL": ("Name",),
}
# What has a name within something of ours only, or none at all.
NAMELESS = {
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::Stage",
    "AWS::CloudFormation::Stack",
    "AWS::CloudFront::Distribution",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolResourceServer",
    "AWS::Glue::Table",
    "AWS::KMS::Key",  # known by an id that KMS gives it
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::LayerVersion",  # versions of one layer stand beside each other
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::SubscriptionFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::WAFv2::WebACLAssociation",
}


def names_of(deployed: Deployment) -> set[tuple[str, str]]:
    """Every name that an account's other stacks could have taken, with the type that has it."""
    found = set()
    for resource in deployed.resources:
        assert resource.type in NAMED_BY or resource.type in NAMELESS, resource.type
        name: object = resource.properties
        for part in NAMED_BY.get(resource.type, ("no name",)):
            name = name.get(part) if isinstance(name, dict) else None
        if isinstance(name, str):
            found.add((resource.type, name))
    return found


def test_names_differ_from_stack_to_stack():
    """Two stages in one account must not fight over a name."""
    edge = {"EdgeSecret": "secret", "TrackingHost": "t.example", "TrackingCertificate": "arn"}
    stages = [deployment("local"), deployment("dev", parameters=edge)]
    stages.append(deployment("prod", parameters=edge))
    taken: set[tuple[str, str]] = set()
    for stage in stages:
        mine = names_of(stage)
        assert len(mine) > 40
        if stage.stage == "prod":  # its name is the beginning of the others'
            assert {name for _, name in mine if stage.root.name not in name} == set()
        assert mine & taken == set()
        taken |= mine


# ── what holds state ──


def test_tables_and_buckets_outlive_their_stack(deployed):
    forgetful = {"Storage/Idempotency"}  # holds nothing that is older than a week
    for resource in deployed.of_type(TABLE, BUCKET):
        wanted = "Delete" if resource.id in forgetful else "Retain"
        assert resource.body["DeletionPolicy"] == wanted, resource.id
        assert resource.body["UpdateReplacePolicy"] == wanted, resource.id
    for resource in deployed.of_type(QUEUE, "AWS::Logs::LogGroup"):
        assert {"DeletionPolicy", "UpdateReplacePolicy"} <= set(resource.body), resource.id


def test_what_is_stored_is_encrypted(deployed):
    for table in deployed.of_type(TABLE):
        assert table.properties["SSESpecification"] == {"SSEEnabled": True}
    for queue in deployed.of_type(QUEUE):
        assert queue.properties["SqsManagedSseEnabled"] is True
    for bucket in deployed.of_type(BUCKET):
        encryption = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
    for stream in deployed.of_type("AWS::KinesisFirehose::DeliveryStream"):
        assert stream.properties["DeliveryStreamEncryptionConfigurationInput"]["KeyType"]
    for group in deployed.of_type("AWS::Athena::WorkGroup"):
        settings = group.properties["WorkGroupConfiguration"]
        assert settings["EnforceWorkGroupConfiguration"] is True  # else a client says how
        encryption = settings["ResultConfiguration"]["EncryptionConfiguration"]
        assert encryption["EncryptionOption"]


def test_nothing_is_reached_without_tls(deployed):
    guarded = {}
    for policy in deployed.of_type("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}:
                of = policy.properties.get("Queues") or [policy.properties["Bucket"]]
                guarded |= dict.fromkeys(of, statement)
    wanted = {resource.id for resource in deployed.of_type(QUEUE, BUCKET)}
    assert set(guarded) == wanted
    for id_, statement in guarded.items():
        service = "sqs" if deployed[id_].type == QUEUE else "s3"
        assert (statement["Effect"], statement["Action"]) == ("Deny", f"{service}:*")
        assert statement["Principal"] == "*"


def test_production_can_go_back_in_time():
    """All of it but the keys of addresses, which nobody may bring back."""
    prod = deployment("prod")
    for table in prod.of_type(TABLE):
        recovery = table.properties["PointInTimeRecoverySpecification"]
        wanted = table.id not in WITHOUT_RECOVERY
        assert recovery == {"PointInTimeRecoveryEnabled": wanted}, table.id
        if table.body["DeletionPolicy"] == "Retain":
            assert table.properties["DeletionProtectionEnabled"] is True, table.id
    for bucket in prod.of_type(BUCKET):
        assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}


def test_keys_that_are_destroyed_are_gone_at_every_stage(deployed):
    for table, decision in WITHOUT_RECOVERY.items():
        properties = deployed[table].properties
        assert properties["PointInTimeRecoverySpecification"] == {
            "PointInTimeRecoveryEnabled": False
        }
        assert not {"StreamSpecification", "KinesisStreamSpecification"} & set(properties)
        written = (ROOT / decision).read_text(encoding="utf-8")
        assert re.search(r"point-in-time|recover", written)
    # A plan that backs up whatever bears a tag would keep them, too.
    assert deployed.of_type("AWS::Backup::BackupSelection", "AWS::Backup::BackupPlan") == []


def test_raw_addresses_of_listeners_are_gone_after_days_old_versions_too(deployed):
    """Log files hold them. Versions are there so that production survives an overwritten file."""
    kept = deployed.root.parameters["Stage"] == "prod"
    versioning = deployed["Intake/Intake"].properties["VersioningConfiguration"]
    assert versioning == {"Status": "Enabled" if kept else "Suspended"}
    rules = deployed.lifecycle("Intake/Intake")
    logs = [rule for rule in rules.values() if rule.get("Prefix") == "logs/"]
    days = int(deployed.root.parameters["KeepLogsDays"])
    assert [int(rule["ExpirationInDays"]) for rule in logs] == [days]
    assert days <= 30
    [old] = [rule for rule in rules.values() if "NoncurrentVersionExpiration" in rule]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert "Prefix" not in old
    assert old["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_old_versions_of_everything_else_are_kept_for_a_week_and_not_for_ever(deployed):
    for bucket in deployed.of_type(BUCKET):
        if bucket.id == "Intake/Intake":
            continue
        days = [
            rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
            for rule in deployed.lifecycle(bucket.id).values()
            if "NoncurrentVersionExpiration" in rule
        ]
        assert len(days) == 1, bucket.id
        assert 7 <= days[0] <= 90, bucket.id


# ── tags and alarms ──


def test_a_tick_that_does_not_come_is_missed(deployed):
    """Whatever runs every quarter of an hour; what runs once a day leaves its failures in a queue."""
    ticks = [
        schedule
        for schedule in deployed.of_type("AWS::Scheduler::Schedule")
        if schedule.properties["ScheduleExpression"].startswith("cron(0/")
    ]
    assert len(ticks) >= 3
    for tick in ticks:
        name = tick.properties["Target"]["Arn"].partition(".")[0]
        missing = [
            alarm
            for alarm in alarms_on(deployed, "Invocations", "FunctionName", name)
            if alarm.properties["TreatMissingData"] == "breaching"
        ]
        assert len(missing) == 1, tick.id


def test_a_workflow_that_ends_badly_is_noticed(deployed):
    for machine in deployed.of_type("AWS::StepFunctions::StateMachine"):
        assert alarms_on(deployed, "ExecutionsFailed", "StateMachineArn", machine.id)


def test_whatever_can_be_tagged_says_whose_and_of_which_stage(deployed):
    """SAM tags neither event sources nor a schedule's role; the tags of the stack reach those."""
    wanted = {"application": "tallycast", "stage": deployed.root.parameters["Stage"]}
    assert deployed.tags == wanted
    roles_of_schedules = {
        schedule.properties["Target"]["RoleArn"].partition(".")[0]
        for schedule in deployed.of_type("AWS::Scheduler::Schedule")
    }
    for resource in deployed.resources:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource.type).schema
        made_by_sam = resource.type == MAPPING or resource.id in roles_of_schedules
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
