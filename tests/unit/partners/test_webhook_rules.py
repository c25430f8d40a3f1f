"""Rules of webhooks out: signatures, the schedule, what an answer means, which address may be."""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tallycast.partners.webhooks import progress, signing
from tallycast.partners.webhooks.addresses import BadWebhookUrlError, checked_url
from tallycast.partners.webhooks.model import (
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    SealedSecret,
    WebhookDisabledError,
    rotated,
)
from tallycast.partners.webhooks.schedule import (
    ATTEMPTS,
    DELAYS,
    JITTER,
    WHOLE,
    Answer,
    Verdict,
    delay_after,
    rest_after,
    verdict_of,
)
from tallycast.partners.webhooks.topics import body_of, delivery_of, wants

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
spreads = st.floats(-1, 1)
keys = st.binary(min_size=24, max_size=64)
ids = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="."), min_size=1
)


# ── signatures ──


def test_the_specifications_vector_is_what_we_sign():
    made = signing.headers(
        [signing.key_of(SECRET)],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert dict(made)["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(keys, ids, st.text())
def test_the_library_and_we_sign_alike(key, message_id, body):
    content, moment = body.encode("utf-8", "replace"), datetime.now(UTC)
    ours = signing.signature(key, message_id, int(moment.timestamp()), content)
    secret = signing.secret_of(key)
    assert ours == Webhook(secret).sign(message_id, moment, content.decode())
    headers = dict(signing.headers([key], message_id, int(moment.timestamp()), content))
    Webhook(secret).verify(content, headers, json_parse=False)


@given(keys, keys, st.binary(max_size=60).map(lambda raw: raw.hex().encode()))
def test_either_of_two_live_secrets_verifies_and_a_third_does_not(new, old, body):
    headers = dict(signing.headers([new, old], "msg_1", int(time.time()), body))
    for key in (new, old):
        Webhook(signing.secret_of(key)).verify(body, headers, json_parse=False)
    third = bytes(each ^ 255 for each in new)
    assume(third != old)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.secret_of(third)).verify(body, headers)


@given(keys)
def test_a_secret_leads_back_to_its_key_padded_or_not(key):
    secret = signing.secret_of(key)
    assert signing.key_of(secret) == signing.key_of(secret.rstrip("=")) == key


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_%%%", "whsec_é", "whsec_" + "A" * 31, "whsec_" + "A" * 88]
)
def test_what_is_no_secret_is_refused(secret):
    with pytest.raises(signing.BadSecretError):
        signing.key_of(secret)


@given(st.text())
def test_any_text_is_a_secret_or_refused(text):
    with suppress(signing.BadSecretError):
        assert 24 <= len(signing.key_of(text)) <= 64


# ── the schedule ──


def test_the_schedule_is_that_of_the_specification():
    assert [int(delay.total_seconds()) for delay in DELAYS] == [
        5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]  # fmt: skip
    assert timedelta(hours=75, minutes=35, seconds=5) == WHOLE
    assert ATTEMPTS == 10


@given(st.integers(1, 9), spreads)
def test_a_delay_is_never_more_than_a_tenth_off(attempts, spread):
    delay = delay_after(attempts, spread)
    assert DELAYS[attempts - 1] * (1 - JITTER) <= delay <= DELAYS[attempts - 1] * (1 + JITTER)


@given(st.integers(10, 1000), spreads)
def test_after_the_tenth_attempt_there_is_none(attempts, spread):
    assert delay_after(attempts, spread) is None


@given(st.integers(100, 599))
def test_every_status_has_a_verdict(status):
    wanted = Verdict.FAILED
    if 200 <= status < 300:
        wanted = Verdict.DELIVERED
    elif status == 410:
        wanted = Verdict.GONE
    assert verdict_of(Answer(status, 0.1)) is wanted
    assert verdict_of(Answer(None, 0.1, error="no answer")) is Verdict.FAILED


