"""User pools of the local cloud: rotation, revocation, and what the trigger is told."""

from __future__ import annotations

import asyncio
import base64
import copy
import inspect
import json
import os
from urllib.parse import urlencode

import pytest
from ministack import app
from ministack.services import cognito
from ministack.services.cloudformation import provisioners

from infra.local.bridge import user_pools
from infra.local.errors import EmulatorChangedError

PATCHED = (
    "_create_user_pool_client",
    "_update_user_pool_client",
    "_signed_jwt",
    "_build_pretoken_event",
    "_oauth2_token",
)
REDIRECT = "https://app.example/back"


@pytest.fixture
def pools(monkeypatch):
    """MiniStack's Cognito, mended, in this process."""
    for name in PATCHED:
        monkeypatch.setattr(cognito, name, getattr(cognito, name))
    monkeypatch.setattr(app, "_handle_cognito_body_request", app._handle_cognito_body_request)
    updatable = "_COGNITO_USER_POOL_CLIENT_UPDATABLE"
    monkeypatch.setattr(provisioners, updatable, dict(getattr(provisioners, updatable)))
    monkeypatch.setattr(app, "AUTH", True)
    monkeypatch.setenv("MINISTACK_COGNITO_PRETOKEN_STRICT", "")
    monkeypatch.setattr(user_pools, "check", lambda: None)
    user_pools.apply()
    yield cognito
    cognito.reset()


