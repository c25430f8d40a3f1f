"""Connections and the audit log through the API: who sees what, and no secret anywhere."""

import os
from datetime import UTC, datetime

import pytest

from tallycast.identity.audit.trail import AuditTrail
from tallycast.identity.model import Role
from tallycast.partners.connections.use_cases import routes
from tests.support.api import a_principal, api_platform
from tests.support.audited import a_deed
from tests.support.connected import put_secret
from tests.support.oauth_provider import oauth_provider


@pytest.fixture(scope="module")
def platform():
    with oauth_provider() as provider, api_platform(FETCH_ALLOW_LIST=provider.address) as made:
        assert os.environ["FETCH_ALLOW_LIST"] == provider.address
        put_secret(made[0], provider)
        routes._wired.cache_clear()
        yield made, provider
        routes._wired.cache_clear()


@pytest.fixture
def client(platform):
    return platform[0][1]


@pytest.fixture
def provider(platform):
    return platform[1]


def connect(client, provider):
    begun = client.post("/v1/connections", {"provider": "loopback", "label": "ours"})
    assert begun.status == 201, begun.text
    brought = provider.consent(begun.json()["authorization_url"])
    page = client.as_(None).get(
        f"/v1/connections/callback?state={brought['state']}&code={brought['code']}&iss=x"
    )
    return begun, brought, page


def test_an_account_is_connected_shown_and_removed(client, provider):
    begun, brought, page = connect(client, provider)
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Loopback is connected" in page.text
    assert "<b>acme</b>" in page.text
    location = begun.headers["location"].removeprefix("https://api.example/live")
    shown = client.get(location)
    assert shown.json()["state"] == "active"
    assert shown.json()["health"] == "ok"
    assert shown.json()["expires_at"] > datetime.now(UTC).isoformat()
    listed = client.get("/v1/connections").json()["items"]
    assert shown.json() in listed
    family = provider.families[-1]
    for answer in (begun, page, shown, client.get("/v1/connections"), client.get("/v1/audit")):
        assert [s for s in (*family.access, family.refresh, "s3cret") if s in answer.text] == []
    again = client.as_(None).get(
        f"/v1/connections/callback?state={brought['state']}&code={brought['code']}"
    )
    assert (again.status, again.json()["code"]) == (422, "bad-state")
    gone = client.delete(location)
    assert (gone.status, gone.json()["revoked_at_provider"]) == (200, True)
    assert client.get(location).status == 404


def test_the_redirect_address_is_the_apis_own(client, provider):
    connect(client, provider)
    [asked] = [each for each in provider.asked if each.get("grant_type") == "authorization_code"][
        -1:
    ]
    assert asked["redirect_uri"] == "https://api.example/live/v1/connections/callback"


def test_the_page_shows_nothing_that_came_with_the_address(client, provider):
    begun = client.post("/v1/connections", {"provider": "loopback"})
    state = provider.consent(begun.json()["authorization_url"])["state"]
    page = client.as_(None).get(
        f"/v1/connections/callback?state={state}&error=<script>alert(1)</script>"
    )
    assert page.status == 200
    assert "script" not in page.text
    assert "is not connected" in page.text


def test_what_can_be_connected_is_listed(client):
    assert client.get("/v1/connection-providers").json() == {
        "items": [{"name": "loopback", "title": "Loopback", "scopes": ["read"]}]
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"provider": "nobody"}, 404),
        ({"provider": "Loop Back"}, 422),
        ({"provider": "loopback", "client_id": "mine"}, 422),
        ({"provider": "loopback", "label": "x" * 101}, 422),
        ({}, 422),
    ],
)
def test_a_connection_that_makes_no_sense_is_refused(client, body, status):
    assert client.post("/v1/connections", body).status == status


@pytest.mark.parametrize("query", ["", "state=", "state=x", "state=x&code=y", "code=y"])
def test_a_way_back_that_is_none_is_refused(client, query):
    answer = client.as_(None).get(f"/v1/connections/callback?{query}")
    assert answer.status == 422


def test_another_tenant_sees_nothing_of_it(client, provider):
    begun, *_ = connect(client, provider)
    location = begun.headers["location"].removeprefix("https://api.example/live")
    other = client.as_(a_principal(tenant="other"))
    assert other.get(location).status == 404
    assert other.delete(location).status == 404
    assert other.post(f"{location}/reconnect").status == 404
    assert other.get("/v1/connections").json()["items"] == []


@pytest.mark.parametrize(
    "role", [Role.ANALYST, Role.SALES, Role.PRODUCER, Role.SPONSOR, Role.PARTNER]
)
def test_connections_are_for_owners_and_admins(client, role):
    who = client.as_(a_principal(role, sponsor_id="spo_1" if role is Role.SPONSOR else None))
    assert who.get("/v1/connections").status == 403
    assert who.post("/v1/connections", {"provider": "loopback"}).status == 403
    assert who.get("/v1/audit").status == 403


# ── the audit log ──


@pytest.fixture
def logged(platform):
    trail = AuditTrail(platform[0][0].core)
    tenant = f"t{datetime.now(UTC).timestamp():.6f}".replace(".", "")
    for number in range(5):
        moment = datetime(2026, 1, 5, 12, number, tzinfo=UTC)
        trail.commit(tenant, [], a_deed(number, action="key.create"), moment)
    return tenant


def test_an_owner_reads_the_log_newest_first_page_by_page(client, logged):
    owner = client.as_(a_principal(tenant=logged))
    numbers, url = [], "/v1/audit?limit=2"
    while url:
        page = owner.get(url).json()
        numbers += [entry["number"] for entry in page["items"]]
        url = page["next"] and f"/v1/audit?limit=2&cursor={page['next']}"
    assert numbers == [5, 4, 3, 2, 1]


def test_the_log_is_asked_by_who_what_whom_and_when(client, logged):
    owner = client.as_(a_principal(tenant=logged))

    def asked(query):
        return [entry["number"] for entry in owner.get(f"/v1/audit?{query}").json()["items"]]

    assert asked("target=cmp_3") == [4]
    assert asked("actor=usr_else") == []
    assert asked("action=key") == [5, 4, 3, 2, 1]
    assert asked("since=2026-01-05T12:01:00Z&until=2026-01-05T13:03:00%2B01:00") == [3, 2]
    for wrong in ("since=2026-01-05", "action=Key!", "cursor=MW5v", "cursor=x", "colour=red"):
        assert owner.get(f"/v1/audit?{wrong}").status in {400, 422}


def test_one_entry_is_shown_with_its_hashes(client, logged):
    owner = client.as_(a_principal(tenant=logged))
    first, second = (owner.get(f"/v1/audit/{n}").json() for n in (1, 2))
    assert second["before"] == first["hash"]
    assert first["before"] == "0" * 64
    for missing in ("6", "0", "x", "9" * 30):
        assert owner.get(f"/v1/audit/{missing}").status == 404


def test_an_admin_does_not_read_the_log(client, logged):
    assert client.as_(a_principal(Role.ADMIN, tenant=logged)).get("/v1/audit").status == 403
