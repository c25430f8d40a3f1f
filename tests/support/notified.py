"""A scene in which a tenant has a webhook endpoint at a receiver on loopback, and a hook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from tallycast.aws import clients
from tallycast.aws.records import Records
from tallycast.aws.sealing import Sealer
from tallycast.partners.webhooks.circuit import Circuits
from tallycast.partners.webhooks.deliveries import Deliveries
from tallycast.partners.webhooks.model import ENDPOINT, Endpoint, SealedSecret
from tallycast.partners.webhooks.signing import secret_of
from tests.support.receiver import Receiver
from tests.support.scene import NOW, TENANT, Scene

ENDPOINT_ID = "whk_01kaqm5w2d8r3v6x9z0b4c7f1h"
DELIVERY_ID = "dlv_6e7fgf15ft2h9x6jb9vkv157e5"  # of the sample event for that endpoint
HOOK_ID = "hook_01kaqm6e9s4t7w0y3a5d8g2j6n"
KEY = b"a key of the sample events, 32 b"
SECRET = secret_of(KEY)


@contextmanager
def notified(scene: Scene, path: str = "/hook") -> Iterator[Receiver]:
    """The tenant's endpoint, known by its fixed id; the receiver takes everything."""
    outputs = scene.platform.stacks.outputs
    with Receiver() as receiver:
        scene.environments["send_webhook"]["FETCH_ALLOW_LIST"] = receiver.address
        sealer = Sealer(clients.kms(), outputs["SecretsKeyArn"])
        sealed = sealer.seal(KEY, TENANT, ENDPOINT_ID)
        records = Records(scene.platform.stacks.core, ENDPOINT)
        endpoint = Endpoint(
            url=receiver.url(path), secrets=(SealedSecret(sealed=sealed, made_at=NOW),)
        )
        records.put(records.creation(TENANT, ENDPOINT_ID, endpoint, NOW))
        yield receiver


def endpoint_of(scene: Scene) -> Endpoint:
    """The endpoint as it stands."""
    return Records(scene.platform.stacks.core, ENDPOINT).get(TENANT, ENDPOINT_ID).document


def deliveries(scene: Scene) -> Deliveries:
    return Deliveries(clients.table(scene.platform.stacks.outputs["DeliveriesTable"]))


def circuits(scene: Scene) -> Circuits:
    return Circuits(clients.table(scene.platform.stacks.outputs["DeliveriesTable"]))


def keep_body(scene: Scene, body: bytes, case: str) -> None:
    """The body that a sample message of `take_hook` tells of."""
    import json

    message = json.loads(scene.event(f"take_hook/{case}")["Records"][0]["body"])
    bucket = scene.platform.stacks.outputs["HooksBucket"]
    boto3.client("s3").put_object(Bucket=bucket, Key=message["key"], Body=body)
