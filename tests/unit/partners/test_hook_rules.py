"""Rules of webhooks in: every scheme lets its own through and refuses everything else."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from tallycast.partners.hooks.model import message_id
from tallycast.partners.hooks.reading import read
from tallycast.partners.hooks.schemes import (
    Scheme,
    SignatureMalformedError,
    SignatureWrongError,
    key_of,
    verify,
)

NOW = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NAMES = {
    Scheme.STANDARD: ("webhook-id", "webhook-timestamp", "webhook-signature"),
    Scheme.GITHUB: ("x-hub-signature-256", "x-github-delivery", "x-github-event"),
    Scheme.STRIPE: ("stripe-signature",),
    Scheme.SHOPIFY: ("x-shopify-hmac-sha256", "x-shopify-webhook-id", "x-shopify-topic"),
}
bodies = st.binary(max_size=200)
texts = st.text(max_size=60) | st.sampled_from(
    [
        "",
        "v1",
        "v1,",
        "v1,AAAA",
        "t=1,v1=",
        "sha256=",
        "sha256=" + "0" * 64,
        "1614265330",
        "A" * 9999,
    ]
)


def signed(scheme, body, *, secret=SECRET, at=NOW):
    """What an honest provider sends."""
    key = key_of(scheme, secret)
    stamp = int(at.timestamp())

    def mac(content):
        return hmac.new(key, content, hashlib.sha256)

    match scheme:
        case Scheme.STANDARD:
            made = mac(f"msg_1.{stamp}.".encode() + body).digest()
            return {
                "webhook-id": "msg_1",
                "webhook-timestamp": str(stamp),
                "webhook-signature": f"v1a,xx v1,{base64.b64encode(made).decode()}",
            }
        case Scheme.GITHUB:
            return {"x-hub-signature-256": f"sha256={mac(body).hexdigest()}"}
        case Scheme.STRIPE:
            made = mac(f"{stamp}.".encode() + body).hexdigest()
            return {"stripe-signature": f"t={stamp},v1={made},v0=abc"}
    return {"x-shopify-hmac-sha256": base64.b64encode(mac(body).digest()).decode()}


def check(scheme, headers, body, *, secrets=(SECRET,), now=NOW):
    return verify(scheme, [key_of(scheme, each) for each in secrets], headers, body, now)


def test_the_vector_of_standard_webhooks_holds():
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert check(Scheme.STANDARD, headers, b'{"test": 2432232314}').provider_id == (
        "msg_p5jXN8AQM9LWM0D4loKWxJek"
    )


def test_what_the_library_signs_holds_here():
    body = '{"a": "ü"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", NOW, body),
    }
    check(Scheme.STANDARD, headers, body.encode())


def test_the_vector_of_github_holds():
    headers = {
        "x-hub-signature-256": "sha256="
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    }
    check(Scheme.GITHUB, headers, b"Hello, World!", secrets=("It's a Secret to Everybody",))


@given(st.sampled_from(Scheme), bodies)
def test_an_honest_message_passes_and_any_other_body_does_not(scheme, body):
    headers = signed(scheme, body)
    check(scheme, headers, body)
    with pytest.raises(SignatureWrongError):
        check(scheme, headers, body + b"\x00")


@given(st.sampled_from(Scheme), bodies)
def test_either_of_two_live_secrets_passes(scheme, body):
    other = SECRET.replace("MfKQ", "AAAA")
    for secrets in ((SECRET, other), (other, SECRET)):
        check(scheme, signed(scheme, body), body, secrets=secrets)
    with pytest.raises(SignatureWrongError):
        check(scheme, signed(scheme, body), body, secrets=(other,))


@pytest.mark.parametrize("scheme", [Scheme.STANDARD, Scheme.STRIPE])
@given(seconds=st.integers(-10_000, 10_000))
def test_a_timestamp_is_at_most_five_minutes_off(scheme, seconds):
    headers = signed(scheme, b"{}", at=NOW + timedelta(seconds=seconds))
    if abs(seconds) <= 300:
        check(scheme, headers, b"{}")
    else:
        with pytest.raises(SignatureWrongError):
            check(scheme, headers, b"{}")


@given(st.data(), st.sampled_from(Scheme), bodies)
def test_hostile_headers_are_malformed_or_wrong_and_nothing_else(data, scheme, body):
    headers = {name: data.draw(texts, label=name) for name in NAMES[scheme]}
    if data.draw(st.booleans()):
        headers.pop(data.draw(st.sampled_from(sorted(headers))))
    with pytest.raises((SignatureMalformedError, SignatureWrongError)):
        check(scheme, headers, body)


@given(st.data(), st.sampled_from(Scheme), bodies)
def test_one_character_more_or_another_in_a_signature_never_passes_as_another_message(
    data, scheme, body
):
    """What passes was signed: a header that was tampered with passes only if it says the same."""
    headers = signed(scheme, body)
    name = data.draw(st.sampled_from(sorted(headers)))
    place = data.draw(st.integers(0, len(headers[name])))
    tampered = headers[name][:place] + data.draw(st.characters()) + headers[name][place:]
    try:
        check(scheme, {**headers, name: tampered}, body)
    except (SignatureMalformedError, SignatureWrongError):
        return
    with pytest.raises(SignatureWrongError):
        check(scheme, {**headers, name: tampered}, body + b"x")


# ── reading ──


@given(st.sampled_from(Scheme), st.text(max_size=60), bodies)
def test_any_body_of_any_type_is_read_or_said_to_be_unreadable(scheme, content_type, body):
    found = read(scheme, content_type, body)
    assert found.unreadable is None or found.unreadable.startswith("the body is no ")


@pytest.mark.parametrize(
    ("content_type", "body", "wanted"),
    [
        ("application/json", b'{"type": "a.b"}', ("a.b", None)),
        ("", b'{"type": "a.b"}', ("a.b", None)),
        ("application/cloudevents+json; charset=utf-8", b'{"type": "a.b"}', ("a.b", None)),
        ("application/json", b'{"type": 7}', (None, None)),
        ("application/json", b'["type"]', (None, None)),
        ("application/json", b"7" * 10_000, (None, "the body is no JSON")),
        ("application/json", b"[" * 200_000, (None, "the body is no JSON: too deep")),
        ("application/json", b'{"a": "\xff"}', (None, "the body is no JSON: not UTF-8 at byte 7")),
        ("application/x-www-form-urlencoded", b"\xff=1", (None, "the body is no form: not UTF-8")),
        ("application/x-www-form-urlencoded", b"&" * 2000, (None, "the body is no form")),
        ("image/png", b"\x89PNG", (None, None)),
    ],
)
def test_a_body_is_read_as_what_its_type_promises(content_type, body, wanted):
    found = read(Scheme.GITHUB, content_type, body)
    kind, unreadable = wanted
    assert found.type == kind
    assert (found.unreadable or "").startswith(unreadable or "")
    assert (found.unreadable is None) == (unreadable is None)


def test_only_stripe_says_its_id_in_the_body():
    body = b'{"id": "evt_1", "type": "charge.succeeded"}'
    assert read(Scheme.STRIPE, "application/json", body).provider_id == "evt_1"
    assert read(Scheme.GITHUB, "application/json", body).provider_id is None


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_message_is_known_by_its_hook_and_the_providers_id_or_its_body(one, other):
    assert message_id("hook_1", one, "x") == message_id("hook_1", one, "y")
    assert message_id("hook_1", one, "x") != message_id("hook_2", one, "x")
    assert message_id("hook_1", None, one) != message_id("hook_1", one, one)
    assert (message_id("h", one, "") == message_id("h", other, "")) == (one == other)
