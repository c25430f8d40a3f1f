"""A function's role allows what the function does, on what it does it to, and nothing else."""

import pytest

from infra.lint.expansion import REGION
from tallycast.feeds.feed import Feed
from tests.contract import (
    exercises_of_analytics,
    exercises_of_api,
    exercises_of_connections,
    exercises_of_identity,
    exercises_of_measurement,
    exercises_of_sponsorship,
    exercises_of_webhooks,
)
from tests.support.functions import FUNCTIONS
from tests.support.origin import feed, item
from tests.support.permissions import Call, Grant, grants_of
from tests.support.scene import DAILY, DUE, FEED, OTHER, TENANT, WEEKLY, cases, scene
from tests.support.template import ACCOUNT, deployment

NEEDED_WITHOUT_A_CALL = {
    "TellMissingFromForbidden": "S3 says NoSuchKey only to who may list, and AccessDenied to others",
    "made by SAM": "Lambda itself sends what failed to the destination",
}
# Policies of AWS's own. They name all resources, so each is here for a reason that holds.
MANAGED = {
    "AWSLambdaBasicExecutionRole": "writes the log; SAM attaches it to every function",
    "AWSXrayWriteOnlyAccess": "X-Ray has no resources that a policy could name",
    "AWSLambdaSQSQueueExecutionRole": "SAM attaches it to who is fed by a queue",
    "AWSLambdaDynamoDBExecutionRole": "SAM attaches it to who is fed by a stream",
}
# Delivery of a state machine's log is configured, not named: IAM knows no resource for it.
ANY_RESOURCE = "logs:"


def schedule_polls(stage):
    """The tick, a tick that hands over, and the one that takes over."""
    stage.register()
    stage.run("schedule_polls/tick")
    with stage.function("schedule_polls") as tick:
        tick.context.seconds_left = 5
        later = {"scheduled_time": "2026-01-05T12:15:00Z"}
        assert tick(later)["done"] is False


def poll_feed(stage):
    """Every way a poll can end: changed, unchanged, gone, returned, moved, refused, deferred."""
    origin, platform = stage.platform.origin, stage.platform
    stage.register()
    stage.run("poll_feed/batch_with_poison")
    moved = feed(
        [item(3)], head=f"<itunes:new-feed-url>{origin.url('/new.xml')}</itunes:new-feed-url>"
    )
    origin.put("/new.xml", feed([item(3), item(1)]))
    broken = "<item><title></title></item>"
    for document in (
        feed([item(2), item(1)]),
        feed([item(2)]),
        feed([item(2), item(1), broken]),
        b"<!doctype html><html><body>gone fishing</body></html>",
        moved,
    ):
        origin.put(DAILY, document)
        poll(stage, FEED)
    origin.put(WEEKLY, status=410)
    poll(stage, OTHER)
    platform.store.change(stage.feed(), due(stage.feed()))
    stage.run("poll_feed/replay")
    poll(stage, FEED, busy=True)


def due(found: Feed) -> Feed:
    return found.model_copy(update={"next_poll_at": DUE, "lease_id": None, "lease_until": None})


def poll(stage, feed_id, *, busy=False):
    found = stage.feed(feed_id)
    stage.platform.store.change(found, due(found))
    if busy:
        leased = {"lease_id": "another", "lease_until": DUE.replace(year=2099)}
        stage.platform.store.change(due(found), due(found).model_copy(update=leased))
    event = stage.event("poll_feed/replay")
    record = event["Records"][0]
    record["body"] = stage.platform.message(stage.feed(feed_id)).model_dump_json()
    with stage.function("poll_feed") as made:
        assert made(event) == {"batchItemFailures": []}


def publish_changes(stage):
    for case in cases():
        if case.startswith("publish_changes/"):
            stage.run(case)


def manage_feeds(stage):
    stage.register()
    stage.run("poll_feed/batch_with_poison")  # episodes are found only where there are some
    for case in cases():
        if case.startswith("manage_feeds/"):
            stage.run(case)
    stage.run("manage_feeds/remove")
    stage.run("manage_feeds/add")
    with stage.function("manage_feeds") as made:
        url = stage.platform.origin.url("/new.xml")
        stage.platform.origin.put("/new.xml", feed([item(1)]))
        assert "feed" in made({"command": "add", "tenant": TENANT, "url": url})


def import_feed(stage):
    stage.run("import_feed/add")
    stage.platform.registry.remove(TENANT, next(stage.platform.store.of_tenant(TENANT)).feed_id)
    stage.run("import_feed/add")


EXERCISES = (
    {
        each.__name__: each
        for each in (schedule_polls, poll_feed, publish_changes, manage_feeds, import_feed)
    }
    | exercises_of_analytics.EXERCISES
    | exercises_of_api.EXERCISES
    | exercises_of_connections.EXERCISES
    | exercises_of_identity.EXERCISES
    | exercises_of_measurement.EXERCISES
    | exercises_of_sponsorship.EXERCISES
    | exercises_of_webhooks.EXERCISES
)


def recorded(name: str) -> tuple[list[Call], list[Grant]]:
    """The calls a function makes when all of it is used, and what its role allows."""
    with scene() as stage:
        EXERCISES[name](stage)
        made = deployment("local", outputs=stage.platform.stacks.outputs)
        role = made.role_of(made.functions[name])
        return stage.calls[name], grants_of(role.properties)


