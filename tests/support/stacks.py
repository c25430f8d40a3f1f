"""Tables, buckets and queues for tests, created by moto from the real stacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.kms.models import KmsBackend

from tallycast.aws import clients
from tests.support.moto_speed import quick_moto
from tests.support.moto_turns import calls_in_turn

ROOT = Path(__file__).resolve().parents[2]
# The stacks that hold something, with the parameters that have no default.
STACKS = {
    "storage": {},
    "messaging": {"PollVisibilitySeconds": "60"},
    "lake": {},
    "intake": {"IngestVisibilitySeconds": "60", "KeepLogsDays": "14"},
    "exports": {"ExportVisibilitySeconds": "5400"},
    "webhooks": {
        "AlarmTopic": "",
        "EventBusName": "tallycast-messaging",
        "QueueVisibilitySeconds": "180",
        "SendVisibilitySeconds": "270",
        "TakeVisibilitySeconds": "180",
    },
    "audit": {"AlarmTopic": "", "RetentionDays": "400"},
}


@dataclass(frozen=True)
class Stacks:
    """What the stacks that hold something put out."""

    outputs: dict[str, str]

    @property
    def core(self):
        return clients.table(self.outputs["CoreTable"])

    @property
    def memory(self):
        return clients.table(self.outputs["IdempotencyTable"])

    @property
    def deliveries(self):
        return clients.table(self.outputs["DeliveriesTable"])

    @property
    def metrics(self):
        return clients.table(self.outputs["MetricsTable"])

    @property
    def privacy(self):
        return clients.table(self.outputs["PrivacyTable"])


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
        with (
            mock_aws(),
            quick_moto(),
            calls_in_turn(),
            patch.object(KmsBackend, "create_key", _create_key),
        ):
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
            # moto's CloudFormation makes no secrets.
            secret = boto3.client("secretsmanager").create_secret(
                Name="tallycast-connections", SecretString='{"providers": {}}'
            )
            outputs["ConnectionsSecret"] = secret["ARN"]
            yield Stacks(outputs)
    finally:
        _forget_clients()
        os.environ.clear()
        os.environ.update(before)


_moto_creates_key = KmsBackend.create_key


def _create_key(backend: KmsBackend, *, tags: list[dict[str, str]], **facts: object) -> object:
    """moto tells a key's tags by the names of KMS, and CloudFormation has names of its own."""
    named = [
        {"TagKey": tag.get("Key", tag.get("TagKey")), "TagValue": tag.get("Value", "")}
        for tag in tags or []
    ]
    return _moto_creates_key(backend, tags=named, **facts)


def _forget_clients() -> None:
    """Clients are made once per container; every test is a new container."""
    clients._client.cache_clear()
    clients._dynamodb.cache_clear()
    clients.table.cache_clear()
