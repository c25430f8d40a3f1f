"""A token is ours, or it is refused, whatever somebody writes into it."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from tallycast.identity.tokens.access import LONGEST, TokenRefusedError, verified
from tallycast.identity.tokens.keys import KeyStore
from tests.support.tokens import APP_CLIENT, ISSUER, NOW, Pool, a_key, b64, claims, signed

SECOND = int(NOW.timestamp())


def read(token, pool=None, now=NOW):
    return verified(token, KeyStore((pool or Pool()).fetch), ISSUER, now)


def test_a_token_of_a_person_says_who_and_in_which_tenant():
    token = read(signed())
    assert token.subject == claims()["sub"]
    assert (token.client_id, token.tenant) == (APP_CLIENT, "acme")
    assert token.signed_in_at == SECOND - 60
    assert token.scopes == frozenset()  # a person's follow from the role


def test_a_token_of_a_machine_says_its_scopes_without_the_servers_name():
    said = claims(scope="tallycast/shows:read other/shows:write tallycast/campaigns:read openid")
    assert read(signed(said)).scopes == {"shows:read", "campaigns:read"}


def public_pem():
    return a_key("ours").public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def with_mac(header, key):
    body = f"{b64(header)}.{b64(claims())}"
    return f"{body}.{b64(hmac.new(key, body.encode(), hashlib.sha256).digest())}"


def tampered():
    head, _, signature = signed().split(".")
    return f"{head}.{b64(claims(tenant='other'))}.{signature}"


def cut():
    head, body, _ = signed().split(".")
    return f"{head}.{body}."


ATTACKS = {
    "alg none": f"{b64({'alg': 'none', 'kid': 'ours'})}.{b64(claims())}.",
    "alg None in capitals": f"{b64({'alg': 'NONE', 'kid': 'ours'})}.{b64(claims())}.",
    "HS256 with the public key": with_mac({"alg": "HS256", "kid": "ours"}, public_pem()),
    "HS256 said to be RS256": with_mac({"alg": "RS256", "kid": "ours"}, public_pem()),
    "HS256 with the key set": with_mac(
        {"alg": "HS256", "kid": "ours"},
        json.dumps(a_key("ours").as_dict(private=False)).encode(),
    ),
    "unknown kid": signed(kid="theirs"),
    "our kid, their key": signed(kid="theirs", header={"kid": "ours"}),
    "no kid": signed(header={"kid": None}),
    "an empty kid": signed(header={"kid": ""}),
    "kid that is no text": signed(header={"kid": ["ours"]}),
    "jku": signed(kid="theirs", header={"jku": "https://evil.example/jwks.json"}),
    "jku beside our own signature": signed(header={"jku": "https://evil.example/jwks.json"}),
    "x5u": signed(kid="theirs", header={"x5u": "https://evil.example/cert.pem"}),
    "jwk": signed(kid="theirs", header={"jwk": a_key("theirs").as_dict(private=False)}),
    "crit": signed(header={"crit": ["b64"], "b64": False}),
    "wrong issuer": signed(claims(iss=ISSUER.replace("TestPool1", "TestPool2"))),
    "our issuer among others": signed(claims(iss=[ISSUER, "https://evil.example"])),
    "no issuer": signed(claims(iss=None)),
    "id token": signed(claims(token_use="id", aud=APP_CLIENT, client_id=None)),
    "id token that names a client": signed(claims(token_use="id", aud=APP_CLIENT)),
    "no token use": signed(claims(token_use=None)),
    "no client": signed(claims(client_id=None)),
    "no subject": signed(claims(sub=None)),
    "expired": signed(claims(exp=SECOND)),
    "expired within the leeway of clocks": signed(claims(exp=SECOND - 1)),
    "without an end": signed(claims(exp=None)),
    "an end that is no number": signed(claims(exp="never")),
    "an end that is true": signed(claims(exp=True)),
    "not yet valid": signed(claims(nbf=SECOND + 60)),
    "issued in the future": signed(claims(iat=SECOND + 60)),
    "tampered": tampered(),
    "signature cut off": cut(),
    "two parts": signed().rpartition(".")[0],
    "five parts": f"{signed()}.a.b",
    "empty": "",
    "no base64": "!!!.???.***",
    "no JSON": f"{b64(b'nothing')}.{b64(claims())}.x",
    "claims that are a list": signed([claims()]),
    "nested a thousand deep": f"{b64(b'[' * 100_000)}.x.y",
    "too long": signed(claims(scope="a" * LONGEST)),
    "not ASCII": "ä.ö.ü",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused(attack):
    with pytest.raises(TokenRefusedError):
        read(ATTACKS[attack])


def test_a_key_of_another_pool_is_none_of_ours_even_under_our_name():
    """Both pools are Cognito's; the other one's owner can sign whatever they like."""
    other = Pool(kids=["theirs"])
    token = signed(kid="theirs")
    assert read(token, other).tenant == "acme"  # it would be good there
    with pytest.raises(TokenRefusedError):
        read(token)


def test_clocks_may_differ_a_little_for_what_is_new_but_not_for_what_ends():
    assert read(signed(claims(iat=SECOND + 4, nbf=SECOND + 4))).tenant == "acme"
    assert read(signed(claims(exp=SECOND + 1))).tenant == "acme"


def test_a_tenant_that_is_no_text_is_none():
    assert read(signed(claims(tenant=["acme"]))).tenant is None


@given(st.text(max_size=200))
def test_no_text_is_a_token(text):
    with pytest.raises(TokenRefusedError):
        read(text)


@given(st.integers(0, len(signed()) - 1), st.sampled_from("AZaz09-_.="))
def test_a_token_with_one_changed_character_says_the_same_or_nothing(place, character):
    """Base64 has spare bits at the end of a part: they change the text and not what it says."""
    token = signed()
    changed = token[:place] + character + token[place + 1 :]
    try:
        assert read(changed) == read(token)
    except TokenRefusedError:
        assert changed != token