def is_for_the_platform(grant: Grant, calls: list[Call]) -> bool:
    """Whether a grant on a table serves the platform's own items alone, so that it could say so."""
    keys = {key for call in calls if grant.allows(call) for key in call.keys}
    on_a_table = ":table/" in grant.resource and "/index/" not in grant.resource
    return on_a_table and bool(keys) and all(key.startswith("SYSTEM#") for key in keys)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_allows_what_its_function_does_and_nothing_more(name):
    calls, grants = recorded(name)
    denied = {call for call in calls if not any(grant.allows(call) for grant in grants)}
    assert denied == set()
    assert {
        grant
        for grant in grants
        if grant.leading_keys is None and is_for_the_platform(grant, calls)
    } == set()
    unused = {grant for grant in grants if not any(grant.allows(call) for call in calls)}
    assert {grant for grant in unused if grant.sid not in NEEDED_WITHOUT_A_CALL} == set()


def test_no_role_allows_every_action_or_every_resource():
    made = deployment()
    for role in made.of_type("AWS::IAM::Role"):
        for grant in grants_of(role.properties):
            assert not grant.action.endswith("*"), (role.id, grant)
            assert grant.resource != "*" or grant.action.startswith(ANY_RESOURCE), (role.id, grant)


def test_aws_own_policies_are_attached_only_where_something_needs_them():
    made = deployment()
    fed_by: dict[str, set[str]] = {"AWSLambdaSQSQueueExecutionRole": set()}
    fed_by["AWSLambdaDynamoDBExecutionRole"] = set()
    for mapping in made.of_type("AWS::Lambda::EventSourceMapping"):
        stream = "StartingPosition" in mapping.properties
        policy = f"AWSLambda{'DynamoDB' if stream else 'SQSQueue'}ExecutionRole"
        fed_by[policy].add(made.role_of(made[mapping.properties["FunctionName"]]).id)
    assert all(fed_by.values())
    for role in made.of_type("AWS::IAM::Role"):
        attached = {arn.rpartition("/")[2] for arn in role.properties.get("ManagedPolicyArns", [])}
        assert attached <= set(MANAGED), role.id
        for policy, roles in fed_by.items():
            assert (policy in attached) == (role.id in roles), role.id


# The one function that each workflow is made of, and where its lists and results lie.
WORKFLOWS = {
    "ImportFeeds": ("ImportFeed.Arn", "Storage/Feeds.Arn/imports/*"),
    "CountDays": ("CountDownloads.Arn", "Lake/Lake.Arn/plans/*"),
}


def test_a_workflow_may_start_only_what_it_is_made_of():
    made = deployment()
    machines = {m.name: m for m in made.of_type("AWS::StepFunctions::StateMachine")}
    assert set(machines) == set(WORKFLOWS)
    for name, machine in machines.items():
        task, folder = WORKFLOWS[name]
        own = machine.properties["StateMachineName"]
        machine_arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{own}"
        executions = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{own}*"
        granted = grants_of(made[machine.properties["RoleArn"]].properties)
        assert {(grant.action, grant.resource) for grant in granted if grant.resource != "*"} == {
            ("lambda:InvokeFunction", task),
            ("s3:GetObject", folder),
            ("s3:PutObject", folder),
            ("s3:ListMultipartUploadParts", folder),
            ("s3:AbortMultipartUpload", folder),
            ("states:StartExecution", machine_arn),
            ("states:DescribeExecution", executions),
            ("states:StopExecution", executions),
        }
        assert all(g.action.startswith(ANY_RESOURCE) for g in granted if g.resource == "*")


# What carries hits does nothing but carry them.
CARRIERS = {
    "Tracking/HitsRole": (
        "firehose.amazonaws.com",
        {
            ("s3:PutObject", "Intake/Intake.Arn/hits/*"),
            ("s3:AbortMultipartUpload", "Intake/Intake.Arn/hits/*"),
            ("s3:PutObject", "Intake/Intake.Arn/undelivered/hits/*"),
            ("s3:AbortMultipartUpload", "Intake/Intake.Arn/undelivered/hits/*"),
            ("s3:GetBucketLocation", "Intake/Intake.Arn"),
            ("s3:ListBucket", "Intake/Intake.Arn"),
            ("s3:ListBucketMultipartUploads", "Intake/Intake.Arn"),
        },
    ),
    "Tracking/SubscriptionRole": (
        "logs.amazonaws.com",
        {
            ("firehose:PutRecord", "Tracking/Hits.Arn"),
            ("firehose:PutRecordBatch", "Tracking/Hits.Arn"),
        },
    ),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_what_carries_hits_may_only_carry_them(name):
    """Neither Firehose nor CloudWatch Logs runs here: their roles are held to what AWS documents."""
    service, wanted = CARRIERS[name]
    role = deployment()[name].properties
    assert {(grant.action, grant.resource) for grant in grants_of(role)} == wanted
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Action"], trust["Principal"]) == ("sts:AssumeRole", {"Service": service})
    assert trust["Condition"]  # else the service could be sent by another account


def test_a_schedule_may_only_call_its_function():
    made = deployment()
    for schedule in made.of_type("AWS::Scheduler::Schedule"):
        target = schedule.properties["Target"]
        granted = grants_of(made[target["RoleArn"]].properties)
        assert {(grant.action, grant.resource) for grant in granted} == {
            ("lambda:InvokeFunction", target["Arn"]),
            ("sqs:SendMessage", target["DeadLetterConfig"]["Arn"]),
        }, schedule.id


def test_every_role_is_somebodys_whose_doings_are_known():
    made = deployment()
    known = {made.role_of(function).id for function in made.functions.values()}
    known |= {
        made[m.properties["RoleArn"]].id for m in made.of_type("AWS::StepFunctions::StateMachine")
    }
    known |= {
        made[s.properties["Target"]["RoleArn"]].id for s in made.of_type("AWS::Scheduler::Schedule")
    }
    assert {role.id for role in made.of_type("AWS::IAM::Role")} == known | set(CARRIERS)
