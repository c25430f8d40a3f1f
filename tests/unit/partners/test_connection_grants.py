"""What is asked of a provider, and what its answers mean, whatever it answers."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.fetching import BlockedAddressError, FetchTimeoutError, Receipt
from tallycast.feeds.fetching.headers import Headers
from tallycast.kernel.errors import TallycastError
from tallycast.partners.connections import grants
from tallycast.partners.connections.grants import (
    BadAnswerError,
    ClientRefusedError,
    GrantRefusedError,
    ProviderUnavailableError,
)
from tallycast.partners.connections.invitations import BadStateError, State, read_state
from tallycast.partners.connections.providers import (
    PROVIDERS,
    BadProvidersError,
    ProviderNotFoundError,
    directory_of,
)
from tallycast.partners.connections.rules import pause_after, refresh_time
from tallycast.partners.connections.vault import Tokens

NOW = datetime(2026, 1, 5, tzinfo=UTC)
GOOD = {"access_token": "at", "token_type": "bearer", "expires_in": 60, "refresh_token": "rt2"}


def a_provider(**more):
    entry = {"client_id": "id", "client_secret": "secret", "token_url": "https://p.example/t"}
    entry |= {"authorize_url": "https://p.example/a", "revoke_url": "https://p.example/r"}
    return directory_of(json.dumps({"providers": {"p": entry | more}})).get("p")


def answering(status=200, body=b"", **headers):
    def send(parcel):
        send.parcels.append(parcel)
        fields = [(n.encode(), v.encode()) for n, v in headers.items()]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Receipt(status, Headers(fields), content, 0.1)

    send.parcels = []
    return send


def refreshed(send, **provider):
    return grants.refresh(a_provider(**provider), send, Tokens("at", "rt"), now=NOW)


def test_new_tokens_replace_the_old_ones():
    granted = refreshed(answering(body=GOOD))
    assert granted.tokens == Tokens("at", "rt2")
    assert granted.lifetime == timedelta(seconds=60)
    assert granted.scopes is None


def test_a_provider_that_gives_no_new_refresh_token_means_the_old_one():
    kept = {name: value for name, value in GOOD.items() if name != "refresh_token"}
    assert refreshed(answering(body=kept)).tokens == Tokens("at", "rt")


def test_a_life_that_is_not_told_is_the_providers_own_and_none_lasts_for_ever():
    told = {name: value for name, value in GOOD.items() if name != "expires_in"}
    assert refreshed(answering(body=told), access_seconds=600).lifetime.total_seconds() == 600
    for ever in (10**12, "315360000000"):
        life = refreshed(answering(body=GOOD | {"expires_in": ever})).lifetime
        assert life == timedelta(days=366)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
        b"null",
        b"[]",
        {},
        GOOD | {"access_token": ""},
        GOOD | {"access_token": None},
        GOOD | {"access_token": ["at"]},
        GOOD | {"access_token": "a\r\nX-Header: b"},
        GOOD | {"access_token": "a" * 8193},
        GOOD | {"refresh_token": "r" * 8193},
        GOOD | {"refresh_token": 5},
        GOOD | {"token_type": "mac"},
        GOOD | {"token_type": None},
        {name: value for name, value in GOOD.items() if name != "token_type"},
        GOOD | {"expires_in": -1},
        GOOD | {"expires_in": "soon"},
        GOOD | {"expires_in": float("nan")},
        GOOD | {"scope": "s" * 5000},
    ],
)
def test_an_answer_that_is_none_is_refused_and_repeats_nothing_of_itself(body):
    with pytest.raises(BadAnswerError) as refused:
        refreshed(answering(body=body))
    assert "rt2" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@given(st.binary(max_size=200), st.integers(100, 599))
def test_whatever_comes_is_an_error_of_ours(body, status):
    with pytest.raises(TallycastError):
        refreshed(answering(status, body))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"error": "invalid_grant"}, GrantRefusedError),
        (401, {"error": "invalid_grant"}, GrantRefusedError),
        (401, {"error": "invalid_client"}, ClientRefusedError),
        (400, {"error": "unsupported_grant_type"}, ClientRefusedError),
        (400, {"error": {"code": 1}}, BadAnswerError),
        (400, {"error": "a\nb"}, BadAnswerError),
        (403, b"forbidden", BadAnswerError),
        (204, b"", BadAnswerError),
        (302, b"", BadAnswerError),
        (429, b"", ProviderUnavailableError),
        (500, {"error": "invalid_grant"}, ProviderUnavailableError),
        (503, b"", ProviderUnavailableError),
    ],
)
def test_a_refusal_has_the_name_of_what_helps(status, body, error):
    with pytest.raises(error) as refused:
        refreshed(answering(status, body))
    assert type(refused.value) is error


def test_a_provider_may_ask_to_be_left_alone():
    with pytest.raises(ProviderUnavailableError) as refused:
        refreshed(answering(429, b"", **{"retry-after": "120"}))
    assert refused.value.retry_after == 120


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (FetchTimeoutError("slow"), ProviderUnavailableError),
        (BlockedAddressError("inside"), BadAnswerError),
    ],
)
def test_what_goes_wrong_on_the_way_is_told_without_what_was_sent(failure, error):
    def send(_):
        raise failure

    with pytest.raises(error) as refused:
        refreshed(send)
    assert "rt" not in refused.value.message.split()


def test_a_client_shows_its_secret_in_a_header_or_in_the_body_and_never_in_both():
    for auth in ("basic", "post"):
        send = answering(body=GOOD)
        refreshed(send, client_auth=auth, client_id="a b", client_secret="s:&")
        [parcel] = send.parcels
        form = parse_qs(parcel.body.decode())
        assert form["refresh_token"] == ["rt"]
        assert ("Authorization" in dict(parcel.headers)) == (auth == "basic")
        assert ("client_secret" in form) == (auth == "post")
    assert form["client_secret"] == ["s:&"]


def test_the_way_to_the_provider_carries_the_challenge_and_not_the_verifier():
    provider = a_provider(parameters={"prompt": "consent"}, scopes=["a", "b"])
    url = grants.authorization_url(
        provider, redirect_uri="https://us.example/cb?x=1", state="st", verifier="v" * 43
    )
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge"] == [create_s256_code_challenge("v" * 43)]
    assert asked["scope"] == ["a b"]
    assert asked["redirect_uri"] == ["https://us.example/cb?x=1"]
    assert asked["prompt"] == ["consent"]
    assert "v" * 43 not in url
    without = grants.authorization_url(provider, redirect_uri="x", state="st", verifier=None)
    assert "code_challenge" not in without


def test_the_challenge_is_that_of_the_standards_own_example():
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
    assert grants.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


# ── providers ──


def test_those_that_are_built_in_need_nothing_but_a_client():
    said = {"spotify": {"client_id": "a"}, "google": {"client_id": "b", "client_secret": "c"}}
    made = directory_of(json.dumps({"providers": said}))
    assert sorted(each.name for each in made.usable) == ["google", "spotify"]
    assert made.get("google").revoke_url == "https://oauth2.googleapis.com/revoke"
    assert all(each.pkce for each in PROVIDERS.values())
    with pytest.raises(ProviderNotFoundError, match="google, spotify"):
        made.get("hosting")


def test_a_provider_never_shows_its_secret():
    assert "secret" not in repr(a_provider()).replace("client_secret", "")


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "[]",
        "{",
        '{"providers": {"p": 5}}',
        '{"providers": {"p": {"pkce": "s3cret"}}}',
    ],
)
def test_a_secret_that_cannot_be_read_is_refused_without_its_values(secret):
    with pytest.raises(BadProvidersError) as refused:
        directory_of(secret)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__suppress_context__


# ── state, times ──


def test_a_state_comes_back_as_it_went():
    state = State("acme", "con_1", "secret")
    assert read_state(state.text) == state
    assert "secret" not in repr(state)


@given(st.text(max_size=500))
def test_a_state_that_is_none_is_refused(text):
    try:
        state = read_state(text)
    except BadStateError:
        return
    assert read_state(state.text) == state


@given(st.integers(60, 10**7))
def test_a_token_is_refreshed_while_it_is_good(seconds):
    life = timedelta(seconds=seconds)
    assert NOW + life / 2 < refresh_time(NOW, life) < NOW + life


@given(st.integers(1, 10**6), st.none() | st.floats(0, 10**9))
def test_pauses_grow_up_to_an_hour(failures, asked):
    pause = pause_after(failures, asked)
    assert timedelta(seconds=30) <= pause <= timedelta(hours=1)
    assert pause <= pause_after(failures + 1, asked)
