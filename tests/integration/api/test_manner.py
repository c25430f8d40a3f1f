"""What every route has in common: who asks, how often, once, and how it refuses."""

from __future__ import annotations

import pytest

from tallycast.identity.model import Role
from tests.support.api import a_principal, api_platform


@pytest.fixture(scope="module")
def platform():
    with api_platform() as made:
        yield made


@pytest.fixture
def client(platform):
    return platform[1]


def test_who_asks_is_shown_as_the_credential_says(client):
    answer = client.as_(a_principal(Role.ANALYST, tenant="other")).get("/v1/me")
    assert answer.status == 200
    assert answer.json()["tenant"] == "other"
    assert answer.json()["role"] == "analyst"
    assert answer.headers["x-request-id"].startswith("req-")
    assert answer.headers["ratelimit-limit"] == "400"


def test_nobody_is_refused_as_a_problem(client):
    answer = client.as_(None).get("/v1/me")
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"


def test_a_credential_without_the_scope_is_refused(client):
    answer = client.as_(a_principal(scopes=frozenset())).get("/v1/me")
    assert (answer.status, answer.json()["code"]) == (403, "scope-missing")


def test_an_unknown_query_parameter_is_refused(client):
    assert client.get("/v1/me?colour=red").status == 400


def test_a_browser_may_call_from_the_configured_origin_alone(client):
    asked = {"origin": "https://app.example"}
    answer = client.send("OPTIONS", "/v1/me", headers=asked)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    other = client.send("OPTIONS", "/v1/me", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_a_burst_is_exact_and_the_next_is_told_when_to_come_again(client):
    slow = client.as_(a_principal(plan="free", subject="usr_slow"))
    answers = [slow.get("/v1/me") for _ in range(60)]
    passed = [each for each in answers if each.status == 200]
    refused = [each for each in answers if each.status == 429]
    assert len(passed) + len(refused) == 60
    assert len(passed) >= 30
    assert refused
    assert int(refused[-1].headers["retry-after"]) >= 1
    assert refused[-1].json()["code"] == "rate-limit-exceeded"
