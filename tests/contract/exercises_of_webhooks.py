"""Everything that the functions of webhooks, out and in, do to AWS."""

from tallycast.partners.webhooks import progress
from tallycast.partners.webhooks.circuit import SLOTS
from tests.support.notified import (
    DELIVERY_ID,
    ENDPOINT_ID,
    circuits,
    deliveries,
    endpoint_of,
    keep_body,
    notified,
)
from tests.support.receiver import Said
from tests.support.scene import NOW, TENANT


def replayed(stage):
    """The delivery is to be sent, under the ticket that the sample event has."""
    store = deliveries(stage)
    found = store.find(TENANT, DELIVERY_ID)
    again = progress.replayed(found, NOW)
    assert store.replace(found, again.model_copy(update={"ticket": 1}), NOW)


def queue_webhooks(stage):
    with notified(stage):
        stage.run("queue_webhooks/batch_with_poison")
        stage.run("queue_webhooks/batch_with_poison")


def send_webhook(stage):
    """Failed, put off, delivered, void, held."""
    with notified(stage) as receiver:
        stage.run("queue_webhooks/batch_with_poison")
        receiver.answers["/hook"] = [Said(500), Said(429), Said(), Said(410)]
        stage.run("send_webhook/handover")
        replayed(stage)
        stage.run("send_webhook/handover")
        replayed(stage)
        stage.run("send_webhook/handover")  # it rests
        circuits(stage).forget(TENANT, ENDPOINT_ID)
        taken = [circuits(stage).take(TENANT, ENDPOINT_ID, NOW) for _ in range(SLOTS)]
        replayed(stage)
        stage.run("send_webhook/handover")  # others are sending
        for slot in taken:
            circuits(stage).give_back(slot)
        replayed(stage)
        stage.run("send_webhook/handover")
        stage.run("send_webhook/handover")  # void
        replayed(stage)
        stage.run("send_webhook/handover")
        assert endpoint_of(stage).reason == "gone"
        replayed(stage)
        stage.run("send_webhook/handover")
        stage.run("send_webhook/poison")
        assert [came.path for came in receiver.came] == ["/hook"] * 4


def requeue_webhooks(stage):
    with notified(stage):
        stage.run("queue_webhooks/batch_with_poison")
        replayed(stage)
        assert stage.run("requeue_webhooks/tick")[0]["handed_over"] == 1


def take_hook(stage):
    keep_body(stage, b'{"type": "push"}', "message")
    keep_body(stage, b"{", "unreadable")
    for case in ("message", "message", "unreadable"):
        stage.run(f"take_hook/{case}")


EXERCISES = {
    each.__name__: each for each in (queue_webhooks, send_webhook, requeue_webhooks, take_hook)
}
