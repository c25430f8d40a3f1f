"""Connections on the deployed platform, with a provider whose refresh tokens are good for one use."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from tallycast.kernel.times import to_text
from tests.e2e.conftest import deployed
from tests.e2e.house import a_house
from tests.support.cloud import call, take, wait_until
from tests.support.oauth_provider import oauth_provider

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

TENANT = "connected"
WORKERS = 4


@pytest.fixture(scope="module")
def provider():
    with oauth_provider() as running:
        yield running


@pytest.fixture(scope="module")
def cloud(provider):
    with deployed(FetchAllowList=provider.address) as running:
        running.client("secretsmanager").put_secret_value(
            SecretId=running.outputs["ConnectionsSecret"],
            SecretString=json.dumps({"providers": {"loopback": provider.entry()}}),
        )
        yield running


@pytest.fixture(scope="module")
def house(cloud):
    return a_house(cloud, TENANT)


def connected(house, provider):
    """The address of an active connection, made as a person makes it."""
    door = house.door()
    begun = door.send("POST", "/v1/connections", {"provider": "loopback"}, headers=a_key())
    assert begun.status == 201, begun.text
    made = begun.json()
    brought = provider.consent(made["authorization_url"])
    page = house.door("").send("GET", f"/v1/connections/callback?{urlencode(brought)}")
    assert page.status == 200
    assert "Loopback is connected" in page.text
    return f"/v1/connections/{made['connection']['id']}"


def a_key():
    return {"Idempotency-Key": f"{datetime.now(UTC).timestamp()}"}


def make_due(cloud, address):
    """As if the access token were to end now."""
    table = cloud.table(cloud.outputs["CoreTable"])
    key = {"pk": f"TENANT#{TENANT}#CONNECTION#{address.rpartition('/')[2]}", "sk": "CONNECTION"}
    item = table.get_item(Key=key)["Item"]
    past = datetime.now(UTC) - timedelta(minutes=1)
    document = json.loads(item["document"]) | {"refresh_at": past.isoformat()}
    table.put_item(Item={**item, "document": json.dumps(document), "due_at": to_text(past)})


def refreshes(provider):
    return [each for each in provider.asked if each.get("grant_type") == "refresh_token"]


def test_an_account_is_connected_refreshed_once_by_many_and_removed(cloud, house, provider):
    address = connected(house, provider)
    shown = house.door().send("GET", address).json()
    assert (shown["state"], shown["health"]) == ("active", "ok")
    make_due(cloud, address)
    before = len(refreshes(provider))
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(lambda _: call(cloud, "RefreshConnections", {}), range(WORKERS)))
    assert [failed for _, failed in answers] == [False] * WORKERS
    assert sum(answer.get("refreshed", 0) for answer, _ in answers) == 1
    assert len(refreshes(provider)) == before + 1
    [family] = provider.families
    assert not family.ended
    again = house.door().send("GET", address).json()
    assert again["refreshed_at"] > shown["refreshed_at"]
    everything = str(cloud.table(cloud.outputs["CoreTable"]).scan()["Items"])
    assert [each for each in (*family.access, family.refresh) if each in everything] == []
    gone = house.door().send("DELETE", address)
    assert (gone.status, gone.json()["revoked_at_provider"]) == (200, True)
    assert family.ended
    assert house.door().send("GET", address).status == 404


def test_a_grant_that_ended_is_shown_and_told(cloud, house, provider):
    address = connected(house, provider)
    provider.families[-1].ended = True
    heard = an_ear(cloud)
    make_due(cloud, address)
    answer, failed = call(cloud, "RefreshConnections", {})
    assert (answer, failed) == ({"broken": 1}, False)
    shown = house.door().send("GET", address).json()
    assert (shown["state"], shown["health"]) == ("needs_reconnect", "broken")
    [event] = wait_until(lambda: take(cloud, heard), 20, "the event of the broken connection")
    assert event["detail-type"] == "ConnectionBroken"
    assert event["detail"]["connection_id"] == address.rpartition("/")[2]


def an_ear(cloud):
    """A queue that hears of broken connections."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="broken-connections")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    bus = cloud.outputs["EventBusName"]
    pattern = json.dumps({"detail-type": ["ConnectionBroken"]})
    events.put_rule(Name="broken", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="broken", EventBusName=bus, Targets=[{"Id": "ear", "Arn": arn}])
    return url
