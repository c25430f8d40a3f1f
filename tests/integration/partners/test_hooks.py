"""Webhooks in: verified at the door, promised, stored once; hostile requests are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from tallycast.aws import clients
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.identity.model import Role
from tests.support.api import a_principal, api_platform
from tests.support.functions import forget_use_cases, function

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type": "invoice.paid", "id": "evt_1"}'


@pytest.fixture(scope="module")
def platform():
    with api_platform(FETCH_ALLOW_LIST="") as made:
        forget_use_cases()
        yield made
    forget_use_cases()


@pytest.fixture
def partner(platform, request):
    tenant = f"h-{abs(hash(request.node.name))}"
    empty(platform)
    return platform[2].as_(a_principal(Role.PARTNER, tenant=tenant))


@pytest.fixture
def nobody(platform):
    """A provider: it has no credential but its signature."""
    return platform[2].as_(None)


def empty(platform):
    while got := queued(platform):
        for message in got:
            delete(platform, message)


def queued(platform):
    url = platform[0].outputs["HookMessagesUrl"]
    return clients.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])


def delete(platform, message):
    url = platform[0].outputs["HookMessagesUrl"]
    clients.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def a_hook(partner, scheme, secret=SECRET):
    made = partner.post("/v1/hooks", {"name": scheme, "scheme": scheme, "secret": secret})
    assert made.status == 201, made.text
    return made.json()


def standard(body=BODY, secret=SECRET, message_id="msg_1", at=None):
    moment = at or datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, moment, body.decode("latin-1"))
        if not isinstance(body, bytes)
        else signed(body, secret, message_id, moment),
    }


def signed(body, secret, message_id, moment):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{message_id}.{int(moment.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def digest(body, secret=SECRET):
    return hmac.new(secret.encode(), body, hashlib.sha256)


def headers_of(scheme, body=BODY, number=1, secret=SECRET):
    """What an honest provider sends with a body."""
    if scheme == "standard":
        return standard(body, secret, f"msg_{number}")
    if scheme == "github":
        return {
            "x-hub-signature-256": f"sha256={digest(body, secret).hexdigest()}",
            "x-github-delivery": f"guid-{number}",
            "x-github-event": "push",
        }
    if scheme == "stripe":
        stamp = int(datetime.now(UTC).timestamp())
        mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
        return {"stripe-signature": f"t={stamp},v1={mac.hexdigest()},v0=00"}
    return {
        "x-shopify-hmac-sha256": base64.b64encode(digest(body, secret).digest()).decode(),
        "x-shopify-webhook-id": f"shop-{number}",
        "x-shopify-topic": "orders/create",
    }


def call(nobody, hook, body=BODY, **headers):
    sent = {"content-type": "application/json", **headers}
    return nobody.send("POST", f"/v1/hooks/{hook['id']}", raw=body, headers=sent)


def take(platform, *, twice=False):
    """What `take_hook` makes of the queue; its answers' outcomes and what it told the bus."""
    outputs = platform[0].outputs
    environment = {
        "DELIVERIES_TABLE": outputs["DeliveriesTable"],
        "HOOKS_BUCKET": outputs["HooksBucket"],
        "IDEMPOTENCY_TABLE": outputs["IdempotencyTable"],
        "EVENT_BUS": outputs["EventBusName"],
        "POWERTOOLS_SERVICE_NAME": "take_hook",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    with function("take_hook", environment) as made:
        while got := queued(platform):
            for message in got:
                for _ in range(2 if twice else 1):
                    assert made({"Records": [record(message)]}) == {"batchItemFailures": []}
                delete(platform, message)
    return [line["outcome"] for line in made.logs if line.get("message") == "taken"]


def record(message):
    return {
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
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:messages",
        "awsRegion": "eu-central-1",
    }


SCHEMES = ("standard", "github", "stripe", "shopify")
TYPES = {"standard": "invoice.paid", "github": "push", "stripe": "invoice.paid",
         "shopify": "orders/create"}  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signed_message_is_promised_stored_once_and_told(platform, partner, nobody, scheme):
    hook = a_hook(partner, scheme)
    answers = [call(nobody, hook, **headers_of(scheme)) for _ in range(3)]
    assert [each.status for each in answers] == [202, 202, 202]
    assert [each.json()["duplicate"] for each in answers] == [False, True, True]
    assert len({each.json()["id"] for each in answers}) == 1
    assert take(platform, twice=True) == ["stored", "deduplicated"]
    [message] = partner.get(f"/v1/hooks/{hook['id']}/messages").json()["items"]
    assert (message["status"], message["type"]) == ("stored", TYPES[scheme])
    bucket = platform[0].outputs["HooksBucket"]
    key = f"hooks/{partner.principal.tenant}/{hook['id']}/{message['id']}"
    assert boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == BODY


@pytest.mark.parametrize("scheme", SCHEMES)
def test_another_secret_body_or_scheme_is_refused(platform, partner, nobody, scheme):
    hook = a_hook(partner, scheme)
    other = SECRET.replace("MfKQ", "AAAA")
    asked = [
        call(nobody, hook, **headers_of(scheme, secret=other)),
        call(nobody, hook, BODY + b" ", **headers_of(scheme)),
    ]
    assert [(each.status, each.json()["code"]) for each in asked] == [
        (401, "hook-signature-wrong")
    ] * 2
    for foreign in SCHEMES:
        if foreign != scheme:
            answer = call(nobody, hook, **headers_of(foreign))
            assert (answer.status, answer.json()["code"]) == (400, "hook-signature-malformed")
    assert queued(platform) == []


HOSTILE = {
    "standard": [
        {},
        {"webhook-id": "", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,%%%"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1,AAAA,BBBB"},
        {"webhook-signature": "v1a,AAAA"},
        {"webhook-signature": " ".join(["v1,AAAA"] * 21)},
        {"webhook-signature": "v1," + "A" * 100_000},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-id": "x" * 201},
        {"webhook-id": "a b"},
    ],
    "github": [
        {},
        {"x-hub-signature-256": "sha1=00"},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": "sha256=zz"},
        {"x-hub-signature-256": "sha256=" + "g" * 64},
        {"x-hub-signature-256": "sha256=" + "0" * 63},
        {"x-hub-signature-256": "0" * 64},
    ],
    "stripe": [
        {},
        {"stripe-signature": "t=1"},
        {"stripe-signature": "v1=00"},
        {"stripe-signature": ","},
        {"stripe-signature": "t=,v1=" + "0" * 64},
        {"stripe-signature": "t=1,t=2,v1=" + "0" * 64},
        {"stripe-signature": "t=1,v1=xyz"},
        {"stripe-signature": "=" * 50},
    ],
    "shopify": [
        {},
        {"x-shopify-hmac-sha256": "***"},
        {"x-shopify-hmac-sha256": "é"},
        {"x-shopify-hmac-sha256": "A"},
    ],
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_malformed_header_is_answered_400_or_401(platform, partner, nobody, scheme):
    hook = a_hook(partner, scheme)
    for hostile in HOSTILE[scheme]:
        headers = {**(headers_of(scheme) if hostile else {}), **hostile}
        answer = call(nobody, hook, **headers)
        assert answer.status in {400, 401}, (hostile, answer.text)
    assert queued(platform) == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_header_whatever_leads_to_an_error_of_ours(platform, partner, nobody, data):
    scheme = data.draw(st.sampled_from(SCHEMES))
    hook = _hook_of(partner, scheme)
    text = st.text(st.characters(max_codepoint=255), max_size=80) | st.sampled_from(
        ["v1,", "t=1,v1=", "sha256=", "=", ",", "v1,AAAA v1,", "\x00", " "]
    )
    headers = {name: data.draw(text) for name in headers_of(scheme)}
    answer = call(nobody, hook, data.draw(st.binary(max_size=50)), **headers)
    assert answer.status in {400, 401}


_hooks: dict[tuple[str, str], dict] = {}


def _hook_of(partner, scheme):
    place = (partner.principal.tenant, scheme)
    if place not in _hooks:
        _hooks[place] = a_hook(partner, scheme)
    return _hooks[place]


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_early_message_is_refused(partner, nobody, minutes):
    hook = a_hook(partner, "standard")
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    assert call(nobody, hook, **standard(at=at)).status == 401
    near = datetime.now(UTC) + timedelta(minutes=minutes * 2 / 3)
    assert call(nobody, hook, **standard(at=near)).status == 202


def test_what_cannot_be_read_is_quarantined_and_what_is_unknown_is_kept(platform, partner, nobody):
    hook = a_hook(partner, "github")
    bodies = {
        b"{": ("quarantined", "application/json"),
        b"\xff\xfe": ("quarantined", "application/json"),
        b"[" * 100_000: ("quarantined", "application/json"),
        b"": ("quarantined", "application/json"),
        b"[1]": ("stored", "application/json"),
        b'{"type": "never.heard.of"}': ("stored", "application/vnd.x+json"),
        b"\x00\x01binary": ("stored", "application/octet-stream"),
        b"payload=%7B%7D": ("stored", "application/x-www-form-urlencoded"),
        b"<xml/>": ("stored", "text/xml"),
    }
    for number, (body, (_, kind)) in enumerate(bodies.items()):
        sent = {**headers_of("github", body, number), "content-type": kind}
        assert call(nobody, hook, body, **sent).status == 202
    outcomes = take(platform)
    assert sorted(outcomes) == ["quarantined"] * 4 + ["stored"] * 5
    listed = partner.get(f"/v1/hooks/{hook['id']}/messages?status=quarantined").json()["items"]
    assert len(listed) == 4
    assert all(each["reason"].startswith("the body is no JSON") for each in listed)


def test_without_an_id_the_body_tells_repetitions(platform, partner, nobody):
    hook = a_hook(partner, "github")
    headers = headers_of("github")
    del headers["x-github-delivery"]
    first, again = call(nobody, hook, **headers), call(nobody, hook, **headers)
    assert (first.json()["duplicate"], again.json()["duplicate"]) == (False, True)
    other = headers_of("github", b"{}")
    del other["x-github-delivery"]
    assert call(nobody, hook, b"{}", **other).json()["duplicate"] is False
    assert take(platform) == ["stored", "stored"]


def test_the_same_body_under_two_ids_is_two_messages(platform, partner, nobody):
    hook = a_hook(partner, "shopify")
    for number in (1, 2):
        call(nobody, hook, **headers_of("shopify", number=number))
    assert take(platform) == ["stored", "stored"]


def test_a_message_that_was_not_queued_is_not_promised_and_comes_again(
    platform, partner, nobody, monkeypatch
):
    from tallycast.partners.use_cases.hook_routes import door

    hook = a_hook(partner, "standard")

    def refuse(_):
        raise ServiceUnavailableError("no")

    with monkeypatch.context() as patched:
        patched.setattr(door().queue, "put", refuse)
        assert call(nobody, hook, **headers_of("standard")).status == 503
    again = call(nobody, hook, **headers_of("standard"))
    assert (again.status, again.json()["duplicate"]) == (202, False)
    assert take(platform) == ["stored"]


def test_a_door_that_dies_after_queueing_leads_to_one_stored_message(
    platform, partner, nobody, monkeypatch
):
    from tallycast.partners.use_cases.hook_routes import door

    hook = a_hook(partner, "standard")

    def die(_):
        raise ServiceUnavailableError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(door().messages, "remember", die)
        assert call(nobody, hook, **headers_of("standard")).status == 503
    assert call(nobody, hook, **headers_of("standard")).status == 202
    assert take(platform) == ["stored", "deduplicated"]


def test_two_secrets_are_taken_for_a_day(partner, nobody):
    hook = a_hook(partner, "github", "an-old-secret")
    rotated = partner.post(f"/v1/hooks/{hook['id']}/rotate-secret", {"secret": "a-new-secret"})
    assert (rotated.status, rotated.json()["secret"]) == (200, "a-new-secret")
    for number, secret in enumerate(("an-old-secret", "a-new-secret")):
        headers = headers_of("github", number=number, secret=secret)
        assert call(nobody, hook, **headers).status == 202
    partner.post(f"/v1/hooks/{hook['id']}/rotate-secret", {})
    assert call(nobody, hook, **headers_of("github", secret="an-old-secret")).status == 401
    assert call(nobody, hook, **headers_of("github", secret="a-new-secret")).status == 202


def test_a_hook_that_is_unknown_disabled_or_removed_takes_nothing(platform, partner, nobody):
    hook = a_hook(partner, "standard")
    path = f"/v1/hooks/{hook['id']}"
    assert call(nobody, {"id": "hook_none"}, **headers_of("standard")).status == 404
    partner.patch(path, {"enabled": False}, if_match="*")
    assert call(nobody, hook, **headers_of("standard")).status == 404
    partner.patch(path, {"enabled": True}, if_match="*")
    assert call(nobody, hook, **headers_of("standard")).status == 202
    assert partner.delete(path, if_match="*").status == 204
    assert call(nobody, hook, **headers_of("standard")).status == 404
    assert partner.get(path).status == 404


def test_a_secret_that_the_scheme_cannot_use_is_refused_and_one_is_made_when_none_is_given(partner):
    bad = partner.post("/v1/hooks", {"name": "x", "scheme": "standard", "secret": "whsec_short"})
    assert (bad.status, bad.json()["code"]) == (422, "bad-secret")
    made = partner.post("/v1/hooks", {"name": "x", "scheme": "github"}).json()
    assert made["secret"].startswith("whsec_")
    assert "secret" not in partner.get(f"/v1/hooks/{made['id']}").json()


def test_another_tenant_sees_no_hook_and_no_message(platform, partner, nobody):
    hook = a_hook(partner, "standard")
    message = call(nobody, hook, **headers_of("standard")).json()
    other = partner.as_(a_principal(Role.OWNER, tenant="stranger"))
    path = f"/v1/hooks/{hook['id']}"
    asked = [
        other.get(path),
        other.patch(path, {"name": "x"}, if_match="*"),
        other.delete(path, if_match="*"),
        other.post(f"{path}/rotate-secret", {}),
        other.get(f"{path}/messages"),
        other.get(f"{path}/messages/{message['id']}"),
    ]
    assert {each.status for each in asked} == {404}
    assert json.dumps(other.get("/v1/hooks").json()["items"]) == "[]"
