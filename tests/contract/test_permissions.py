"""What roles allow at all, and those of what is no function."""

import pytest

from infra.lint.expansion import REGION
from tests.support.permissions import grants_of
from tests.support.template import ACCOUNT, deployment

# Policies of AWS's own. They name all resources, so each is here for a reason that holds.
MANAGED = {
    "AWSLambdaBasicExecutionRole": "writes the log; SAM attaches it to every function",
    "AWSXrayWriteOnlyAccess": "X-Ray has no resources that a policy could name",
    "AWSLambdaSQSQueueExecutionRole": "SAM attaches it to who is fed by a queue",
    "AWSLambdaDynamoDBExecutionRole": "SAM attaches it to who is fed by a stream",
}
# Delivery of a state machine's log is configured, not named: IAM knows no resource for it.
ANY_RESOURCE = "logs:"


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
