"""Paths as strangers write them: what is copied, what is mended, what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tallycast.feeds.identity import enclosure_key
from tallycast.measurement.lengths import LONGEST_URL
from tallycast.measurement.logs.media import locate
from tallycast.measurement.tracking.address import (
    AddressRefusedError,
    canonical_authority,
    is_public_name,
    read,
)
from tests.unit.measurement.tracking.builders import HOST, KEY, to

SAFE = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-._~!$&'()*+,;=:@"
HEX = "0123456789abcdefABCDEF"


@pytest.mark.parametrize(
    ("path", "query", "destination"),
    [
        (to("audio.example.com/a.mp3"), "", "https://audio.example.com/a.mp3"),
        (to("audio.example.com/a.mp3", scheme="http"), "", "http://audio.example.com/a.mp3"),
        (to("audio.example.com"), "", "https://audio.example.com"),
        (to("audio.example.com/"), "", "https://audio.example.com/"),
        (to("audio.example.com"), "id=1", "https://audio.example.com?id=1"),
        (to("Audio.Example.COM/A.mp3"), "", "https://Audio.Example.COM/A.mp3"),
        (to("audio.example.com//two//slashes"), "", "https://audio.example.com//two//slashes"),
        (to("audio.example.com/a/../b/./c"), "", "https://audio.example.com/a/../b/./c"),
        (to("audio.example.com/a%20b%2Fc%2fd%25.mp3"), "", "https://audio.example.com/a%20b%2Fc%2fd%25.mp3"),
        (to("audio.example.com/%0d%0aset-cookie:x"), "", "https://audio.example.com/%0d%0aset-cookie:x"),
        (to("audio.example.com/a@b;c=d,e"), "", "https://audio.example.com/a@b;c=d,e"),
        (to("audio.example.com/a"), "x=1&x=2&y&z=", "https://audio.example.com/a?x=1&x=2&y&z="),
        (to("audio.example.com/a"), "u=https://x/?y%20+z", "https://audio.example.com/a?u=https://x/?y%20+z"),
        (to("audio.example.com/a"), "f[0]={a|b}", "https://audio.example.com/a?f[0]={a|b}"),
        (to("audio.example.com/a"), "100%&x", "https://audio.example.com/a?100%&x"),
        (to("audio.example.com:8443/a"), "", "https://audio.example.com:8443/a"),
        (to("dts.podtrac.com/redirect.mp3/chrt.fm/track/1/host.example/a.mp3"), "", "https://dts.podtrac.com/redirect.mp3/chrt.fm/track/1/host.example/a.mp3"),
        (to("op3.dev/e/https://host.example/a.mp3"), "", "https://op3.dev/e/https://host.example/a.mp3"),
    ],
)  # fmt: skip
def test_a_destination_is_copied_as_it_stands(path, query, destination):
    assert read(path, query).destination == destination


@pytest.mark.parametrize(
    ("path", "query", "destination"),
    [
        (to("audio.example.com/my show.mp3"), "", "https://audio.example.com/my%20show.mp3"),
        (to("audio.example.com/ü.mp3"), "", "https://audio.example.com/%C3%BC.mp3"),
        (to("audio.example.com/100%.mp3"), "", "https://audio.example.com/100%25.mp3"),
        (to("audio.example.com/what?.mp3"), "", "https://audio.example.com/what%3F.mp3"),
        (to("audio.example.com/no#1.mp3"), "x=1", "https://audio.example.com/no%231.mp3?x=1"),
        (to("audio.example.com/a"), "q=ü b", "https://audio.example.com/a?q=%C3%BC%20b"),
        (to("audio.example.com/a"), "x#y", "https://audio.example.com/a?x%23y"),
        (to("münchen.example/a"), "", "https://xn--mnchen-3ya.example/a"),
        (to("m%C3%BCnchen.example/a"), "", "https://xn--mnchen-3ya.example/a"),
        (to("M%C3%9CNCHEN.example:8443/a"), "", "https://xn--mnchen-3ya.example:8443/a"),
        (to("audio.example.com/\ud800"), "", "https://audio.example.com/%3F"),
    ],
)  # fmt: skip
def test_what_a_front_decoded_is_encoded_again(path, query, destination):
    assert read(path, query).destination == destination


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        # no show key
        ("", "", 404), ("/", "", 404), ("/e", "", 404), ("/e/", "", 404), ("/robots.txt", "", 404),
        ("/e/shk_short/https/audio.example.com/a", "", 404),
        (f"/e/{KEY}x/https/audio.example.com/a", "", 404),
        (f"/e/{KEY[:-1]}/https/audio.example.com/a", "", 404),
        (f"/e/{KEY[:-1]}é/https/audio.example.com/a", "", 404),
        (f"/e/{KEY.replace('shk_', 'SHK_')}/https/audio.example.com/a", "", 404),
        (f"/E/{KEY}/https/audio.example.com/a", "", 404),
        (f"//e/{KEY}/https/audio.example.com/a", "", 404),
        (f"/x/../e/{KEY}/https/audio.example.com/a", "", 404),
        (f"/%65/{KEY}/https/audio.example.com/a", "", 404),
        # no scheme, or another
        (f"/e/{KEY}", "", 400), (f"/e/{KEY}/", "", 400), (f"/e/{KEY}/https", "", 400),
        (f"/e/{KEY}/https/", "", 400), (f"/e/{KEY}/https//audio.example.com/a", "", 400),
        (f"/e/{KEY}/audio.example.com/a.mp3", "", 400),
        (to("audio.example.com/a", scheme="ftp"), "", 400),
        (to("audio.example.com/a", scheme="HTTPS"), "", 400),
        (to("alert(1)", scheme="javascript"), "", 400),
        (to("text/html,x", scheme="data"), "", 400),
        (to("/etc/passwd", scheme="file"), "", 400),
        # user info
        (to("audio.example.com@evil.example/a"), "", 400),
        (to("user:pass@audio.example.com/a"), "", 400),
        (to("@audio.example.com/a"), "", 400),
        (to("audio.example.com%40evil.example/a"), "", 400),
        # backslashes and control characters
        (to("audio.example.com\\@evil.example/a"), "", 400),
        (to("audio.example.com\\.evil.example/a"), "", 400),
        (to("audio.example.com/a\\b"), "", 400),
        (to("audio.example.com/a"), "x\\y", 400),
        (to("audio.example.com/a\r\nset-cookie: x=1"), "", 400),
        (to("audio.example.com/a\nb"), "", 400),
        (to("audio.example.com/a\x00b"), "", 400),
        (to("audio.example.com/a\x7fb"), "", 400),
        (to("audio.example.com/a\tb"), "", 400),
        (to("audio.example.com\r\n/a"), "", 400),
        (to("audio.example.com/a"), "x=1\r\nset-cookie: y", 400),
        # hosts that hide what they are
        (to("ex%61mple.com/a"), "", 400), (to("audio%2eexample.com/a"), "", 400),
        (to("audio.example.com%2f/a"), "", 400), (to("audio.example.com%00/a"), "", 400),
        (to("%ff%fe.example/a"), "", 400), (to("%/a"), "", 400),
        (to("audio.example.com:port/a"), "", 400), (to("audio.example.com:123456/a"), "", 400),
        (to("audio.example.com:/a"), "", 400), (to(":443/a"), "", 400),
        (to("[::1/a"), "", 400), (to("[fe80::1%25eth0]/a"), "", 400),
        (to("exa mple.com:80/a"), "", 400), (to("-audio.example.com:80/a"), "", 400),
        (to("\uff0e\uff0e/a"), "", 400), (to("ⓔⓥⓘⓛ。example:99999999/a"), "", 400),
        # too long
        (to("audio.example.com/" + "a" * LONGEST_URL), "", 414),
        (to("audio.example.com/a"), "a" * LONGEST_URL, 414),
        (to("audio.example.com/" + "ü" * (LONGEST_URL // 6)), "", 414),
        (to("audio.example.com/" + "%" * (LONGEST_URL // 3)), "", 414),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_refused_with_its_reason(path, query, status):
    with pytest.raises(AddressRefusedError) as refused:
        read(path, query)
    assert refused.value.status == status
    assert refused.value.reason.isprintable()


def test_the_longest_address_that_is_redirected_to_is_one_that_intake_reads():
    start = to("audio.example.com/")
    destination = read(start + "a" * (LONGEST_URL - len(start)), "").destination
    assert len(destination) > LONGEST_URL // 2
    assert locate(destination, enclosure_key, frozenset()).media == destination[len("https://") :]


segments = st.lists(
    st.one_of(
        st.sampled_from(SAFE + "/"), st.tuples(st.sampled_from(HEX), st.sampled_from(HEX)).map(
            lambda pair: "%" + "".join(pair)
        )
    ),
    max_size=60,
).map("".join)  # fmt: skip
queries = st.text(alphabet=SAFE + '/?%[]{}|^`"<>', max_size=60)


@given(st.sampled_from(["https", "http"]), segments, queries)
@example("https", "", "")
@example("https", "%0d%0aX-Evil:1", "%0d%0a")
def test_a_clean_address_comes_out_byte_for_byte(scheme, path, query):
    asked = read(to(f"{HOST}/{path}", scheme=scheme), query)
    assert asked.destination == f"{scheme}://{HOST}/{path}" + (f"?{query}" if query else "")
    assert (asked.key, asked.scheme, asked.authority) == (KEY, scheme, HOST)


@given(st.text(max_size=200), st.text(max_size=80))
@example("/e/" + KEY + "/https/x.example/\r\nlocation: https://evil.example", "")
def test_whatever_is_accepted_can_stand_in_a_header(path, query):
    for asked_for in (path, to(path), to(f"{HOST}/{path}")):
        try:
            destination = read(asked_for, query).destination
        except AddressRefusedError:
            continue
        assert re.fullmatch(r"https?://[!-~]+", destination)
        assert "\\" not in destination
        assert "#" not in destination


@given(st.text(alphabet=SAFE + "/%\\@[]# \u00fc\u3002\uff0e?", max_size=60))
def test_the_host_compared_is_the_host_redirected_to(rest):
    """A browser reads the authority up to the first `/`, `\\`, `?` or `#`, behind the last `@`."""
    try:
        asked = read(to(rest), "")
    except AddressRefusedError:
        return
    authority = re.split(r"[/\\?#]", asked.destination.partition("://")[2])[0]
    assert "@" not in authority
    assert canonical_authority(authority, "https") in (asked.authority, None)
    if canonical_authority(authority, "https") is None:
        # Not an authority at all: it can equal no host of a show, and is no public name.
        assert not is_public_name(asked.authority)


@pytest.mark.parametrize(
    ("authority", "public"),
    [
        ("audio.example.com", True), ("a.co", True), ("xn--mnchen-3ya.example", True),
        ("under_score.example.com", True), ("1.example", True),
        ("localhost", False), ("example", False), ("audio.example.com:443", False),
        ("127.0.0.1", False), ("2130706433", False), ("0x7f.1", False), ("0x7f000001", False),
        ("[::1]", False), ("1.2.3.4.", False), ("example.com.", False), ("a..example", False),
        ("-a.example", False), ("a-.example", False), ("a.example-", False), (".example", False),
        ("0177.0.0.01", False), ("a" * 64 + ".example", False), ("a." * 130 + "example", False),
    ],
)  # fmt: skip
def test_a_public_name_is_a_name_and_nothing_else(authority, public):
    assert is_public_name(authority) is public


@pytest.mark.parametrize(
    ("authority", "scheme", "canonical"),
    [
        ("Audio.Example.com", "https", "audio.example.com"),
        ("audio.example.com:443", "https", "audio.example.com"),
        ("audio.example.com:80", "http", "audio.example.com"),
        ("audio.example.com:443", "http", "audio.example.com:443"),
        ("127.0.0.1:8123", "http", "127.0.0.1:8123"),
        ("[2001:DB8::1]:8080", "https", "[2001:db8::1]:8080"),
        ("localhost:4566", "http", "localhost:4566"),
        ("münchen.example", "https", "xn--mnchen-3ya.example"),
        ("a b", "https", None), ("", "https", None), ("u@h.example", "https", None),
        ("h.example\\", "https", None), ("h..example", "https", None),
    ],
)  # fmt: skip
def test_hosts_are_compared_in_one_form(authority, scheme, canonical):
    assert canonical_authority(authority, scheme) == canonical


@given(segments)
def test_a_path_with_a_stray_percent_sign_is_read_as_if_it_had_been_encoded(path):
    assume("?" not in path)
    assert read(to(f"{HOST}/%{path}"), "").destination in (
        f"https://{HOST}/%{path}",
        f"https://{HOST}/%25{path}",
    )
