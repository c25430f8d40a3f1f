import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.identity import (
    enclosure_key,
    file_key,
    identify,
    is_prefix_host,
    podcast_guid,
)
from tests.support.shared import FIXTURES, needs_shared

WHEN = datetime(2024, 3, 14, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "guid"),
    [
        ("https://mp3s.nashownotes.com/pc20rss.xml", "917393e3-1b1e-5cef-ace4-edaa54e1f810"),
        ("mp3s.nashownotes.com/pc20rss.xml", "917393e3-1b1e-5cef-ace4-edaa54e1f810"),
        ("https://podnews.net/rss", "9b024349-ccf0-5f69-a609-6b82873eab3c"),
        ("http://podnews.net/rss///", "9b024349-ccf0-5f69-a609-6b82873eab3c"),
    ],
)
def test_a_feeds_address_implies_its_podcast_guid(url, guid):
    assert podcast_guid(url) == guid


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://Media.Example/a/B.mp3?token=1#t=3", "media.example/a/B.mp3"),
        ("  http://media.example/a.mp3", "media.example/a.mp3"),
        ("https://user:pass@media.example:8443/a.mp3", "media.example:8443/a.mp3"),
        (
            "https://dts.podtrac.com/redirect.mp3/chtbl.com/track/X1/media.example/a.mp3",
            "media.example/a.mp3",
        ),
        ("https://op3.dev/e/media.example/a.mp3", "media.example/a.mp3"),
        ("https://op3.dev/e,pg=7a2d292c-8656/media.example/a.mp3", "media.example/a.mp3"),
        ("https://op3.dev/e/https://media.example/a.mp3", "media.example/a.mp3"),
        ("https://op3.dev/e/https:/media.example/a.mp3", "media.example/a.mp3"),
        ("https://op3.dev/e/https%3A%2F%2Fmedia.example/a.mp3", "media.example/a.mp3"),
        ("https://2.gum.fm/op3.dev/e/pscrb.fm/rss/p/media.example/a.mp3", "media.example/a.mp3"),
        ("https://growx.podkite.com/https/KEY/media.example/a.mp3", "media.example/a.mp3"),
        # Nothing behind the prefix looks like a host: the prefix itself is what we have.
        ("https://op3.dev/e/a.mp3", "op3.dev/e/a.mp3"),
        # A host with audio of its own keeps its path, whatever it looks like.
        ("https://media.example/www.other.example/a.mp3", "media.example/www.other.example/a.mp3"),
    ],
)
def test_an_enclosure_counts_by_host_and_path_behind_its_prefixes(url, key):
    assert enclosure_key(url) == key


def test_a_new_query_or_a_new_prefix_is_the_same_enclosure():
    plain = enclosure_key("https://media.example/a.mp3")
    assert enclosure_key("http://media.example/a.mp3?rss_browser=BAh") == plain
    assert enclosure_key("https://pdst.fm/e/chrt.fm/track/9EE2G/media.example/a.mp3?x=1") == plain


@given(st.text())
def test_an_enclosure_key_of_a_key_is_the_key(text):
    key = enclosure_key("https://media.example/" + text)
    assert enclosure_key(enclosure_key(key)) == enclosure_key(key)


@given(st.text())
def test_a_file_key_of_any_path_is_ascii_and_its_own_key(text):
    key = file_key("https://media.example/a" + text)
    assert key.isascii() or "media.example" not in key
    assert file_key(file_key(key)) == file_key(key)


@given(st.text(max_size=2000))
def test_no_text_is_too_strange_for_an_enclosure_key(text):
    assert "#" not in enclosure_key(text)
    assert "?" not in enclosure_key(text)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://M.example/play?id=5", "m.example/play?id=5"),
        ("https://m.example/play?token=x&ID=5&utm_source=a#t", "m.example/play?id=5"),
        ("https://m.example/play?id=5&amp;ep=2", "m.example/play?ep=2&id=5"),
        ("https://m.example/get.php?file=b.mp3&file=a.mp3", "m.example/get.php?file=a.mp3&file=b.mp3"),
        ("https://m.example?episode=7", "m.example/?episode=7"),
        ("https://op3.dev/e/m.example/play?id=5", "m.example/play?id=5"),
        ("https://drive.example/uc?export=download&id=1aB_c-D", "drive.example/uc?id=1aB_c-D"),
        # The path names the file: whatever the query says, it is no other.
        ("https://m.example/a.mp3?id=5", "m.example/a.mp3"),
        ("https://m.example/live/index.m3u8?id=5", "m.example/live/index.m3u8"),
        # No parameter that is known to name files.
        ("https://m.example/play?src=web&token=5", "m.example/play"),
        ("https://m.example/play?id=", "m.example/play"),
        ("https://m.example/play#?id=5", "m.example/play"),
        ("https://m.example/play?valid=5", "m.example/play"),
        ("https://m.example/play?\u0131d=5", "m.example/play"),
        ("https://m.example/a.mp3 ?id=5", "m.example/a.mp3"),
    ],
)  # fmt: skip
def test_a_file_is_known_by_its_path_or_else_by_what_its_query_names(url, key):
    assert file_key(url) == key


