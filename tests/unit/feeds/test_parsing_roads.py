"""Both roads, one normal form: feedparser is the reference for what it can carry at all."""

from dataclasses import fields

import pytest

from bench.feed_generator import feed
from tallycast.feeds.model import Episode, Show
from tallycast.feeds.parsing import Limits, parse, tolerant
from tallycast.feeds.parsing.assembly import assemble
from tallycast.feeds.parsing.context import Context
from tallycast.feeds.parsing.items import build_episode
from tallycast.kernel.errors import TallycastError
from tests.support.shared import FEED_PAIRS, REAL_FEEDS, needs_shared

# What feedparser alone carries. It knows neither the difference of summary and description (it
# goes by their order) nor `explicit` other than yes and clean, nor numbers in podcast: tags.
CARRIED = (
    "guid", "title", "published", "updated", "duration_seconds", "enclosure", "more_enclosures", "link",
    "subtitle", "author", "image", "episode_type", "block", "keywords",
)  # fmt: skip
REPAIRED = {"undefined_entity", "bare_ampersand", "unbound_prefix", "control_characters"}


def well_formed():
    if not REAL_FEEDS.is_dir():
        return []
    found = []
    for path in sorted([*REAL_FEEDS.glob("*.xml"), *FEED_PAIRS.glob("*.xml")]):
        try:
            feed_read = parse(path.read_bytes())
        except TallycastError:
            continue
        if not REPAIRED & {warning.code for warning in feed_read.warnings}:
            found.append(path)
    return found


def by_the_tolerant_road(body):
    context = Context(Limits())
    return assemble(tolerant.read(body.lstrip(), context), context, "tolerant").feed


def by_feedparser_alone(body):
    context = Context(Limits())
    entries = tolerant.from_feedparser(body.lstrip()).entries
    return [build_episode(tolerant.entry_raw(entry, context), (), context) for entry in entries]


@needs_shared
def test_most_real_feeds_are_well_formed():
    assert len(well_formed()) == 16


@needs_shared
@pytest.mark.parametrize("path", well_formed(), ids=lambda path: path.name)
def test_both_roads_give_a_real_feed_the_same_normal_form(path):
    body = path.read_bytes()
    strict, other = parse(body), by_the_tolerant_road(body)
    assert (strict.road, other.road) == ("strict", "tolerant")
    assert (strict.format, strict.namespaces) == (other.format, other.namespaces)
    for field in fields(Show):
        assert getattr(strict.show, field.name) == getattr(other.show, field.name), field.name
    assert len(strict.episodes) == len(other.episodes)
    for one, two in zip(strict.episodes, other.episodes, strict=True):
        for field in fields(Episode):
            assert getattr(one, field.name) == getattr(two, field.name), field.name


@needs_shared
@pytest.mark.parametrize("path", well_formed(), ids=lambda path: path.name)
def test_feedparser_alone_agrees_on_all_it_carries(path):
    body = path.read_bytes()
    strict, others = parse(body).episodes, by_feedparser_alone(body)
    assert len(strict) == len(others)
    for one, two in zip(strict, others, strict=True):
        assert {name: getattr(one, name) for name in CARRIED} == {
            name: getattr(two, name) for name in CARRIED
        }


def test_both_roads_give_a_generated_feed_the_same_normal_form():
    body = feed(5)
    strict, other = parse(body), by_the_tolerant_road(body)
    assert (strict.show, strict.episodes) == (other.show, other.episodes)


def document(items, head="<title>Show</title>"):
    names = 'xmlns:podcast="https://podcastindex.org/namespace/1.0"'
    return f'<?xml version="1.0"?>\n<rss version="2.0" {names}><channel>{head}{items}</channel></rss>'.encode()


GOOD = (
    '<item><guid>good</guid><title>Good</title><podcast:person role="guest">Ada</podcast:person>'
    '<podcast:person>Bob</podcast:person><podcast:transcript url="https://a.example/1.vtt"/>'
    '<podcast:transcript url="https://a.example/1.srt"/></item>'
)


@pytest.mark.parametrize(
    ("broken", "title"),
    [
        ("<item><guid>bad</guid><title>Bad</title><description>a <b>b</description></item>", "Bad"),
        ("<item><guid>bad</guid><title>Bad</title><description>a < b</description></item>", "Bad"),
        (
            "<item><guid>bad</guid><title>Bad</title><description>x<br>y<hr>z</p></description></item>",
            "Bad",
        ),
        (
            '<item><guid>bad</guid><title>Bad</title><enclosure url="https://a.example/1.mp3" length=5/></item>',
            "Bad",
        ),
    ],
)
def test_a_broken_item_costs_only_itself_and_no_repeated_tag(broken, title):
    found = parse(document(broken + GOOD))
    assert found.road == "tolerant"
    assert [episode.guid for episode in found.episodes] == ["bad", "good"]
    assert found.episodes[0].title == title
    good = found.episodes[1]
    assert [(person.name, person.role) for person in good.persons] == [
        ("Ada", "guest"),
        ("Bob", "host"),
    ]
    assert len(good.transcripts) == 2


def test_a_document_cut_off_in_a_cdata_section_keeps_what_came_before():
    body = document(
        GOOD + "<item><guid>last</guid><title>Last</title><description><![CDATA[half a sen"
    )
    found = parse(body.partition(b"half a sen")[0] + b"half a sen")
    assert found.road == "tolerant"
    assert [episode.guid for episode in found.episodes] == ["good", "last"]
    assert found.episodes[1].title == "Last"


@pytest.mark.parametrize("end", [b"</channel>", b"</item>", b"<podcast:person>Bob"])
def test_a_document_cut_off_anywhere_keeps_its_first_item(end):
    body = document(GOOD)
    found = parse(body[: body.rindex(end)])
    assert found.episodes[0].guid == "good"
    assert "ill_formed" in {warning.code for warning in found.warnings}
