"""The short ways of the parser lead where the long ones do."""

import gc
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bench.feed_generator import feed
from tallycast.feeds.model import AlternateEnclosure, Episode, Person
from tallycast.feeds.parsing import NotAFeedError, parse, strict
from tallycast.feeds.parsing.dates import read_date
from tallycast.feeds.parsing.drafts import new_alternate_enclosure, new_episode, new_person
from tallycast.feeds.parsing.markup import deeper_than
from tests.support.shared import FEED_PAIRS, REAL_FEEDS, needs_shared

texts = st.text(max_size=5) | st.none()
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.text(), texts, texts)
def test_a_quick_constructor_gives_what_the_class_gives(name, href, img):
    assert new_person(name, "host", href=href, img=img) == Person(name, "host", href=href, img=img)
    assert new_alternate_enclosure(name, sources=()) == AlternateEnclosure(name)
    assert new_episode("guid", name, title=href) == Episode("guid", name, title=href)


def test_what_a_quick_constructor_gives_is_frozen_and_of_the_class_itself():
    person = new_person("A")
    assert (type(person), hash(person)) == (Person, hash(Person("A")))
    assert replace(person, role="guest") == Person("A", "guest")
    with pytest.raises(FrozenInstanceError):
        person.name = "B"


def test_a_quick_constructor_needs_what_the_class_needs():
    with pytest.raises(TypeError):
        new_episode("guid")


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)), zones)
def test_the_usual_date_is_the_same_moment_however_it_is_written(moment, zone):
    moment = moment.replace(microsecond=0, tzinfo=zone)
    usual = format_datetime(moment)
    # Without the comma a date is no usual one, and takes the long way.
    assert read_date(usual) == read_date(usual.replace(",", "")) == moment
    assert read_date(usual).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("Mon, 05 Jan 2015 24:00:00 GMT", datetime(2015, 1, 6, tzinfo=UTC)),
        ("Mon, 05 Jan 2015 23:59:60 GMT", datetime(2015, 1, 5, 23, 59, 59, tzinfo=UTC)),
        ("Mon, 05 Jan 2015 06:30:00 PM", datetime(2015, 1, 5, 18, 30, tzinfo=UTC)),
        ("Mon, 05 Jan 2015 06:30:00 PST", datetime(2015, 1, 5, 14, 30, tzinfo=UTC)),
        ("Mon, 31 Feb 2015 06:30:00 GMT", None),
        ("Mon, 05 Jan 2015 06:30:00 XXX", None),
        ("Mon, 05 Jan 2015 0b:30:00 GMT", None),
        ("Mon, 05xJan 2015 06:30:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 +0000", None),
        ("Thu, 01 Jan 1970 01:00:00 +0100", None),
    ],
)
def test_what_only_looks_like_a_usual_date_is_read_with_care(written, moment):
    assert read_date(written) == moment


def by_both_ways(monkeypatch, body):
    """What a document gives when it is read as a whole, and when it is streamed."""
    found = []
    for small in (len(body), 0):
        monkeypatch.setattr(strict, "_SMALL", small)
        found.append(parse(body, url="https://feeds.example/show.xml"))
    return found


def real_feeds():
    found = sorted([*REAL_FEEDS.glob("*.xml"), *FEED_PAIRS.glob("*.xml")])
    no_feeds = ("argl-html-response.xml", "argl-non-well-formed.xml")
    return [path for path in found if path.name not in no_feeds]


@needs_shared
@pytest.mark.parametrize("path", real_feeds(), ids=lambda path: path.name)
def test_a_real_feed_is_the_same_read_as_a_whole_or_streamed(monkeypatch, path):
    whole, streamed = by_both_ways(monkeypatch, path.read_bytes())
    assert whole == streamed


def test_items_in_odd_places_come_in_the_same_order_either_way(monkeypatch):
    inner = "<item><guid>{0}-in</guid><title>In</title></item>"
    outer = "<item><guid>{0}</guid><title>T<x>{1}</x></title>{1}</item><other>{2}</other>"
    items = "".join(
        outer.format(number, inner.format(number), inner.format(f"o{number}"))
        for number in range(40)
    )
    body = f"<rss><channel><title>S</title>{items}</channel></rss>".encode()
    whole, streamed = by_both_ways(monkeypatch, body)
    assert [one.guid for one in whole.episodes] == [one.guid for one in streamed.episodes]
    assert len(whole.episodes) == 120


def test_a_foreign_item_inside_an_item_takes_nothing_from_it(monkeypatch):
    inside = '<x:entry xmlns:x="urn:x">a</x:entry>' * 20
    body = (
        f"<rss><channel><title>S</title><item><guid>1</guid><description>{inside}</description>"
        "</item></channel></rss>"
    ).encode()
    whole, streamed = by_both_ways(monkeypatch, body)
    assert whole == streamed
    assert whole.episodes[0].description.count("<entry>") == 20


def test_persons_after_the_items_are_inherited_too():
    persons = '<podcast:person xmlns:podcast="https://podcastindex.org/namespace/1.0">{}{}'.format
    own, shown = (persons(name, "</podcast:person>") for name in ("Own", "Shown"))
    body = (
        f"<rss><channel><title>S</title><item><guid>1</guid></item><item><guid>2</guid>{own}</item>"
        f"{shown}</channel></rss>"
    ).encode()
    found = [tuple(one.name for one in episode.persons) for episode in parse(body).episodes]
    assert found == [("Shown",), ("Own",)]


def test_warnings_of_items_come_after_those_of_the_channel():
    body = (
        b"<rss><channel><title>S</title><item><guid>1</guid><pubDate>item's</pubDate></item>"
        b"<pubDate>channel's</pubDate></channel></rss>"
    )
    found = {warning.code: warning for warning in parse(body).warnings}["date_unreadable"]
    assert (found.count, found.example) == (2, "channel's")


@given(st.integers(1, 12), st.integers(-1, 12))
def test_depth_is_counted_in_levels_below(depth, levels):
    element = etree.fromstring("<a>" * depth + "<!-- x -->" + "</a>" * depth)
    assert deeper_than(element, levels) is (depth - 1 > levels)


def test_a_generated_feed_is_the_same_read_as_a_whole_or_streamed(monkeypatch):
    whole, streamed = by_both_ways(monkeypatch, feed(40))
    assert whole == streamed
    assert len(whole.episodes) == 40


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("body", [feed(1), b"no feed"])
def test_the_collector_is_left_as_it_was_found(enabled, body):
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with suppress(NotAFeedError):
            parse(body)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
