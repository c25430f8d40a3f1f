"""What listeners are answered, and what is written of them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.model import REQUESTS
from tallycast.measurement.privacy import KeyMissingError
from tallycast.measurement.tracking.directory import Directory
from tallycast.measurement.tracking.keys import key_digest
from tallycast.measurement.tracking.links import NotRedirectableError, prefixed, signed
from tallycast.measurement.tracking.redirect import Redirect
from tests.unit.measurement.tracking.builders import (
    ADDRESS,
    EDGE,
    HOST,
    KEY,
    OTHER_KEY,
    SECRET,
    Scene,
    a_policy,
    a_show,
    an_event,
    hashed,
    to,
)

EPISODE = to(f"{HOST}/a%20b.mp3")
EDGE_HEADERS = {
    "x-tallycast-edge": EDGE.decode(),
    "cloudfront-viewer-address": "2001:db8:1:2::9:46532",
    "cloudfront-viewer-country": "DE",
    "cloudfront-viewer-country-region": "BE",
    "cloudfront-viewer-asn": "3320",
}


# ── answers ──


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_listener_is_redirected_and_nothing_is_kept_by_caches_or_cookies(method):
    answer = Scene().ask(EPISODE, "x=1&y=%20", method=method)
    assert answer == {
        "statusCode": 302,
        "headers": {
            "location": f"https://{HOST}/a%20b.mp3?x=1&y=%20",
            "cache-control": "private, no-cache",
            "access-control-allow-origin": "*",
        },
    }


def test_a_browser_may_ask_from_any_page():
    scene = Scene()
    answer = scene.ask(EPISODE, method="OPTIONS")
    assert answer["statusCode"] == 204
    assert answer["headers"]["access-control-allow-origin"] == "*"
    assert answer["headers"]["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert scene.lines == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "CONNECT", "get", ""])
def test_other_methods_are_refused(method):
    scene = Scene()
    answer = scene.ask(EPISODE, method=method)
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert scene.hits == []


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        (to(f"{HOST}/a", key=OTHER_KEY), 404, "no such show key"),
        ("/", 404, "no such show key"),
        (to("evil.example/a"), 403, "this host is not in the show's feed"),
        (to(f"{HOST}.evil.example/a"), 403, "this host is not in the show's feed"),
        (to(f"evil.example/{HOST}/a"), 403, "this host is not in the show's feed"),
        (to(f"sub.{HOST}/a"), 403, "this host is not in the show's feed"),
        (to(f"{HOST}:8443/a"), 403, "this host is not in the show's feed"),
        (to(f"{HOST}./a"), 403, "this host is not in the show's feed"),
        (to("127.0.0.1/a"), 403, "this host is not in the show's feed"),
        (to("[::1]/a"), 403, "this host is not in the show's feed"),
        (to("2130706433/a"), 403, "this host is not in the show's feed"),
        (to("localhost/a"), 403, "this host is not in the show's feed"),
        (to("ехample.com/a"), 403, "this host is not in the show's feed"),  # noqa: RUF001 - Cyrillic
        (to(f"{HOST}@evil.example/a"), 400, "user name"),
        (to(f"{HOST}\\@evil.example/a"), 400, "backslashes"),
        (to(f"evil.example\\.{HOST}/a"), 400, "backslashes"),
        (to("//evil.example/a"), 400, "write /e/"),
        (to(f"evil.example%2f.{HOST}/a"), 400, "names no host"),
        (to(f"evil.example%23.{HOST}/a"), 400, "names no host"),
    ],
)
def test_nobody_is_led_to_a_host_that_the_show_does_not_name(path, status, reason):
    scene = Scene()
    answer = scene.ask(path)
    assert answer["statusCode"] == status
    assert reason in answer["body"]
    assert "location" not in answer["headers"]
    assert answer["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert scene.hits == []
    assert [line["kind"] for line in scene.written] == ["refused"]


def test_a_refusal_repeats_nothing_of_what_was_asked():
    scene = Scene()
    answer = scene.ask(to("<script>alert(1)</script>.example/a"), "q=<b>")
    assert "script" not in json.dumps(answer) + "".join(scene.lines)


@pytest.mark.parametrize("authority", ["127.0.0.1:8123", "[2001:db8::1]", "localhost:80", "feeds"])
def test_a_port_or_an_address_is_redirected_to_when_the_feed_names_it(authority):
    scene = Scene(a_show(hosts={"SS": [authority]}))
    assert scene.ask(to(f"{authority}/a"))["statusCode"] == 302


def test_the_schemes_own_port_is_no_port():
    answer = Scene().ask(to(f"{HOST}:443/a"))
    assert answer["headers"]["location"] == f"https://{HOST}:443/a"


def test_an_international_host_is_the_one_the_feed_names():
    scene = Scene(a_show(hosts={"SS": ["xn--mnchen-3ya.example"]}))
    assert scene.ask(to("m%C3%BCnchen.example/a"))["statusCode"] == 302
    assert scene.ask(to("xn--mnchen-3ya.example/a"))["statusCode"] == 302


# ── signed paths ──


def path_of(address: str) -> tuple[str, str]:
    path, _, query = address.removeprefix("https://t.example").partition("?")
    return path, query


def test_a_signed_path_leads_to_a_host_that_the_feed_does_not_name():
    path, query = path_of(
        signed("https://t.example", KEY, SECRET, "https://new.example/a%2F.mp3?t=1")
    )
    answer = Scene().ask(path, query)
    assert answer["headers"]["location"] == "https://new.example/a%2F.mp3?t=1"
    # Players and hosts add to the query, so it is not signed.
    assert Scene().ask(path, "t=2&more")["statusCode"] == 302


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p.replace("new.example", "evil.example"),
        lambda p: p.replace("/a.mp3", "/b.mp3"),
        lambda p: p.replace("/https/", "/http/"),
        lambda p: p.replace("a.mp3", "a%2Emp3"),
        lambda p: re.sub(r"~.", "~!", p),
        lambda p: re.sub(r"~[^/]+", "~" + "A" * 22, p),
        lambda p: re.sub(r"~[^/]+", "~" + "A" * 23, p),
        lambda p: re.sub(r"~[^/]+", "~", p),
        lambda p: re.sub(r"~[^/]+/", "", p),
    ],
)
def test_a_signature_fits_one_address_alone(spoil):
    path, _ = path_of(signed("https://t.example", KEY, SECRET, "https://new.example/a.mp3"))
    assert Scene().ask(path)["statusCode"] == 302
    answer = Scene().ask(spoil(path))
    assert answer["statusCode"] in (400, 403)
    assert "location" not in answer["headers"]


def test_a_signature_of_one_show_does_not_fit_another():
    scene = Scene()
    scene.shows[OTHER_KEY] = a_show()
    path, _ = path_of(signed("https://t.example", KEY, SECRET, "https://new.example/a.mp3"))
    assert scene.ask(path.replace(KEY, OTHER_KEY))["statusCode"] == 403


def test_the_secret_before_the_current_one_is_still_good_and_an_older_one_is_not():
    path, _ = path_of(signed("https://t.example", KEY, SECRET, "https://new.example/a.mp3"))
    fresh, older = "Zm" * 21 + "Y", "c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M"
    rotated = a_show(secrets={"L": [{"S": fresh}, {"S": older}]})
    assert Scene(rotated).ask(path)["statusCode"] == 302
    assert Scene(a_show(secrets={"L": [{"S": fresh}]})).ask(path)["statusCode"] == 403
    assert Scene(a_show(secrets={"L": []})).ask(path)["statusCode"] == 403


def test_a_signature_opens_no_port_and_no_address():
    for url in ("https://new.example:8443/a", "http://127.0.0.1/a", "http://[::1]/a"):
        with pytest.raises(NotRedirectableError, match="has to be in the show's feed"):
            signed("https://t.example", KEY, SECRET, url)
        hosts = [url.split("/")[2]]
        path, _ = path_of(signed("https://t.example", KEY, SECRET, url, hosts=hosts))
        answer = Scene().ask(path)
        assert (answer["statusCode"], "ports and IP addresses" in answer["body"]) == (403, True)


@pytest.mark.parametrize(
    ("url", "prefixed_path"),
    [
        (f"https://{HOST}/a.mp3?x=1#t", f"/https/{HOST}/a.mp3?x=1"),
        (f"HTTP://{HOST}/a b.mp3", f"/http/{HOST}/a%20b.mp3"),
    ],
)
def test_an_enclosure_is_put_behind_the_prefix(url, prefixed_path):
    assert prefixed("https://t.example/", KEY, url) == f"https://t.example/e/{KEY}{prefixed_path}"


@pytest.mark.parametrize("url", ["ftp://h.example/a", "h.example/a", "https://u@h.example/a", ""])
def test_what_the_redirect_would_refuse_gets_no_prefix(url):
    with pytest.raises(NotRedirectableError):
        prefixed("https://t.example", KEY, url)


# ── the record ──


def test_a_hit_is_written_with_everything_that_is_known():
    scene = Scene()
    headers = EDGE_HEADERS | {
        "user-agent": 'Pod"cast\\er/1.0\nünï',
        "range": "bytes=500-999, 2000-",
        "referer": "https://page.example/?a=b",
        "x-playback-session-id": "6D1F-22",
        "cookie": "secret=1",
        "authorization": "Bearer secret",
    }
    scene.ask(EPISODE, "x=1", headers=headers)
    moment = "2026-11-18T11:06:40.123Z"
    household = hashed("2001:db8:1:2::", datetime(2026, 11, 18, tzinfo=UTC))
    [line] = scene.lines
    assert "\n" not in line
    # Intake sorts hits by tenant from how a line begins: what strangers chose comes later.
    assert line.startswith('{"v":1,"kind":"hit","tenant":"acme","show_id":"show_1","time":')
    assert json.loads(line) == {
        "v": 1,
        "kind": "hit",
        "tenant": "acme",
        "show_id": "show_1",
        "time": moment,
        "source": "prefix",
        "request_id": "0123456789abcdef" * 2,
        "method": "GET",
        "status": 302,
        "url": f"https://{HOST}/a%20b.mp3?x=1",
        "range_start": 500,
        "range_end": 999,
        "more_ranges": "2000-",
        "ip_key": "2026-11",
        "ip_hash": household.ip_hash,
        "ip_hash_previous": household.ip_hash_previous,
        "country": "DE",
        "region": "BE",
        "asn": 3320,
        "user_agent": 'Pod"cast\\er/1.0\nünï',
        "referrer": "https://page.example/?a=b",
        "session": "6D1F-22",
    }


def test_a_field_of_a_hit_is_a_column_of_requests_or_says_what_the_line_is():
    scene = Scene()
    scene.ask(EPISODE, headers=EDGE_HEADERS | {"range": "bytes=0-1,3-", "user-agent": "x"})
    assert set(scene.hits[0]) - set(REQUESTS) == {"v", "kind", "tenant", "url"}


def test_a_hit_of_which_nothing_is_known_says_nothing():
    scene = Scene()
    scene.ask(EPISODE, method="HEAD", headers={"range": "bytes=x"})
    assert set(scene.hits[0]) == {
        "v", "kind", "tenant", "show_id", "time", "source", "request_id", "method", "status",
        "url", "ip_key", "ip_hash", "ip_hash_previous",
    }  # fmt: skip
    assert scene.hits[0]["method"] == "HEAD"


def test_the_raw_address_is_never_written():
    for address in (ADDRESS, "2001:db8:1:2::9"):
        scene = Scene()
        headers = EDGE_HEADERS | {"cloudfront-viewer-address": f"{address}:1"}
        scene.ask(EPISODE, headers=headers)
        scene.ask("/nowhere", headers=headers)
        assert not [line for line in scene.lines if address in line]


def test_headers_of_the_edge_are_believed_only_with_its_secret():
    trusted, forged, without = Scene(), Scene(), Scene(edge_secret=b"")
    trusted.ask(EPISODE, headers=EDGE_HEADERS)
    for scene, secret in ((forged, "guess"), (without, ""), (forged, "é")):
        scene.ask(EPISODE, headers=EDGE_HEADERS | {"x-tallycast-edge": secret})
    assert trusted.hits[0]["country"] == "DE"
    assert "country" not in forged.hits[0]
    assert "country" not in without.hits[0]
    assert forged.hits[0]["ip_hash"] == without.hits[0]["ip_hash"] == forged.hits[1]["ip_hash"]
    assert forged.hits[0]["ip_hash"] != trusted.hits[0]["ip_hash"]


def test_two_hits_have_two_ids():
    lines = []
    directory = Directory(lambda _: (a_show(), a_policy()), lambda: 0.0)
    redirect = Redirect(directory, hashed, lines.append, lambda: 0)
    for _ in range(100):
        redirect.answer(an_event(EPISODE))
    assert len({json.loads(line)["request_id"] for line in lines}) == 100


def test_a_request_without_a_time_has_the_time_of_the_clock():
    scene = Scene()
    scene.redirect.answer(an_event(EPISODE, at=None))
    assert scene.hits[0]["time"] == "2026-11-18T11:06:40.123Z"


# ── the listener is never blocked ──


def test_a_hit_that_cannot_be_written_does_not_stop_the_listener():
    written = []

    def full(line):
        if '"hit"' in line:
            raise OSError(28, "No space left on device")
        written.append(json.loads(line))

    answer = Scene(write=full).ask(EPISODE)
    assert answer["statusCode"] == 302
    assert [(line["kind"], line["reason"]) for line in written] == [("hit_lost", "OSError")]


def test_a_log_that_takes_nothing_at_all_does_not_stop_the_listener():
    def broken(line):
        raise BrokenPipeError

    assert Scene(write=broken).ask(EPISODE)["statusCode"] == 302
    assert Scene(write=broken).ask("/nowhere")["statusCode"] == 404


def test_an_address_that_cannot_be_hashed_is_left_out_and_the_hit_kept():
    def no_key(address, moment):
        raise KeyMissingError("no key", month="2026-11")

    scene = Scene(hashed=no_key)
    assert scene.ask(EPISODE)["statusCode"] == 302
    assert "ip_hash" not in scene.hits[0]
    assert [line["kind"] for line in scene.written] == ["address_not_hashed", "hit"]


def test_a_table_that_refuses_leaves_known_shows_as_they_were():
    scene = Scene()
    scene.ask(EPISODE)
    scene.refuses = True
    scene.clock.now += 3600
    assert scene.ask(EPISODE)["statusCode"] == 302
    assert scene.ask(to("evil.example/a"))["statusCode"] == 403
    assert [hit["kind"] for hit in scene.hits] == ["hit", "hit"]


def test_while_nothing_is_known_listeners_pass_and_their_hits_wait_for_the_replay():
    scene = Scene()
    scene.refuses = True
    answer = scene.ask(EPISODE, headers={"user-agent": "x"})
    assert answer["statusCode"] == 302
    [hit] = scene.hits
    assert hit["kind"] == "unresolved_hit"
    assert hit["key"] == key_digest(KEY)
    assert "tenant" not in hit
    assert KEY not in scene.lines[-1]


@pytest.mark.parametrize("rest", ["127.0.0.1/a", "h.example:8080/a", "[::1]/a", "localhost/a"])
def test_while_nothing_is_known_only_plain_names_are_redirected_to(rest):
    scene = Scene()
    scene.refuses = True
    assert scene.ask(to(rest))["statusCode"] == 503
    assert scene.hits == []


def test_while_nothing_is_known_a_thing_that_is_no_show_key_leads_nowhere():
    scene = Scene()
    scene.refuses = True
    assert scene.ask(f"/e/whatever/https/{HOST}/a")["statusCode"] == 404


def test_what_was_banned_stays_banned_while_the_table_refuses():
    scene = Scene(policy=a_policy(banned_hosts={"SS": ["evil.example"]}))
    scene.ask(EPISODE)
    scene.refuses = True
    scene.clock.now += 3600
    assert scene.ask(to("cdn.evil.example/a", key=OTHER_KEY))["statusCode"] == 403
    assert scene.ask(to("fine.example/a", key=OTHER_KEY))["statusCode"] == 302


# ── switches, states, bans ──


def test_with_recording_off_listeners_pass_and_nothing_is_written():
    scene = Scene(policy=a_policy(recording={"S": "off"}))
    assert scene.ask(EPISODE)["statusCode"] == 302
    assert scene.lines == []


def test_with_redirecting_off_everybody_is_refused():
    scene = Scene(policy=a_policy(redirecting={"S": "off"}))
    assert scene.ask(EPISODE)["statusCode"] == 503
    assert scene.hits == []
    scene.refuses = True
    assert scene.ask(to(f"{HOST}/a", key=OTHER_KEY))["statusCode"] == 503


def test_a_switch_holds_within_a_minute():
    scene = Scene()
    assert scene.ask(EPISODE)["statusCode"] == 302
    scene.policy = a_policy(redirecting={"S": "off"})
    assert scene.ask(EPISODE)["statusCode"] == 302
    scene.clock.now += 60
    assert scene.ask(EPISODE)["statusCode"] == 503


def test_a_disabled_show_is_redirected_and_not_recorded():
    scene = Scene(a_show(state={"S": "disabled"}))
    assert scene.ask(EPISODE)["statusCode"] == 302
    assert scene.lines == []


def test_a_banned_key_is_refused():
    scene = Scene(a_show(state={"S": "banned"}))
    assert scene.ask(EPISODE)["statusCode"] == 403
    assert scene.hits == []


@pytest.mark.parametrize(
    ("host", "banned"),
    [
        ("evil.example", True), ("cdn.evil.example", True), ("a.b.evil.example:8080", True),
        ("notevil.example", False), ("evil.example.com", False), ("1.2.3.4:80", True),
        ("[2001:db8::1]:80", True), ("[2001:db8::2]", False), ("example", False),
    ],
)  # fmt: skip
def test_a_banned_host_is_refused_with_everything_below_it(host, banned):
    policy = a_policy(banned_hosts={"SS": ["evil.example", "1.2.3.4", "[2001:db8::1]"]})
    scene = Scene(a_show(hosts={"SS": [host]}), policy)
    assert scene.ask(to(f"{host}/a", scheme="http" if ":80" not in host else "https"))[
        "statusCode"
    ] == (403 if banned else 302)


def test_a_signature_does_not_lift_a_ban():
    path, _ = path_of(signed("https://t.example", KEY, SECRET, "https://evil.example/a"))
    scene = Scene(policy=a_policy(banned_hosts={"SS": ["evil.example"]}))
    assert scene.ask(path)["statusCode"] == 403


# ── events that are none ──


@pytest.mark.parametrize(
    "event",
    [{}, {"requestContext": {}}, {"requestContext": None}, [], "x", None, {"Records": []},
     {"requestContext": {"http": {}}, "headers": {}},
     {"requestContext": {"http": {"method": "GET"}}, "headers": {}},
     {"requestContext": {"http": {"method": "GET"}}, "rawPath": "/"}],
)  # fmt: skip
def test_what_is_no_request_is_answered_and_not_failed(event):
    assert Scene().redirect.answer(event)["statusCode"] == 400


@given(
    st.text(max_size=80),
    st.text(max_size=40),
    st.dictionaries(
        st.sampled_from([
            "range", "user-agent", "referer", "x-playback-session-id", *EDGE_HEADERS,
        ]),
        st.text(max_size=60),
    ),
    st.sampled_from(["GET", "HEAD"]),
)  # fmt: skip
def test_whatever_strangers_send_is_answered_in_clean_headers_and_whole_lines(
    path, query, headers, method
):
    scene = Scene()
    given_secret = {"x-tallycast-edge": EDGE.decode()} if "range" in headers else {}
    for asked in (path, to(path), to(f"{HOST}/{path}")):
        answer = scene.ask(asked, query, headers=headers | given_secret, method=method)
        for value in answer["headers"].values():
            assert value.isascii()
            assert value.isprintable()
        if answer["statusCode"] == 302:
            assert answer["headers"]["location"].startswith(f"https://{HOST}")
    for line in scene.lines:
        assert line.isprintable()
        json.loads(line).pop("kind")