@given(
    st.integers(100, 599) | st.none(),
    st.floats(0, 1e9) | st.none(),
    st.integers(1, 10_000),
    spreads,
)
def test_a_rest_is_never_longer_than_a_day(status, retry_after, failures, spread):
    rest = rest_after(Answer(status, 0.1, retry_after), failures, spread)
    assert timedelta() <= rest <= timedelta(hours=24)


def test_only_who_asks_for_it_is_left_alone_before_the_circuit_opens():
    def rest(status, after=None):
        return rest_after(Answer(status, 0.1, after), 1, 0).total_seconds()

    assert [rest(status, 90.0) for status in (429, 502, 503, 504)] == [90.0] * 4
    assert [rest(status) for status in (429, 502, 504)] == [60.0] * 3
    assert [rest(status, 90.0) for status in (500, 404, 301)] == [0.0] * 3
    assert [rest(status) for status in (503, 500, None)] == [0.0] * 3


def test_an_open_circuit_rests_longer_and_longer_up_to_a_quarter_of_an_hour():
    rests = [rest_after(Answer(500, 0.1), n, 0).total_seconds() for n in range(1, 13)]
    assert rests == [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]


# ── a delivery ──


def a_delivery(**changes):
    made = delivery_of("acme", "whk_1", "evt_1", event="Ping", body="{}", now=NOW)
    return made.model_copy(update=changes)


@given(st.lists(st.sampled_from([204, 500, 410, None]), max_size=40), st.randoms())
def test_every_step_takes_the_next_ticket_and_ends_in_one_of_the_states(statuses, dice):
    delivery, now, tickets = a_delivery(), NOW, [1]
    for status in statuses:
        if delivery.status is not DeliveryStatus.PENDING:
            delivery = progress.replayed(delivery, now)
            tickets.append(delivery.ticket)
        delivery = progress.claimed(delivery, now)
        tickets.append(delivery.ticket)
        answer = Answer(status, dice.random(), error=None if status else "no answer")
        delivery = progress.tried(delivery, answer, at=now, now=now, spread=dice.uniform(-1, 1))
        tickets.append(delivery.ticket)
        assert (delivery.next_at is None) == (delivery.status is not DeliveryStatus.PENDING)
        assert delivery.tries <= ATTEMPTS
        assert len(delivery.attempts) <= progress.MOST_ATTEMPTS_KEPT
        now = delivery.next_at or now
    assert tickets == sorted(set(tickets))


@given(st.floats(0, 90_000))
def test_what_waits_has_a_message_or_is_due_at_its_time(seconds):
    at = NOW + timedelta(seconds=seconds)
    due = progress.due_at(a_delivery(next_at=at), NOW)
    assert due == (at + progress.HANDOVER if at - NOW <= timedelta(minutes=15) else at)
    assert progress.due_at(a_delivery(next_at=None), NOW) is None


def test_a_reply_is_kept_to_a_thousand_characters():
    after = progress.tried(a_delivery(), Answer(500, 0.1, reply="x" * 5000), at=NOW, now=NOW)
    assert len(after.attempts[0].reply) == 1000


def test_the_same_event_and_endpoint_are_the_same_delivery():
    assert a_delivery().id == a_delivery().id
    other = delivery_of("acme", "whk_2", "evt_1", event="Ping", body="{}", now=NOW)
    stranger = delivery_of("other", "whk_1", "evt_1", event="Ping", body="{}", now=NOW)
    assert len({a_delivery().id, other.id, stranger.id}) == 3


# ── endpoints ──


def an_endpoint(**facts):
    secret = SealedSecret(sealed="x", made_at=NOW)
    return Endpoint(**({"url": "https://example.com/", "secrets": (secret,)} | facts))


def test_filters_narrow_by_event_and_by_show():
    some = frozenset({"show_1", "show_2"})
    assert wants(an_endpoint(), "Anything", some)
    assert not wants(an_endpoint(events=("FeedMoved",)), "Ping", some)
    assert wants(an_endpoint(shows=("show_2",)), "DownloadsCounted", some)
    assert not wants(an_endpoint(shows=("show_3",)), "DownloadsCounted", some)
    assert wants(an_endpoint(shows=("show_3",)), "CampaignChanged", frozenset())


