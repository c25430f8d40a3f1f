"""A function's role allows what the function does, on what it does it to, and nothing else."""

import pytest

from tallycast.feeds.feed import Feed
from tests.support.functions import FUNCTIONS
from tests.support.origin import feed, item
from tests.support.permissions import Call, Grant, grants_of
from tests.support.scene import DAILY, DUE, FEED, OTHER, TENANT, WEEKLY, cases, scene
from tests.support.template import deployment

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
FED_BY = {
    "AWSLambdaSQSQueueExecutionRole": "PollFeedPolls",
    "AWSLambdaDynamoDBExecutionRole": "PublishChangesChanges",
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


EXERCISES = {
    each.__name__: each
    for each in (schedule_polls, poll_feed, publish_changes, manage_feeds, import_feed)
}


def recorded(name: str) -> tuple[list[Call], list[Grant]]:
    """The calls a function makes when all of it is used, and what its role allows."""
    with scene() as stage:
        EXERCISES[name](stage)
        made = deployment("local", outputs=stage.platform.stacks.outputs)
        role = made.role_of(made.functions[name])
        return stage.calls[name], grants_of(role.properties)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_allows_what_its_function_does_and_nothing_more(name):
    calls, grants = recorded(name)
    denied = {call for call in calls if not any(grant.allows(call) for grant in grants)}
    assert denied == set()
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
    for role in made.of_type("AWS::IAM::Role"):
        attached = {arn.rpartition("/")[2] for arn in role.properties.get("ManagedPolicyArns", [])}
        assert attached <= set(MANAGED), role.id
        for policy, mapping in FED_BY.items():
            fed = made.role_of(made[made[mapping].properties["FunctionName"]])
            assert (policy in attached) == (role.id == fed.id)


def test_a_workflow_may_start_only_what_it_is_made_of():
    made = deployment()
    [machine] = made.of_type("AWS::StepFunctions::StateMachine")
    role = made[machine.properties["RoleArn"]]
    named = {grant.action: grant.resource for grant in grants_of(role.properties)}
    own = machine.properties["StateMachineName"]
    assert named["lambda:InvokeFunction"] == "ImportFeed.Arn"
    assert named["states:StartExecution"].endswith(f":stateMachine:{own}")
    assert named["states:DescribeExecution"].startswith("arn:aws:states:")
    assert named["s3:GetObject"] == "Storage/Feeds.Arn/imports/*"
