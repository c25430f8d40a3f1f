"""Webhooks out and in on the deployed platform: from an event to a signed POST, and the way back."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tallycast.identity.model import Role
from tests.e2e.house import a_house, a_key
from tests.support.cloud import call, wait_until
from tests.support.origin import feed, item
from tests.support.receiver import Said

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

SECONDS = 60
SCOPES = ["webhooks:read", "webhooks:write"]


@pytest.fixture(scope="module")
def partner(steady, new_tenant):
    """A tenant whose partner's system has a key for webhooks."""
    tenant = new_tenant(steady, "webhooks")
    house = a_house(steady, tenant.name)
    key = a_key(house, "partner", Role.PARTNER, SCOPES)
    return SimpleNamespace(
        tenant=tenant,
        door=house.door(key, partner=True),
        nobody=house.door("", partner=True).with_(None),
    )


def endpoint(partner, receiver, path, **facts):
    return partner.door.post("/v1/webhooks", {"url": receiver.url(path), **facts})


def came(receiver, path, number):
    """What came to a path, once it is so many; and no more."""
    wait_until(lambda: len(receiver.at(path)) >= number, SECONDS, f"{number} at {path}")
    assert len(receiver.at(path)) == number
    return receiver.at(path)


def test_new_episodes_are_told_once_each_signed_so_that_the_library_verifies(
    partner, receiver, host
):
    made = endpoint(partner, receiver, "/episodes", events=["EpisodePublished"])
    tenant = partner.tenant
    url = host.put(f"/{tenant.name}/feed.xml", feed([item(1), item(2)]))
    added = tenant.add(url)
    tenant.polled([added], added.created_at)
    told = [each.verified(made["secret"]) for each in came(receiver, "/episodes", 2)]
    assert {each["type"] for each in told} == {"EpisodePublished"}
    assert {each["data"]["guid"] for each in told} == {"guid-1", "guid-2"}
    assert {each["data"]["tenant"] for each in told} == {tenant.name}
    path = f"/v1/webhooks/{made['id']}/deliveries?status=delivered"
    wait_until(lambda: len(partner.door.get(path)["items"]) == 2, SECONDS, "two recorded")
    assert {each["message_id"] for each in partner.door.get(path)["items"]} == {
        each.id for each in receiver.at("/episodes")
    }


def test_a_failure_is_tried_again_under_the_same_id(partner, receiver):
    made = endpoint(partner, receiver, "/fails-once", events=["FeedRetired"])
    receiver.answers["/fails-once"] = [Said(500)]
    pinged = partner.door.post(f"/v1/webhooks/{made['id']}/ping")
    first, second = came(receiver, "/fails-once", 2)
    assert first.id == second.id == pinged["message_id"]
    assert first.verified(made["secret"]) == second.verified(made["secret"])
    path = f"/v1/webhooks/{made['id']}/deliveries/{pinged['id']}"
    wait_until(lambda: partner.door.get(path)["status"] == "delivered", SECONDS, "it is recorded")
    assert [each["status"] for each in partner.door.get(path)["attempts"]] == [500, 204]


def test_410_disables_and_the_tenants_other_endpoint_is_told(partner, receiver):
    other = endpoint(partner, receiver, "/notices", events=["WebhookEndpointDisabled"])
    made = endpoint(partner, receiver, "/gone", events=["FeedRetired"])
    receiver.answers["/gone"] = [Said(410)]
    partner.door.post(f"/v1/webhooks/{made['id']}/ping")
    [notice] = came(receiver, "/notices", 1)
    data = notice.verified(other["secret"])["data"]
    assert (data["webhook_id"], data["reason"]) == (made["id"], "gone")
    shown = partner.door.get(f"/v1/webhooks/{made['id']}")
    assert (shown["state"], shown["reason"]) == ("disabled", "gone")
    refused = partner.door.send(
        "POST", f"/v1/webhooks/{made['id']}/ping", headers={"Idempotency-Key": "one"}
    )
    assert (refused.status, refused.json()["code"]) == (409, "webhook-disabled")
    assert len(receiver.at("/gone")) == 1


def test_the_tick_runs_under_its_role(steady, partner):
    now = datetime.now(UTC).isoformat()
    answer, failed = call(steady, "RequeueWebhooks", {"scheduled_time": now})
    assert not failed, answer
    assert set(answer) == {"handed_over", "backlog"}


def test_a_providers_message_is_stored_once(partner):
    secret = "a-providers-secret"
    hook = partner.door.post("/v1/hooks", {"name": "git", "scheme": "github", "secret": secret})
    body = json.dumps({"action": "opened", "title": "ü"}).encode()

    def send(content=body, key=secret, **more):
        digest = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={digest}",
            "X-GitHub-Delivery": "guid-1",
            "X-GitHub-Event": "pull_request",
            **more,
        }
        return partner.nobody.send("POST", hook["path"], raw=content, headers=headers)

    answers = [send() for _ in range(3)]
    assert [each.status for each in answers] == [202] * 3, answers
    assert [each.json()["duplicate"] for each in answers] == [False, True, True]
    assert send(key="another").status == 401
    assert send(**{"X-Hub-Signature-256": "sha256=?"}).status == 400
    path = f"/v1/hooks/{hook['id']}/messages?status=stored"
    wait_until(lambda: partner.door.get(path)["items"], SECONDS, "the message is stored")
    [message] = partner.door.get(f"/v1/hooks/{hook['id']}/messages")["items"]
    assert (message["type"], message["size"]) == ("pull_request", len(body))
