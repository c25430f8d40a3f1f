"""boto3 clients, made once per container with time-outs and retries that fit a Lambda.

`AWS_ENDPOINT_URL` (read by botocore itself) points them at the local cloud.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.transform import TransformationInjector
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_kms.client import KMSClient
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_stepfunctions.client import SFNClient

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=32,
    s3={"addressing_style": "path"},
)
# In some regions botocore still signs addresses of objects by version 2, which S3 refuses for every
# bucket that was made after June 2020.
_S3_CONFIG = _CONFIG.merge(Config(signature_version="s3v4"))


@cache
def _client(service: str) -> Any:  # noqa: ANN401 - one factory, typed by the functions below
    config = _S3_CONFIG if service == "s3" else _CONFIG
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def s3() -> S3Client:
    """The S3 client of this container."""
    client: S3Client = _client("s3")
    return client


def sqs() -> SQSClient:
    """The SQS client of this container."""
    client: SQSClient = _client("sqs")
    return client


def events() -> EventBridgeClient:
    """The EventBridge client of this container."""
    client: EventBridgeClient = _client("events")
    return client


def kms() -> KMSClient:
    """The KMS client of this container."""
    client: KMSClient = _client("kms")
    return client


def lambdas() -> LambdaClient:
    """The Lambda client of this container."""
    client: LambdaClient = _client("lambda")
    return client


def secrets() -> SecretsManagerClient:
    """The Secrets Manager client of this container."""
    client: SecretsManagerClient = _client("secretsmanager")
    return client


def step_functions() -> SFNClient:
    """The Step Functions client of this container."""
    client: SFNClient = _client("stepfunctions")
    return client


def user_pools() -> CognitoIdentityProviderClient:
    """The Cognito client of this container."""
    client: CognitoIdentityProviderClient = _client("cognito-idp")
    return client


def dynamodb() -> DynamoDBClient:
    """The DynamoDB client of this container, for libraries that write items themselves."""
    client: DynamoDBClient = _client("dynamodb")
    return client


@cache
def _dynamodb() -> DynamoDBServiceResource:
    made = boto3.resource("dynamodb", config=_CONFIG)
    # boto3 numbers the names and values of `Key(…)` and `Attr(…)` with one counter for all threads:
    # a query could be sent with the key of another. Its own step then finds nothing left to number.
    made.meta.client.meta.events.register_first(
        "before-parameter-build.dynamodb", _number_conditions
    )
    return made


def _number_conditions(params: Any, model: Any, **_: Any) -> None:  # noqa: ANN401 - botocore's own
    TransformationInjector().inject_condition_expressions(params, model)


@cache
def table(name: str) -> Table:
    """A DynamoDB table by name, for any number of threads."""
    return _dynamodb().Table(name)
