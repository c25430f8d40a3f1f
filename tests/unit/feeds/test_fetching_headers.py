"""What the head of an answer says about freshness, push and validators."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.fetching import PushLinks
from tallycast.feeds.fetching.headers import Headers, max_age, push_links, validator

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DATE = "Wed, 04 Mar 2026 05:00:00 GMT"


def headers(*fields: tuple[str, str]) -> Headers:
    return Headers((name.encode(), value.encode("latin-1")) for name, value in fields)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ((), None),
        ((("Cache-Control", "max-age=900"),), 900),
        ((("Cache-Control", 'public, MAX-AGE="900"'),), 900),
        ((("Cache-Control", "public"), ("cache-control", "max-age=60")), 60),
        ((("Cache-Control", "max-age=900"), ("Age", "300")), 600),
        ((("Cache-Control", "max-age=900"), ("Age", "3000")), 0),
        ((("Cache-Control", "no-cache, max-age=900"),), 0),
        ((("Cache-Control", "no-store"),), 0),
        ((("Cache-Control", "s-maxage=900"),), None),
        ((("Cache-Control", "max-age=-1"),), None),
        ((("Cache-Control", "max-age=soon"),), None),
        ((("Cache-Control", "max-age=99999999999"),), 365 * 86400),
        ((("Expires", "Wed, 04 Mar 2026 06:00:00 GMT"), ("Date", DATE)), 3600),
        ((("Expires", "Wed, 04 Mar 2026 05:07:07 GMT"),), 60),
        ((("Expires", "0"),), 0),
        ((("Expires", DATE), ("Date", DATE)), 0),
        ((("Cache-Control", "max-age=5"), ("Expires", "Wed, 04 Mar 2027 06:00:00 GMT")), 5),
    ],
)
def test_freshness_in_seconds(fields, seconds):
    assert max_age(headers(*fields), NOW) == seconds


@pytest.mark.parametrize(
    ("values", "links"),
    [
        ((), PushLinks()),
        (('<https://hub.example/>; rel="hub"',), PushLinks(("https://hub.example/",))),
        (
            ('<https://a.example/>; rel=hub, </feed.xml>; rel="self"', "<//b.example/>;rel=HUB"),
            PushLinks(("https://a.example/", "https://b.example/"), "https://example.org/feed.xml"),
        ),
        (
            ('<https://a.example/>; title="x, <y>; rel=no"; rel="next hub self"',),
            PushLinks(("https://a.example/",), "https://a.example/"),
        ),
        (('<javascript:alert(1)>; rel="hub"', "<http://[>; rel=hub"), PushLinks()),
        (("<https://a.example/>", "rel=hub", "<unclosed; rel=hub"), PushLinks()),
    ],
)
def test_push_links_are_absolute_hubs_and_the_topic(values, links):
    fields = [("Link", value) for value in values]
    assert push_links(headers(*fields), "https://example.org/dir/") == links


@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_any_link_header_is_read_without_an_error(value):
    found = push_links(headers(("Link", value)), "https://example.org/")
    assert len(found.hubs) <= 10


@pytest.mark.parametrize("value", ['"abc"', 'W/"abc"', '"ü"', "unquoted", "Wed, 04 Mar 2026"])
def test_a_validator_is_kept_verbatim(value):
    assert validator(value) == value


@pytest.mark.parametrize(
    "value", [None, "", '"a\r\nX: y"', '"日本"', '"\x00"', f'"{"a" * 2000}"', " x"]
)
def test_a_validator_that_cannot_be_sent_back_is_dropped(value):
    assert validator(value) is None
