"""Which AWS calls a function makes, and whether its role allows each of them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from tallycast.aws import clients

ARN = "arn:aws:{service}:eu-central-1:123456789012:{name}"
# The permission that IAM asks for, where it is not named like the call.
_PERMISSION = {
    "SendMessageBatch": "SendMessage",
    "Invoke": "InvokeFunction",
    "HeadObject": "GetObject",
}
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"} | {
    "ConditionCheck": "ConditionCheckItem"
}


@dataclass(frozen=True)
class Call:
    """One thing done to one resource; `keys` are the partition keys it touched, in DynamoDB."""

    action: str
    resource: str
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Grant:
    """One action on one pattern of resources that a role allows."""

    sid: str
    action: str
    resource: str
    leading_keys: frozenset[str] | None = None

    def allows(self, call: Call) -> bool:
        return (
            fnmatch.fnmatchcase(call.action, self.action)
            and fnmatch.fnmatchcase(call.resource, self.resource)
            and (self.leading_keys is None or all(map(self._is_led_by, call.keys)))
        )

    def _is_led_by(self, key: str) -> bool:
        return any(fnmatch.fnmatchcase(key, pattern) for pattern in self.leading_keys or ())


def grants_of(role: Mapping[str, Any]) -> list[Grant]:
    """What a role's own policies allow, one action and resource at a time."""
    return [
        Grant(statement.get("Sid", "made by SAM"), action, resource, _leading_keys(statement))
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    ]


def _leading_keys(statement: Mapping[str, Any]) -> frozenset[str] | None:
    condition = statement.get("Condition")
    if condition is None:
        return None
    [(operator, values)] = condition.items()
    assert operator in {"ForAllValues:StringEquals", "ForAllValues:StringLike"}
    assert list(values) == ["dynamodb:LeadingKeys"]
    return frozenset(values["dynamodb:LeadingKeys"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@contextmanager
def recorded_calls(calls: list[Call]) -> Iterator[None]:
    """Note every call of every client made inside; Lambda is answered here, nobody is invoked."""
    session = boto3.DEFAULT_SESSION or boto3._get_default_session()

    def note(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        calls.extend(_calls(model.service_model.signing_name, model.name, params))

    def accept(**_: Any) -> tuple[Any, dict[str, Any]]:
        return type("Accepted", (), {"status_code": 202})(), {"StatusCode": 202}

    clients._client.cache_clear()
    clients._dynamodb.cache_clear()
    clients.table.cache_clear()
    session.events.register("before-parameter-build", note)
    session.events.register("before-call.lambda.Invoke", accept)
    try:
        yield
    finally:
        session.events.unregister("before-parameter-build", note)
        session.events.unregister("before-call.lambda.Invoke", accept)


def _calls(service: str, operation: str, params: Mapping[str, Any]) -> Iterator[Call]:
    action = f"{service}:{_PERMISSION.get(operation, operation)}"
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            for entry in params["TransactItems"]:
                [(kind, body)] = entry.items()
                keys = _partition_keys(body)
                yield Call(f"dynamodb:{_TRANSACTED[kind]}", _table(body["TableName"]), keys)
        case "dynamodb", "BatchGetItem":
            for table, asked in params["RequestItems"].items():
                keys = frozenset().union(*({_partition_key(key)} for key in asked["Keys"]))
                yield Call(action, _table(table), keys)
        case "dynamodb", "BatchWriteItem":
            for table, writes in params["RequestItems"].items():
                bodies = [body for write in writes for body in write.values()]
                yield Call(action, _table(table), frozenset().union(*map(_partition_keys, bodies)))
        case "dynamodb", "Query":
            index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
            yield Call(action, _table(params["TableName"]) + index, _queried(params))
        case "dynamodb", _:
            index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
            yield Call(action, _table(params["TableName"]) + index, _partition_keys(params))
        case "s3", _:
            yield from _of_s3(operation, params)
        case "sqs", _:
            name = params["QueueUrl"].rpartition("/")[2]
            yield Call(action, ARN.format(service="sqs", name=name))
        case "events", "PutEvents":
            for entry in params["Entries"]:
                bus = f"event-bus/{entry['EventBusName']}"
                yield Call(action, ARN.format(service="events", name=bus))
        case "lambda", "Invoke":
            name = f"function:{params['FunctionName']}"
            yield Call(action, ARN.format(service="lambda", name=name))
        case "logs", "FilterLogEvents":
            # AWS asks with `:*` behind the group's name, the local cloud without.
            group = ARN.format(service="logs", name=f"log-group:{params['logGroupName']}")
            yield Call(action, group)
            yield Call(action, f"{group}:*")
        case "kms", _:
            yield Call(action, params["KeyId"])
        case "secretsmanager", "GetSecretValue":
            yield Call(action, params["SecretId"])
        case "cognito-idp", _:
            name = f"userpool/{params['UserPoolId']}"
            yield Call(action, ARN.format(service="cognito-idp", name=name))
        case "states", "StartExecution":
            yield Call(action, params["stateMachineArn"])
        case _:
            raise NotImplementedError(f"say which permission {service}:{operation} needs")


def _of_s3(operation: str, params: Mapping[str, Any]) -> Iterator[Call]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    match operation:
        case "ListObjectsV2":
            yield Call("s3:ListBucket", bucket)
        case "ListObjectVersions":
            yield Call("s3:ListBucketVersions", bucket)
        case "GetObject" if "VersionId" in params:
            yield Call("s3:GetObjectVersion", f"{bucket}/{params['Key']}")
        case "DeleteObjects":
            for entry in params["Delete"]["Objects"]:
                yield Call("s3:DeleteObject", f"{bucket}/{entry['Key']}")
        case _:
            action = f"s3:{_PERMISSION.get(operation, operation)}"
            yield Call(action, f"{bucket}/{params['Key']}")


def _table(name: str) -> str:
    return ARN.format(service="dynamodb", name=f"table/{name}")


def _partition_keys(params: Mapping[str, Any]) -> frozenset[str]:
    key = params.get("Key") or params.get("Item") or {}
    return frozenset({_partition_key(key)} if "pk" in key or "id" in key else ())


def _queried(params: Mapping[str, Any]) -> frozenset[str]:
    """The partition that a query reads: the one attribute it compares with `=`."""
    [value] = re.findall(r"#\w+ = (:\w+)", params["KeyConditionExpression"])
    found = params["ExpressionAttributeValues"][value]
    return frozenset({str(found["S"] if isinstance(found, dict) else found)})


def _partition_key(key: Mapping[str, Any]) -> str:
    value = key.get("pk", key.get("id"))
    return str(value["S"] if isinstance(value, dict) else value)
