"""Deploy a packaged template through a change set, as `sam deploy` does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import ClientError

from infra.local.errors import DeploymentFailedError, LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef
    from mypy_boto3_s3.client import S3Client

    from infra.local.package import Bundle
    from infra.local.stage import Stage

BUCKET = "tallycast-local-artifacts"
TIMEOUT_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_NESTED = "AWS::CloudFormation::Stack"
_CANCELLED = "Resource creation cancelled"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack as it stands after a deployment.

    Attributes:
        changed: False when the template and its parameters were those of the last deployment.
        resources: physical ids by logical id; those of a nested stack as `Nested.Logical`.
    """

    changed: bool
    outputs: dict[str, str]
    resources: dict[str, str]


def upload(s3: S3Client, bundle: Bundle, region: str) -> int:
    """Put what the bucket lacks into it; how many objects that were."""
    try:
        if region == "us-east-1":
            s3.create_bucket(Bucket=BUCKET)
        else:
            s3.create_bucket(
                Bucket=BUCKET,
                CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
            )
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    there = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
    missing = {key: make for key, make in bundle.objects.items() if key not in there}
    for key, make in missing.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=make())
    return len(missing)


def deploy(
    cloudformation: CloudFormationClient, stage: Stage, *, template_url: str, log: Path
) -> Deployed:
    """Bring the stack to what the template says; no difference is fine.

    The log is MiniStack's, which an error's message names.

    Raises:
        DeploymentFailedError: which resource failed first, and why.
    """
    try:
        return _deploy(cloudformation, stage, template_url)
    except _FailedError as error:
        raise DeploymentFailedError(stage.stack_name, error.resource, error.message, log) from error
    except ClientError as error:
        reason = error.response["Error"].get("Message", str(error))
        raise DeploymentFailedError(stage.stack_name, None, reason, log) from error


class _FailedError(LocalCloudError):
    """The reason alone, before it is put into words for the user."""

    def __init__(self, reason: str, resource: str | None = None) -> None:
        super().__init__(reason)
        self.resource = resource


def _deploy(cloudformation: CloudFormationClient, stage: Stage, template_url: str) -> Deployed:
    stack = _stack(cloudformation, stage.stack_name)
    if stack and stack["StackStatus"] in {"ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED"}:
        # A stack whose first deployment failed can only be deleted.
        cloudformation.delete_stack(StackName=stage.stack_name)
        _settled(cloudformation, stage.stack_name)
        stack = None
    fresh = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    name = f"local-{uuid4().hex}"
    cloudformation.create_change_set(
        StackName=stage.stack_name,
        ChangeSetName=name,
        ChangeSetType="CREATE" if fresh else "UPDATE",
        TemplateURL=template_url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in stage.parameters.items()
        ],
        Tags=[{"Key": key, "Value": value} for key, value in stage.tags.items()],
    )
    changed = _reviewed(cloudformation, stage.stack_name, name)
    if changed:
        began = _last_event(cloudformation, stage.stack_name)
        cloudformation.execute_change_set(StackName=stage.stack_name, ChangeSetName=name)
        _succeeded(cloudformation, stage.stack_name, after=began)
    stack = _stack(cloudformation, stage.stack_name)
    outputs = {
        item["OutputKey"]: item["OutputValue"]
        for item in (stack.get("Outputs", []) if stack else [])
    }
    return Deployed(changed, outputs, dict(_resources(cloudformation, stage.stack_name)))


def _stack(cloudformation: CloudFormationClient, name: str) -> StackTypeDef | None:
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _reviewed(cloudformation: CloudFormationClient, stack: str, change_set: str) -> bool:
    """Wait for the change set; whether it changes anything."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        found = cloudformation.describe_change_set(StackName=stack, ChangeSetName=change_set)
        if found["Status"] == "CREATE_COMPLETE":
            return True
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "")
            cloudformation.delete_change_set(StackName=stack, ChangeSetName=change_set)
            if "didn't contain changes" in reason or "No updates" in reason:
                return False
            raise _FailedError(reason)
        time.sleep(_LOOK_SECONDS)
    raise _FailedError(f"no change set within {TIMEOUT_SECONDS:.0f} seconds")


def _settled(cloudformation: CloudFormationClient, name: str) -> str:
    """Wait until the stack is in no progress; its status, or DELETE_COMPLETE when it is gone."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        stack = _stack(cloudformation, name)
        if stack is None:
            return "DELETE_COMPLETE"
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return str(stack["StackStatus"])
        time.sleep(_LOOK_SECONDS)
    raise _FailedError(f"not done within {TIMEOUT_SECONDS:.0f} seconds")


def _succeeded(cloudformation: CloudFormationClient, name: str, *, after: str | None) -> None:
    status = _settled(cloudformation, name)
    if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        return
    resource, reason = first_failure(cloudformation, name, after=after)
    raise _FailedError(reason or f"the stack is {status}", resource)


def _last_event(cloudformation: CloudFormationClient, name: str) -> str | None:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return events[0]["EventId"] if events else None


def _events(
    cloudformation: CloudFormationClient, name: str, after: str | None
) -> list[StackEventTypeDef]:
    """The stack's events since the named one, oldest first."""
    found: list[StackEventTypeDef] = []
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            if event["EventId"] == after:
                return found[::-1]
            found.append(event)
    return found[::-1]


def first_failure(
    cloudformation: CloudFormationClient, name: str, *, after: str | None = None
) -> tuple[str | None, str | None]:
    """The first resource that failed, as `Nested.Logical` inside a nested stack, and its reason."""
    for event in _events(cloudformation, name, after):
        reason = event.get("ResourceStatusReason", "")
        if not event["ResourceStatus"].endswith("_FAILED") or _CANCELLED in reason:
            continue
        logical, physical = event["LogicalResourceId"], event.get("PhysicalResourceId")
        own = logical == name or physical == event["StackId"]
        if event.get("ResourceType") == _NESTED and physical and not own:
            try:
                inner, why = first_failure(cloudformation, physical)
            except ClientError:  # rolled back already
                inner, why = None, None
            if inner:
                return f"{logical}.{inner}", why
        if reason and not own:
            return logical, reason
    return None, None


def _resources(
    cloudformation: CloudFormationClient, stack: str, prefix: str = ""
) -> Iterator[tuple[str, str]]:
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            physical = resource.get("PhysicalResourceId", "")
            name = f"{prefix}{resource['LogicalResourceId']}"
            yield name, physical
            if resource["ResourceType"] == _NESTED:
                yield from _resources(cloudformation, physical, f"{name}.")
