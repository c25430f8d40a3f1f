"""What the code of webhooks takes for granted of the template, and the other way round."""

from datetime import timedelta
from typing import get_args

from infra.lint import schemas
from tallycast.api.resources.webhooks import Topic
from tallycast.partners.webhooks.circuit import HELD_FOR, SLOTS
from tallycast.partners.webhooks.posting import SECONDS
from tallycast.partners.webhooks.progress import LEASE
from tallycast.partners.webhooks.topics import TOPICS
from tests.support.template import ROOT

QUEUE = "Webhooks/Events.Arn"


def rules(deployed):
    return [
        rule
        for rule in deployed.of_type("AWS::Events::Rule")
        if any(target["Arn"] == QUEUE for target in rule.properties["Targets"])
    ]


def test_the_rules_ask_the_bus_for_what_a_tenant_can_be_told_and_nothing_else(deployed):
    asked = {
        name: source
        for rule in rules(deployed)
        for source in rule.properties["EventPattern"]["source"]
        for name in rule.properties["EventPattern"]["detail-type"]
    }
    assert asked == TOPICS
    assert set(get_args(Topic)) == set(TOPICS)


def test_whatever_is_told_of_a_tenant_can_be_had_by_webhook():
    """Events of no tenant are the operator's; a provider's message is for our own rooms."""
    of_a_tenant = {
        event.__name__: source
        for event, source in schemas.EVENTS.items()
        if "tenant" in event.model_fields and event.__name__ != "HookReceived"
    }
    assert of_a_tenant == TOPICS
    page = (ROOT / "docs/webhooks.md").read_text(encoding="utf-8")
    assert {name for name in TOPICS if f"`{name}`" not in page} == set()


def test_a_claim_and_a_slot_outlive_the_function_that_has_them(deployed):
    """Else a second sender would begin while the first is still at work."""
    function = deployed.functions["send_webhook"].properties
    timeout = timedelta(seconds=int(function["Timeout"]))
    assert timedelta(seconds=2 * SECONDS) < timeout < HELD_FOR < LEASE


def test_one_endpoint_never_has_all_senders_and_no_delivery_waits_for_another(deployed):
    [mapping] = [
        mapping.properties
        for mapping in deployed.of_type("AWS::Lambda::EventSourceMapping")
        if mapping.properties["EventSourceArn"] == "Webhooks/Sends.Arn"
    ]
    assert mapping["BatchSize"] == 1
    assert int(mapping["ScalingConfig"]["MaximumConcurrency"]) >= 4 * SLOTS
