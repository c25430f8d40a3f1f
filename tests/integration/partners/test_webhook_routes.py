"""The routes of webhooks, as a client sees them; what is queued is sent by the real sender."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from tallycast.api.resources.webhooks import Topic
from tallycast.aws import clients
from tallycast.identity.model import Role
from tallycast.partners.settings import SendWebhookSettings
from tallycast.partners.webhooks.topics import TOPICS
from tests.support.api import a_principal, api_platform
from tests.support.functions import forget_use_cases, function
from tests.support.receiver import Receiver, Said


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def platform(receiver):
    with api_platform(FETCH_ALLOW_LIST=receiver.address) as made:
        forget_use_cases()
        yield made
    forget_use_cases()


@pytest.fixture
def app(platform, request):
    """A client of a tenant of the test's own."""
    tenant = f"t-{abs(hash(request.node.name))}"
    return platform[1].as_(a_principal(Role.OWNER, tenant=tenant))


def sent(platform, receiver):
    """Let `send_webhook` work until its queue shows nothing; how many it was handed."""
    outputs = platform[0].outputs
    environment = {
        "CORE_TABLE": outputs["CoreTable"],
        "DELIVERIES_TABLE": outputs["DeliveriesTable"],
        "SENDS_URL": outputs["SendsUrl"],
        "SECRETS_KEY": outputs["SecretsKeyArn"],
        "FETCH_ALLOW_LIST": receiver.address,
        "POWERTOOLS_SERVICE_NAME": "send_webhook",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    assert set(environment) >= {name.upper() for name in SendWebhookSettings.model_fields}
    count = 0
    with function("send_webhook", environment) as made:
        sqs = clients.sqs()
        url = outputs["SendsUrl"]
        while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                record = {
                    "messageId": message["MessageId"],
                    "receiptHandle": "handle",
                    "body": message["Body"],
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "SentTimestamp": "1767614400000",
                        "SenderId": "sender",
                        "ApproximateFirstReceiveTimestamp": "1767614400001",
                    },
                    "messageAttributes": {},
                    "md5OfBody": "0" * 32,
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:sends",
                    "awsRegion": "eu-central-1",
                }
                assert made({"Records": [record]}) == {"batchItemFailures": []}
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                count += 1
    return count


def test_the_topics_of_the_api_are_those_that_the_rules_ask_for():
    assert set(get_args(Topic)) == set(TOPICS)


def test_an_endpoint_is_made_changed_disabled_enabled_and_removed(app, receiver):
    made = app.post("/v1/webhooks", {"url": receiver.url("/a"), "events": ["DownloadsCounted"]})
    assert made.status == 201
    view = made.json()
    assert view["secret"].startswith("whsec_")
    path = f"/v1/webhooks/{view['id']}"
    assert made.headers["location"].endswith(path)
    shown = app.get(path)
    assert "secret" not in shown.json()
    assert (shown.json()["state"], shown.json()["reason"]) == ("enabled", None)
    assert app.patch(path, {"description": "ours"}).status == 428
    changed = app.patch(path, {"description": "ours"}, if_match=shown.etag)
    assert (changed.status, changed.json()["events"]) == (200, ["DownloadsCounted"])
    assert app.patch(path, {"description": "late"}, if_match=shown.etag).status == 412
    disabled = app.post(f"{path}/disable")
    assert (disabled.json()["state"], disabled.json()["reason"]) == ("disabled", "by_hand")
    assert app.post(f"{path}/ping").json()["code"] == "webhook-disabled"
    assert app.post(f"{path}/enable").json()["state"] == "enabled"
    assert [each["id"] for each in app.get("/v1/webhooks").json()["items"]] == [view["id"]]
    assert app.delete(path, if_match=app.get(path).etag).status == 204
    assert app.get(path).json()["code"] == "webhook-not-found"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://user:pw@example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "https://2130706433/",
        "https://example.com:8443/",
        "ftp://example.com/",
        "https://",
        "https://example.com/\r\nX: y",
        "javascript:alert(1)",
    ],
)
def test_an_address_that_nothing_is_sent_to_is_refused(app, url):
    answer = app.post("/v1/webhooks", {"url": url})
    assert answer.status == 422, answer.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "https://example.com/", "tenant": "other"},
        {"url": "https://example.com/", "events": ["Everything"]},
        {"url": "https://example.com/", "shows": ["show_1' OR"]},
        {"url": "https://example.com/", "description": "x" * 201},
        {"url": 7},
    ],
)
def test_a_body_that_makes_no_sense_is_refused(app, body):
    assert app.post("/v1/webhooks", body).status == 422