@pytest.mark.parametrize(
    ("feed", "log"),
    [
        ("https://m.example/Folge ß 1.mp3", "https://m.example/Folge%20%c3%9F%201.mp3"),
        ("https://m.example/R&B (it's).mp3", "https://m.example/R%26B%20%28it%27s%29.mp3"),
        ("https://m.example/100% fun.mp3", "https://m.example/100%25%20fun.mp3"),
        ("https://m.example/~a-b.mp3", "https://m.example/%7Ea%2db.mp3"),
        ("https://Müsli.example/a.mp3", "https://xn--msli-0ra.example:443/a.mp3"),
        ("http://m.example:80/a.mp3", "https://m.example./a.mp3"),
        (
            "https://m.example/get?file=a b/c==.mp3",
            "https://m.example/get?file=a%20b%2Fc%3D%3D.mp3",
        ),
    ],
)
def test_a_file_has_one_key_however_its_address_is_spelled(feed, log):
    assert file_key(feed) == file_key(log)
    assert file_key(feed).isascii()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://m.example/a%2Fb.mp3", "https://m.example/a/b.mp3"),
        ("https://m.example/a%2541.mp3", "https://m.example/a%41.mp3"),
        ("https://m.example/a+b.mp3", "https://m.example/a%20b.mp3"),
        ("https://m.example/A.mp3", "https://m.example/a.mp3"),
        ("https://m.example:8080/a.mp3", "https://m.example/a.mp3"),
        ("https://m.example/get?id=a%26b", "https://m.example/get?id=a&b"),
    ],
)
def test_files_that_are_others_have_other_keys(one, other):
    assert file_key(one) != file_key(other)


@given(
    st.sampled_from(["play", "get.php", "a.mp3", "", "a/", "x?", "%3Fid=1"]),
    st.lists(
        st.tuples(
            st.sampled_from(["id", "ID", "file", "amp;ep", "token", "", "x-id"]),
            st.text("a5=?/.;&#% \x1fmp3", max_size=6),
        ),
        max_size=4,
    ),
)
def test_a_file_key_is_its_own_key_and_does_not_depend_on_the_order(path, parameters):
    pairs = [f"{name}={value}" for name, value in parameters]
    key = file_key(f"https://m.example/{path}?" + "&".join(pairs))
    assert file_key(key) == key
    assert key.partition("?")[0].startswith(enclosure_key(f"https://m.example/{path}")[:10])
    if not any("#" in pair for pair in pairs):
        assert file_key(f"https://m.example/{path}?" + "&".join(reversed(pairs))) == key


@needs_shared
def test_every_known_measurement_prefix_is_recognised_but_the_one_that_also_hosts():
    listed = json.loads((FIXTURES / "user-agents" / "prefixes.json").read_bytes())
    hosts = {entry["prefixpattern"].partition("/")[0] for entry in listed}
    full = {f"any{host}" if host.startswith(".") else host for host in hosts}
    assert {host for host in full if not is_prefix_host(host)} == {"adbarker.com"}


def test_the_guid_comes_first_and_is_only_trimmed():
    assert identify(" A b/C?d ", "https://a.example/1.mp3", "One", WHEN) == ("guid", "A b/C?d")


def test_without_a_guid_the_enclosure_tells_and_without_that_title_and_date():
    assert identify("  ", "https://a.example/1.mp3?x", "One", WHEN) == (
        "enclosure",
        "a.example/1.mp3",
    )
    assert identify(None, None, "One", WHEN) == ("title", "One|2024-03-14T06:00:00+00:00")
    assert identify(None, None, " One ", None) == ("title", "One|")


def test_an_item_with_nothing_has_no_identity():
    assert identify(None, "", "  ", WHEN) is None