def test_nothing_is_sent_to_a_disabled_endpoint():
    an_endpoint().insist_enabled("whk_1")
    with pytest.raises(WebhookDisabledError):
        an_endpoint(reason=DisabledReason.GONE).insist_enabled("whk_1")


@given(st.lists(st.integers(0, 100), max_size=8))
def test_however_often_secrets_are_rotated_two_at_most_are_live(hours):
    secrets, now = an_endpoint().secrets, NOW
    for number, gap in enumerate(hours):
        now += timedelta(hours=gap)
        secrets = rotated(secrets, f"sealed-{number}", now)
        live = [each for each in secrets if each.is_live(now)]
        assert len(live) == 2
        assert live[0].sealed == f"sealed-{number}"
        assert not secrets[1].is_live(now + timedelta(hours=24))


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_a_body_is_one_line_of_ascii_that_says_what_it_was_made_of(name, data):
    text = body_of(name, "2026", data)
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == {"type": name, "timestamp": "2026", "data": data}


# ── addresses ──


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://EXAMPLE.com:443/a?b#c",
        "https://93.184.216.34/",
        "https://bücher.example/",
    ],
)
def test_an_address_of_the_public_web_passes(url):
    assert checked_url(url, ()).startswith("https://")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "https://localhost:8080/", "https://10.0.0.1/", "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/", "https://[fd00::1]/", "https://169.254.169.254/",
        "https://a@b.example/", "https://example.com:22/", "//example.com/", "", "https://x y/",
        "https://example.com/" + "x" * 2000, "file:///etc/passwd", "http://127.0.0.1:8001/",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(url):
    with pytest.raises(BadWebhookUrlError):
        checked_url(url, ("127.0.0.1:8000",))


def test_the_allow_list_of_a_laptop_opens_http_for_what_it_names():
    allow = ("127.0.0.1:8000", "localhost:9000")
    assert checked_url("http://127.0.0.1:8000/x", allow) == "http://127.0.0.1:8000/x"
    assert checked_url("http://localhost:9000/", allow) == "http://localhost:9000/"


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text):
    with suppress(BadWebhookUrlError):
        assert checked_url(text, ()).startswith("https://")


# ── the examples of the documentation ──


def example(language):
    page = (ROOT / "docs/webhooks.md").read_text(encoding="utf-8")
    [block] = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return block


def cases():
    """Messages of ours, and whether they shall hold."""
    key = signing.key_of(SECRET)
    body = json.dumps({"type": "Ping", "data": "ü, 漢"}, ensure_ascii=False).encode()
    now = int(time.time())
    good = dict(signing.headers([key], "evt_1", now, body))
    both = dict(signing.headers([random.randbytes(32), key], "evt_1", now, body))
    old = dict(signing.headers([key], "evt_1", now - 400, body))
    foreign = dict(signing.headers([random.randbytes(32)], "evt_1", now, body))
    return [
        (good, body, True),
        (both, body, True),
        (old, body, False),
        (foreign, body, False),
        (good, body + b" ", False),
        ({**good, "webhook-id": "evt_2"}, body, False),
        ({**good, "webhook-signature": "v1,AAAA"}, body, False),
    ]


def test_the_python_example_verifies_ours_and_nothing_else():
    space: dict = {}
    exec(compile(example("python"), "docs/webhooks.md", "exec"), space)  # noqa: S102 - our own page
    for headers, body, holds in cases():
        assert space["verify"](SECRET, headers, body) is holds


def test_the_node_example_verifies_ours_and_nothing_else():
    told = [[headers, base64.b64encode(body).decode()] for headers, body, _ in cases()]
    script = (
        example("javascript")
        + f"""
const told = {json.dumps(told)};
const verdicts = told.map(([h, b]) => verify({json.dumps(SECRET)}, h, Buffer.from(b, "base64")));
console.log(JSON.stringify(verdicts));
"""
    )
    try:
        ran = subprocess.run(
            ["node", "-"], input=script, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("node is not installed; the Python example is tested in any case")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [holds for *_, holds in cases()]
