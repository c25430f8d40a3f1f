from __future__ import annotations

from calendar import timegm
from dataclasses import replace
from itertools import product

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tallycast.demo.habits import Quirk
from tallycast.demo.rss import Setting, page_count, render
from tallycast.demo.shows import PAGE_SIZE, generate_shows
from tallycast.demo.truth import identity_of
from tests.unit.demo.reference_poller import identity

FORMATS = ("rss", "atom", "rdf")
QUIRKS = tuple(Quirk)


def a_show(*quirks, format="rss", seed=1, episodes=(12, 12)):  # noqa: A002 - the field's word
    show = generate_shows(seed, 12, episodes)[11]  # guids are addresses, as RDF needs
    return replace(show, format=format, quirks=frozenset(quirks))


def parsed(show, setting=None):
    document = render(show, setting)
    headers = {"content-type": document.content_type}
    return feedparser.parse(document.body, response_headers=headers)


def is_well_formed(body):
    try:
        etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return False
    return True


@pytest.mark.parametrize(("format", "quirk"), [*product(FORMATS, (None, *QUIRKS))])
def test_every_format_with_every_quirk_parses_to_exactly_the_shows_episodes(format, quirk):  # noqa: A002
    show = a_show(*([quirk] if quirk else []), format=format)
    result = parsed(show)
    assert result.feed.title == show.title
    assert [identity(entry) for entry in result.entries] == [
        tuple(identity_of(show, episode)) for episode in show.first_page
    ]
    for entry, episode in zip(result.entries, show.first_page, strict=True):
        assert entry.title == episode.title
        assert entry.summary.startswith(episode.description.replace("<3>", "").split(" from ")[0])
        date = entry.get("published_parsed") or entry.updated_parsed
        assert timegm(date) == int(episode.published.timestamp())
        assert int(entry.enclosures[0].length) == episode.enclosure_bytes
        assert entry.enclosures[0].href.partition("?")[0] == episode.enclosure_url


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**64))
def test_the_cast_of_any_seed_parses_to_exactly_its_episodes(seed):
    for show in generate_shows(seed, episodes=(1, 4)):
        assert [identity(entry) for entry in parsed(show).entries] == [
            tuple(identity_of(show, episode)) for episode in show.episodes
        ]


@given(st.integers(0, 2**64), st.sets(st.sampled_from(QUIRKS)), st.sampled_from(FORMATS))
@settings(max_examples=25, deadline=None)
def test_the_same_show_gives_the_same_bytes(seed, quirks, format):  # noqa: A002
    first, second = (a_show(*quirks, format=format, seed=seed, episodes=(1, 3)) for _ in range(2))
    assert render(first) == render(second)


@pytest.mark.parametrize(
    ("quirk", "well_formed"),
    [
        (None, True),
        (Quirk.NO_GUIDS, True),
        (Quirk.LATIN_1, True),
        (Quirk.PAGED, True),
        (Quirk.ROTATING_TOKENS, True),
        (Quirk.UNDEFINED_ENTITY, False),
        (Quirk.LEADING_WHITE_SPACE, False),
    ],
)
@pytest.mark.parametrize("format", FORMATS)
def test_only_the_ill_formed_quirks_break_a_strict_reader(quirk, well_formed, format):  # noqa: A002
    show = a_show(*([quirk] if quirk else []), format=format)
    assert is_well_formed(render(show).body) is well_formed


def test_latin_1_is_declared_and_its_accents_survive():
    show = replace(a_show(Quirk.LATIN_1), author="Zoë Dübelhaus", title="Café — an Inquest")
    body = render(show).body
    assert b'encoding="iso-8859-1"' in body
    assert "Zoë".encode("iso-8859-1") in body
    assert "Zoë".encode() not in body
    assert parsed(show).feed.title == "Café — an Inquest"


def test_tokens_rotate_with_every_request_and_leave_the_rest_alone():
    show = a_show(Quirk.ROTATING_TOKENS)
    first, second = (parsed(show, Setting(serial=serial)).entries for serial in (1, 2))
    for one, other in zip(first, second, strict=True):
        hrefs = one.enclosures[0].href, other.enclosures[0].href
        tokens = [href.partition("?token=")[2].partition("&")[0] for href in hrefs]
        assert tokens[0] != tokens[1]
        assert hrefs[0].partition("?")[0] == hrefs[1].partition("?")[0]
        assert (one.id, one.title) == (other.id, other.title)
    plain = a_show()
    assert render(plain, Setting(serial=1)) == render(plain, Setting(serial=2))


def test_the_pages_of_a_paged_show_lead_from_the_first_to_the_last_and_hold_everything_once():
    show = a_show(Quirk.PAGED, episodes=(25, 25))
    assert page_count(show) == 3
    guids, page = [], 1
    while True:
        result = parsed(show, Setting("https://feeds.example.com/x.xml", page=page))
        links = {link.rel: link.href for link in result.feed.links}
        assert links["first"] == "https://feeds.example.com/x.xml"
        assert links["last"] == "https://feeds.example.com/x.xml?page=3"
        assert len(result.entries) <= PAGE_SIZE
        guids += [entry.id for entry in result.entries]
        if "next" not in links:
            break
        page += 1
        assert links["next"] == f"https://feeds.example.com/x.xml?page={page}"
    assert page == 3
    assert guids == [episode.guid for episode in show.episodes]


def test_a_head_that_is_built_anew_changes_nothing_but_its_build_date():
    show = a_show()
    first = render(show, Setting(built=show.updated)).body
    second = render(show, Setting(built=show.updated.replace(second=59))).body
    pairs = zip(first.splitlines(), second.splitlines(), strict=True)
    assert [new for old, new in pairs if old != new] == [
        b"<lastBuildDate>Mon, 12 Jan 2026 06:00:59 +0000</lastBuildDate>"
    ]


def test_the_podcasting_tags_of_a_show_are_all_written():
    bodies = b"".join(render(show).body for show in generate_shows(1))
    for tag in [
        "guid",
        "locked",
        "funding",
        "medium",
        "updateFrequency",
        "images",
        "person",
        "value",
        "valueRecipient",
        "season",
        "episode",
        "transcript",
        "chapters",
        "soundbite",
    ]:
        assert f"<podcast:{tag}".encode() in bodies
    assert b"<psc:chapter " in bodies
