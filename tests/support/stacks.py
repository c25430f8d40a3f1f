"""Tables, buckets and queues for tests, created by moto from the real stacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from moto import mock_aws

from tallycast.aws import clients

ROOT = Path(__file__).resolve().parents[2]
# The stacks that hold something, with the parameters that have no default.
STACKS = {
    "storage": {},
    "messaging": {"PollVisibilitySeconds": "60"},
    "lake": {},
    "intake": {"IngestVisibilitySeconds": "60", "KeepLogsDays": "14"},
}


@dataclass(frozen=True)
class Stacks:
    """What the stacks that hold something put out."""

    outputs: dict[str, str]

    @property
    def core(self):
        return boto3.resource("dynamodb").Table(self.outputs["CoreTable"])

    @property
    def memory(self):
        return boto3.resource("dynamodb").Table(self.outputs["IdempotencyTable"])

    @property
    def metrics(self):
        return boto3.resource("dynamodb").Table(self.outputs["MetricsTable"])

    @property
    def privacy(self):
        return boto3.resource("dynamodb").Table(self.outputs["PrivacyTable"])


@contextmanager
def aws_stacks() -> Iterator[Stacks]:
    """moto with the project's own storage, messaging, lake and intake."""
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
    }
    before = dict(os.environ)
    os.environ.pop("AWS_ENDPOINT_URL", None)
    os.environ.update(environment)
    try:
        with mock_aws():
            _forget_clients()
            outputs: dict[str, str] = {}
            cloudformation = boto3.client("cloudformation")
            for name, extra in STACKS.items():
                body = (ROOT / "infra" / f"{name}.yaml").read_text()
                parameters = {"Stage": "local", **extra}
                cloudformation.create_stack(
                    StackName=name,
                    TemplateBody=body,
                    Parameters=[
                        {"ParameterKey": key, "ParameterValue": value}
                        for key, value in parameters.items()
                    ],
                )
                stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
                outputs |= {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
            yield Stacks(outputs)
    finally:
        _forget_clients()
        os.environ.clear()
        os.environ.update(before)


def _forget_clients() -> None:
    """Clients are made once per container; every test is a new container."""
    clients._client.cache_clear()
    clients._dynamodb.cache_clear()
    clients.table.cache_clear()