def test_a_ping_is_a_real_delivery_that_the_library_verifies(platform, app, receiver):
    made = app.post("/v1/webhooks", {"url": receiver.url("/ping")}).json()
    pinged = app.post(f"/v1/webhooks/{made['id']}/ping")
    assert (pinged.status, pinged.json()["status"]) == (202, "pending")
    sent(platform, receiver)
    [came] = receiver.at("/ping")
    assert came.verified(made["secret"])["type"] == "Ping"
    shown = app.get("/v1" + pinged.headers["location"].partition("/v1")[2]).json()
    assert (shown["status"], shown["last_status"], shown["tries"]) == ("delivered", 204, 1)
    assert json.loads(shown["body"])["data"]["webhook_id"] == made["id"]


def test_deliveries_are_listed_by_status_in_pages_and_replayed(platform, app, receiver):
    made = app.post("/v1/webhooks", {"url": receiver.url("/many")}).json()
    path = f"/v1/webhooks/{made['id']}"
    receiver.answers["/many"] = [Said(410)]
    for _ in range(5):
        app.post(f"{path}/ping")
    sent(platform, receiver)
    assert len(receiver.at("/many")) == 1
    assert app.get(path).json()["reason"] == "gone"
    seen, url = [], f"{path}/deliveries?limit=2"
    while url:
        page = app.get(url).json()
        seen += [each["id"] for each in page["items"]]
        url = page["next"] and f"{path}/deliveries?limit=2&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == 5
    [failed] = app.get(f"{path}/deliveries?status=failed").json()["items"]
    assert len(app.get(f"{path}/deliveries?status=held").json()["items"]) == 4
    one = f"{path}/deliveries/{failed['id']}/replay"
    assert app.post(one).json()["code"] == "webhook-disabled"
    app.post(f"{path}/enable")
    assert app.post(one).json()["status"] == "pending"
    replayed = app.post(f"{path}/replay", {"since": "2026-01-01T00:00:00Z"})
    assert (replayed.status, replayed.json()) == (202, {"replayed": 4, "more": False})
    sent(platform, receiver)
    assert len(receiver.at("/many")) == 6
    assert len(app.get(f"{path}/deliveries?status=delivered").json()["items"]) == 5


def test_a_rotated_secret_is_shown_once_and_the_old_one_ends_in_a_day(platform, app, receiver):
    made = app.post("/v1/webhooks", {"url": receiver.url("/rotated")}).json()
    path = f"/v1/webhooks/{made['id']}"
    rotated = app.post(f"{path}/rotate-secret").json()
    assert rotated["secret"] != made["secret"]
    assert rotated["old_secret_until"] is not None
    app.post(f"{path}/ping")
    sent(platform, receiver)
    [came] = receiver.at("/rotated")
    assert came.verified(made["secret"]) == came.verified(rotated["secret"])


def test_another_tenant_sees_and_touches_nothing(platform, app, receiver):
    made = app.post("/v1/webhooks", {"url": receiver.url("/mine")}).json()
    ping = app.post(f"/v1/webhooks/{made['id']}/ping").json()
    path = f"/v1/webhooks/{made['id']}"
    other = app.as_(a_principal(Role.OWNER, tenant="stranger"))
    asked = [
        other.get(path),
        other.patch(path, {"description": "x"}, if_match="*"),
        other.delete(path, if_match="*"),
        *(other.post(f"{path}/{each}") for each in ("ping", "enable", "disable", "rotate-secret")),
        other.post(f"{path}/replay", {"since": "2026-01-01T00:00:00Z"}),
        other.get(f"{path}/deliveries"),
        other.get(f"{path}/deliveries/{ping['id']}"),
        other.post(f"{path}/deliveries/{ping['id']}/replay"),
    ]
    assert {each.status for each in asked} == {404}
    assert other.get("/v1/webhooks").json()["items"] == []


def test_a_partner_manages_webhooks_and_a_sponsor_does_not(platform, receiver):
    partner = platform[2].as_(a_principal(Role.PARTNER, tenant="partnered"))
    assert partner.post("/v1/webhooks", {"url": receiver.url("/p")}).status == 201
    sponsor = platform[2].as_(a_principal(Role.SPONSOR, tenant="partnered"))
    assert sponsor.get("/v1/webhooks").status == 403
