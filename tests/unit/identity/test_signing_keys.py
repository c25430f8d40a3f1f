"""The user pool's keys are fetched when they are needed, and not whenever somebody likes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.identity.tokens.keys import KeyStore, jwks_of, signing_keys
from tests.support.tokens import NOW, Pool, a_key, jwks

DOWN = ServiceUnavailableError("the pool does not answer")


def test_keys_are_fetched_once_and_kept():
    pool = Pool()
    store = KeyStore(pool.fetch)
    for second in range(100):
        assert store.get("ours", NOW + timedelta(seconds=second)) is not None
    assert pool.fetches == 1


def test_made_up_key_ids_cause_one_fetch_a_minute():
    pool = Pool()
    store = KeyStore(pool.fetch)
    for second in range(180):
        assert store.get(f"made up {second}", NOW + timedelta(seconds=second)) is None
    assert pool.fetches == 3


def test_a_new_key_of_the_pool_is_found():
    pool = Pool()
    store = KeyStore(pool.fetch)
    store.get("ours", NOW)
    pool.kids.append("next")
    assert store.get("next", NOW + timedelta(seconds=59)) is None
    assert store.get("next", NOW + timedelta(seconds=60)) is not None


def test_a_key_that_the_pool_has_dropped_is_dropped_within_an_hour():
    pool = Pool(kids=["ours", "old"])
    store = KeyStore(pool.fetch)
    assert store.get("old", NOW) is not None
    pool.kids.remove("old")
    assert store.get("old", NOW + timedelta(minutes=59)) is not None
    assert store.get("old", NOW + timedelta(minutes=60)) is None
    assert pool.fetches == 2


def test_known_keys_are_good_while_the_pool_is_down():
    pool = Pool()
    store = KeyStore(pool.fetch)
    store.get("ours", NOW)
    pool.error = DOWN
    later = NOW + timedelta(hours=2)
    assert store.get("ours", later) is not None
    assert store.get("ours", later + timedelta(seconds=30)) is not None
    assert pool.fetches == 2


def test_without_any_key_it_is_not_known_who_asks_and_the_next_request_tries_again():
    pool = Pool(error=DOWN)
    store = KeyStore(pool.fetch)
    with pytest.raises(ServiceUnavailableError):
        store.get("ours", NOW)
    pool.error = None
    assert store.get("ours", NOW) is not None


def test_only_signing_keys_of_our_algorithm_are_taken():
    ours = a_key("ours").as_dict(private=False)
    document = {
        "keys": [
            ours,
            {**ours, "kid": "for encryption", "use": "enc"},
            {**ours, "kid": "another algorithm", "alg": "RS512"},
            {"kty": "oct", "kid": "a shared secret", "k": "c2VjcmV0", "alg": "RS256", "use": "sig"},
        ]
    }
    assert set(signing_keys(json.dumps(document).encode())) == {"ours"}


@pytest.mark.parametrize(
    "document", [b"", b"<html>", b"[]", b'{"keys": 5}', b'{"keys": [{"kty": "RSA"}, 5]}', b"{}"]
)
def test_a_document_that_is_no_key_set_is_the_pools_failure(document):
    with pytest.raises(ServiceUnavailableError):
        signing_keys(document)


def test_private_halves_are_never_kept():
    private = json.dumps({"keys": [a_key("ours").as_dict(private=True)]}).encode()
    assert signing_keys(private)["ours"].is_private is False
    assert signing_keys(jwks("ours"))["ours"].is_private is False


@pytest.mark.enable_socket
def test_keys_are_fetched_where_the_local_cloud_stands_in_for_the_issuer():
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:9/pool_1/\.well-known"):
        jwks_of("https://cognito.example/pool_1", "http://127.0.0.1:9/")()
