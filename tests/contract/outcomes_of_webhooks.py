"""What the sample events of webhooks, out and in, lead to."""

import boto3

from tests.contract.exercises_of_webhooks import replayed
from tests.support.notified import (
    DELIVERY_ID,
    ENDPOINT_ID,
    SECRET,
    deliveries,
    keep_body,
    notified,
)
from tests.support.outcomes import outcome
from tests.support.scene import TENANT
from tests.support.told import ear


def volume(made):
    """The outcomes that a function counted."""
    return [line["outcome"] for line in made.emf if "webhook_volume" in line]


@outcome("queue_webhooks/batch_with_poison")
def an_event_is_laid_out_once_and_the_poison_goes_back_alone(scene):
    with notified(scene):
        answer, made = scene.run("queue_webhooks/batch_with_poison")
        _, again = scene.run("queue_webhooks/batch_with_poison")
    *_, poison = scene.event("queue_webhooks/batch_with_poison")["Records"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": poison["messageId"]}]}
    assert (made.metrics["webhooks_queued"], again.metrics["webhooks_queued"]) == ([1.0], [0.0])
    found = deliveries(scene).find(TENANT, DELIVERY_ID)
    assert (found.endpoint_id, found.event, found.ticket) == (ENDPOINT_ID, "EpisodePublished", 1)


@outcome("send_webhook/handover")
def a_delivery_is_sent_once_however_often_it_is_handed_over(scene):
    with notified(scene) as receiver:
        scene.run("queue_webhooks/batch_with_poison")
        _, made = scene.run("send_webhook/handover")
        _, again = scene.run("send_webhook/handover")
    [came] = receiver.came
    assert came.id == scene_event_id(scene)
    assert came.headers["webhook-signature"].startswith("v1,")
    assert (volume(made), volume(again)) == (["delivered"], ["void"])
    assert SECRET not in str(made.lines)


def scene_event_id(scene):
    import json

    body = scene.event("queue_webhooks/batch_with_poison")["Records"][0]["body"]
    return json.loads(body)["detail"]["event_id"]


@outcome("send_webhook/poison")
def a_handover_that_cannot_be_read_goes_back_alone(scene):
    answer, _ = scene.run("send_webhook/poison")
    [poison] = scene.event("send_webhook/poison")["Records"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": poison["messageId"]}]}


@outcome("requeue_webhooks/tick")
def what_is_due_is_handed_over_once(scene):
    with notified(scene):
        scene.run("queue_webhooks/batch_with_poison")
        assert scene.run("requeue_webhooks/tick")[0] == {"handed_over": 0, "backlog": 1}
        replayed(scene)
        assert scene.run("requeue_webhooks/tick")[0] == {"handed_over": 1, "backlog": 2}
        assert scene.run("requeue_webhooks/tick")[0] == {"handed_over": 0, "backlog": 2}


@outcome("take_hook/message")
def a_message_is_stored_and_told_once(scene):
    keep_body(scene, b'{"type": "push"}', "message")
    with ear(scene) as heard:
        _, made = scene.run("take_hook/message")
        _, again = scene.run("take_hook/message")
        [event] = heard()
    assert (volume(made), volume(again)) == (["stored"], ["deduplicated"])
    assert (event["detail-type"], event["detail"]["type"]) == ("HookReceived", "push")
    assert event["detail"]["quarantined"] is None


@outcome("take_hook/unreadable")
def a_message_that_cannot_be_read_is_quarantined_and_its_body_kept(scene):
    keep_body(scene, b"{", "unreadable")
    with ear(scene) as heard:
        _, made = scene.run("take_hook/unreadable")
        [event] = heard()
    assert volume(made) == ["quarantined"]
    assert event["detail"]["quarantined"].startswith("the body is no JSON")
    bucket = scene.platform.stacks.outputs["HooksBucket"]
    kept = boto3.client("s3").get_object(Bucket=bucket, Key=event["detail"]["key"])
    assert kept["Body"].read() == b"{"


@outcome("publish_changes/webhook_disabled")
def an_endpoint_that_is_disabled_is_told_once(scene):
    with ear(scene) as heard:
        scene.run("publish_changes/webhook_disabled")
        scene.run("publish_changes/webhook_disabled")
        [event] = heard()
    assert (event["source"], event["detail-type"]) == (
        "tallycast.partners",
        "WebhookEndpointDisabled",
    )
    assert (event["detail"]["webhook_id"], event["detail"]["reason"]) == (ENDPOINT_ID, "gone")
