import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.identity import (
    enclosure_key,
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
        (
            "https://show.example/s/1/podcast/play/2/https%3A%2F%2FMedia.example%2F2026%2FaB%2520c.mp3",
            "media.example/2026/aB%20c.mp3",
        ),
        (
            "https://show.example/play/2/https%3a%2f%2fmedia.example%2fplay%3fid%3d5",
            "media.example/play",
        ),
        ("https://op3.dev/e/müsli.example/a.mp3", "müsli.example/a.mp3"),
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


@given(st.text(max_size=2000))
def test_no_text_is_too_strange_for_an_enclosure_key(text):
    assert "#" not in enclosure_key(text)
    assert "?" not in enclosure_key(text)


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