@pytest.fixture
def clock(monkeypatch):
    """Seconds that only a test lets pass."""
    now = [1_800_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    return now


def answered(answer):
    status, _, body = answer
    assert status == 200, body
    return json.loads(body)


def a_client(pools, **settings):
    pool = answered(pools._create_user_pool({"PoolName": "p"}))["UserPool"]["Id"]
    made = answered(
        pools._create_user_pool_client(
            {
                "UserPoolId": pool,
                "ClientName": "c",
                "AllowedOAuthFlows": ["code"],
                "AllowedOAuthScopes": ["openid"],
                "CallbackURLs": [REDIRECT],
                **settings,
            }
        )
    )["UserPoolClient"]
    pools._admin_create_user({"UserPoolId": pool, "Username": "ann"})
    return pool, made["ClientId"]


ROTATED = {"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10}}


def signed_in(pools, pool, client):
    code = pools._issue_auth_code_redirect(client, pool, REDIRECT, "openid", "ann", "", "", "", "")[
        1
    ]["Location"].partition("code=")[2]
    return token(
        pools,
        grant_type="authorization_code",
        code=code,
        redirect_uri=REDIRECT,
        client_id=client,
    )


def token(pools, **form):
    status, _, body = pools._oauth2_token({}, {}, urlencode(form).encode(), {})
    said = json.loads(body)
    return said if status == 200 else said["error"]


def refreshed(pools, client, refresh_token):
    return token(pools, grant_type="refresh_token", client_id=client, refresh_token=refresh_token)


def claims(text):
    part = text.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_client_that_rotates_gets_a_new_refresh_token_each_time(pools, clock):
    pool, client = a_client(pools, **ROTATED)
    tokens = [signed_in(pools, pool, client)["refresh_token"]]
    for _ in range(3):
        clock[0] += 60
        tokens.append(refreshed(pools, client, tokens[-1])["refresh_token"])
    assert len(set(tokens)) == 4
    clock[0] += 60
    assert [refreshed(pools, client, each) for each in tokens[:-1]] == ["invalid_grant"] * 3


def test_the_token_before_is_good_for_the_grace_period_and_no_longer(pools, clock):
    pool, client = a_client(pools, **ROTATED)
    first = signed_in(pools, pool, client)["refresh_token"]
    assert refreshed(pools, client, first)["refresh_token"] != first
    clock[0] += 9
    assert refreshed(pools, client, first)["access_token"]
    clock[0] += 2  # the repetition has not prolonged it
    assert refreshed(pools, client, first) == "invalid_grant"


def test_a_client_that_does_not_rotate_keeps_its_refresh_token(pools):
    pool, client = a_client(pools)
    first = signed_in(pools, pool, client)["refresh_token"]
    assert "refresh_token" not in refreshed(pools, client, first)
    assert refreshed(pools, client, first)["access_token"]


def test_a_refresh_token_is_good_for_its_own_client_alone(pools):
    pool, client = a_client(pools, **ROTATED)
    other = a_client(pools)[1]
    first = signed_in(pools, pool, client)["refresh_token"]
    assert refreshed(pools, other, first) == "invalid_grant"


def test_rotation_is_kept_when_a_client_is_changed(pools):
    pool, client = a_client(pools)
    pools._update_user_pool_client({"UserPoolId": pool, "ClientId": client, **ROTATED})
    pools._update_user_pool_client({"UserPoolId": pool, "ClientId": client, "ClientName": "d"})
    kept = copy.deepcopy(pools._user_pools[pool]["_clients"][client])
    assert kept["RefreshTokenRotation"] == ROTATED["RefreshTokenRotation"]


def test_the_time_of_the_sign_in_stays_through_refreshes(pools, clock):
    pool, client = a_client(pools, **ROTATED)
    first = signed_in(pools, pool, client)
    began = claims(first["access_token"])["auth_time"]
    clock[0] += 600
    second = claims(refreshed(pools, client, first["refresh_token"])["access_token"])
    assert (second["auth_time"], second["iat"]) == (began, began + 600)


def revoke(client, text, **more):
    body = urlencode({"token": text, "client_id": client, **more}).encode()
    return asyncio.run(app._handle_cognito_body_request("POST", "/oauth2/revoke", {}, body, {}))


def test_revoking_a_refresh_token_ends_it_and_its_successors(pools):
    pool, client = a_client(pools, **ROTATED)
    first = signed_in(pools, pool, client)["refresh_token"]
    second = refreshed(pools, client, first)["refresh_token"]
    assert revoke(client, first)[0] == 200
    assert refreshed(pools, client, first) == "invalid_grant"
    assert refreshed(pools, client, second) == "invalid_grant"


def test_revoking_what_is_none_or_anothers_changes_nothing(pools):
    pool, client = a_client(pools, **ROTATED)
    other = a_client(pools)[1]
    first = signed_in(pools, pool, client)
    assert revoke(client, "no token")[0] == 200
    assert revoke(other, first["refresh_token"])[0] == 200
    for answer, error in (
        (revoke(client, first["access_token"]), "unsupported_token_type"),
        (revoke("nobody", first["refresh_token"]), "invalid_client"),
        (revoke(client, ""), "invalid_request"),
    ):
        assert (answer[0], json.loads(answer[2])["error"]) == (400, error)
    assert refreshed(pools, client, first["refresh_token"])["access_token"]


def test_answers_share_no_headers(pools):
    """MiniStack writes each answer's length into its headers."""
    client = a_client(pools)[1]
    first = revoke(client, "x")
    first[1]["Content-Length"] = "99"
    assert "Content-Length" not in revoke(client, "x")[1]


def test_the_trigger_is_told_of_the_user_at_a_refresh_and_must_not_fail(pools):
    pool, client = a_client(pools)
    event = pools._build_pretoken_event(
        pool_id=pool,
        client_id=client,
        username="ann",
        user_attrs={},
        groups=[],
        trigger_source="TokenGeneration_RefreshTokens",
        version="V2_0",
    )
    assert event["request"]["userAttributes"]["sub"]
    assert os.environ["MINISTACK_COGNITO_PRETOKEN_STRICT"] == "1"


def test_a_ministack_that_looks_otherwise_is_refused(monkeypatch):
    user_pools.check()
    monkeypatch.setattr(cognito, "_oauth2_token", lambda _: None)
    with pytest.raises(EmulatorChangedError):
        user_pools.check()
    monkeypatch.undo()
    rotating = {**provisioners._COGNITO_USER_POOL_CLIENT_UPDATABLE, "RefreshTokenRotation": {}}
    monkeypatch.setattr(provisioners, "_COGNITO_USER_POOL_CLIENT_UPDATABLE", rotating)
    with pytest.raises(EmulatorChangedError):
        user_pools.check()


def test_nothing_is_mended_that_needs_no_mending():
    """A MiniStack that serves revocation by itself would have a route for it."""
    assert "/oauth2/revoke" not in inspect.getsource(app)
