from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.feed_generator import feed
from tallycast.feeds.parsing import cut, inherited_digest, parse, parse_items
from tallycast.kernel.errors import TallycastError
from tests.support.shared import FEED_PAIRS, REAL_FEEDS, needs_shared

REAL = sorted([*REAL_FEEDS.glob("*.xml"), *FEED_PAIRS.glob("*.xml")]) if REAL_FEEDS.is_dir() else []


def a_document(*items, head="<title>Show</title>", between="\n", opening='<rss version="2.0">'):
    body = between.join(items)
    return f"{opening}<channel>{head}{body}\n</channel></rss>".encode()


def an_item(guid="1", title="One", *, enclosure=None, extra=""):
    media = f'<enclosure url="{enclosure}" length="1" type="audio/mpeg"/>' if enclosure else ""
    name = f"<guid>{guid}</guid>" if guid else ""
    return f"<item>{name}<title>{title}</title>{media}{extra}</item>"


@needs_shared
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_all_items_of_a_real_feed_parse_alike_cut_or_whole(path):
    body = path.read_bytes()
    try:
        whole = parse(body)
    except TallycastError:
        pytest.skip("refused as a whole: there is nothing to compare")
    document = cut(body)
    if not whole.episodes:
        assert document is None
        return
    assert document is not None
    found = parse_items(document, range(len(document.items)))
    assert found.episodes == whole.episodes
    assert found.show == whole.show


@needs_shared
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_each_item_of_a_real_feed_parses_alone_as_it_does_among_the_others(path):
    body = path.read_bytes()
    document = cut(body)
    if document is None:
        pytest.skip("not a feed, or no items")
    try:
        whole = {one.identity_value: one for one in parse(body).episodes}
    except TallycastError:
        pytest.skip("refused as a whole: there is nothing to compare")
    for index in range(0, len(document.items), max(1, len(document.items) // 12)):
        (alone,) = parse_items(document, [index]).episodes
        assert alone == whole[alone.identity_value]


@needs_shared
@pytest.mark.parametrize("name", ["themnshow.xml", "1865.xml", "argl-cre.xml"])
def test_one_changed_item_is_the_only_one_to_be_read(name):
    body = (REAL_FEEDS / name).read_bytes()
    before = cut(body)
    changed = before.items[3].replace(b"<title>", b"<title>New: ", 1)
    after = cut(body.replace(before.items[3], changed))
    assert after.changed(frozenset(before.digests)) == [3]
    assert after.head_digest == before.head_digest
    (episode,) = parse_items(after, [3]).episodes
    assert episode == parse(body.replace(before.items[3], changed)).episodes[3]
    assert episode.title.startswith("New: ")


def test_one_new_episode_in_a_hundred_is_found_and_read_alone():
    before, after = cut(feed(99)), cut(feed(100))
    assert after.changed(frozenset(before.digests)) == [0]
    assert parse_items(after, [0]).episodes == parse(feed(100)).episodes[:1]
    assert inherited_digest(after) == inherited_digest(before)


GUIDS = st.sampled_from(["", "1", "2", "3", "4 &amp; 5", "<![CDATA[ 6 ]]>"])
MEDIA = st.sampled_from(
    ["", "https://a.example/1.mp3", "https://a.example/1.mp3?x=1", "https://b.example/2.mp3"]
)
TITLES = st.sampled_from(["One", "Two", "", "A &amp; B", "<![CDATA[<item>]]>"])
EXTRAS = st.sampled_from(
    ["", "<!-- note -->", "<description><![CDATA[a <b>c</b>]]></description>", "<link>/page</link>",
     "<description>a &nbsp; b & c</description>", '<x:y xmlns:x="urn:x">z</x:y>']
)  # fmt: skip
ITEMS = st.builds(
    lambda g, t, m, e: an_item(g, t, enclosure=m, extra=e), GUIDS, TITLES, MEDIA, EXTRAS
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ITEMS, min_size=1, max_size=8), st.data())
def test_chosen_items_parse_as_in_the_whole_whatever_they_share(items, data):
    head = "<title>Show</title><link>https://show.example/</link>"
    opening = '<rss xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><!-- <itunes:x/> -->'
    body = a_document(*items, head=head + "<itunes:author>A</itunes:author>", opening=opening)
    whole = parse(body)
    document = cut(body)
    if document is None:
        return
    assert parse_items(document, range(len(items))).episodes == whole.episodes
    wanted = data.draw(st.sets(st.integers(0, len(items) - 1)))
    found = parse_items(document, wanted)
    assert set(found.episodes) <= set(whole.episodes)
    assert {item.position for item in found.quarantined} == {
        item.position for item in whole.quarantined if item.position in wanted
    }
    single = [parse_items(document, [index]).episodes for index in range(len(items))]
    assert tuple(episode for episodes in single for episode in episodes) == whole.episodes


@settings(max_examples=100, deadline=None)
@given(st.lists(ITEMS, min_size=2, max_size=6), ITEMS, st.data())
def test_reading_only_what_changed_gives_what_reading_all_gives(items, replacement, data):
    index = data.draw(st.integers(0, len(items) - 1))
    opening = '<rss xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">'
    head = "<title>S</title><itunes:author>A</itunes:author>"
    old = a_document(*items, head=head, opening=opening)
    new = a_document(
        *[*items[:index], replacement, *items[index + 1 :]], head=head, opening=opening
    )
    before, after = cut(old), cut(new)
    if before is None or after is None:
        return
    known = {}
    for one, digest in enumerate(before.digests):
        known.setdefault(digest, []).append(parse_items(before, [one]).episodes)
    changed = set(after.changed(known))
    merged = [
        parse_items(after, [one]).episodes
        if one in changed
        else known[digest].pop(0)
        for one, digest in enumerate(after.digests)
    ]  # fmt: skip
    assert tuple(episode for episodes in merged for episode in episodes) == parse(new).episodes


def test_items_that_share_a_guid_change_together():
    twin = an_item("1", enclosure="https://a.example/2.mp3")
    alone = [an_item("1", enclosure="https://a.example/1.mp3"), an_item("2")]
    before, after = cut(a_document(*alone)), cut(a_document(*alone, twin))
    assert after.changed(frozenset(before.digests)) == [0, 2]
    assert [one.identity for one in parse_items(after, [0]).episodes] == ["enclosure"]


def test_what_stands_between_items_belongs_to_the_head():
    items = [an_item("1"), an_item("2")]
    plain = cut(a_document(*items))
    with_ttl = cut(a_document(*items, between="<ttl>60</ttl>"))
    assert plain.head_digest != with_ttl.head_digest
    assert plain.digests == with_ttl.digests
    assert parse_items(with_ttl, [1]).show.ttl_minutes == 60


@pytest.mark.parametrize(
    "head",
    [
        '<podcast:person xmlns:podcast="https://podcastindex.org/namespace/1.0">A</podcast:person>',
        "<link>https://other.example/</link>",
        '<x xml:base="https://other.example/"/>',
        '<x xmlns:y="urn:y"/>',
    ],
)
def test_what_items_inherit_has_a_digest_of_its_own(head):
    before = cut(a_document(an_item()))
    after = cut(a_document(an_item(), head="<title>Show</title>" + head))
    assert inherited_digest(before) != inherited_digest(after)


def test_a_new_build_date_leaves_what_items_inherit():
    before = cut(
        a_document(
            an_item(), head="<title>S</title><pubDate>Mon, 01 Jan 2024 00:00:00 GMT</pubDate>"
        )
    )
    after = cut(
        a_document(
            an_item(), head="<title>S</title><pubDate>Tue, 02 Jan 2024 00:00:00 GMT</pubDate>"
        )
    )
    assert before.head_digest != after.head_digest
    assert inherited_digest(before) == inherited_digest(after)


def test_an_item_inherits_the_channels_persons_when_read_alone():
    person = (
        '<podcast:person xmlns:podcast="https://podcastindex.org/namespace/1.0">A</podcast:person>'
    )
    document = cut(a_document(an_item("1"), an_item("2"), head=person))
    (episode,) = parse_items(document, [1]).episodes
    assert [one.name for one in episode.persons] == ["A"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<html><body/></html>",
        a_document(),
        "<?xml version='1.0' encoding='utf-16'?><rss><channel><item/></channel></rss>".encode(
            "utf-16"
        ),
        b'<!DOCTYPE rss [<!ENTITY a "b">]>' + a_document(an_item()),
        a_document("<item/>"),
        a_document(an_item(extra="<description><![CDATA[</item><item>]]></description>")),
        a_document("<!-- " + an_item() + " -->", an_item("2")),
        a_document(an_item(extra="<!-- </item> <item> -->")),
        a_document("<?php " + an_item() + " ?>", an_item("2")),
        a_document(an_item(extra="<item>nested</item>")),
        a_document(an_item()).replace(b"</item>", b"", 1),
    ],
)
def test_a_document_that_can_be_read_in_two_ways_is_not_cut(body):
    assert cut(body) is None


def test_an_item_told_of_in_a_cdata_section_is_no_item():
    told = an_item(extra="<description><![CDATA[ an <item> is ]]></description>")
    document = cut(a_document(told, an_item("2")))
    assert document is None or len(document.items) == 2


def test_an_attribute_cannot_pretend_that_a_section_is_closed():
    trick = an_item(extra='<a x="]]>"/><description><![CDATA[ </item> <item> ]]></description>')
    assert cut(a_document(trick)) is None


def test_a_document_in_latin_1_is_cut_in_utf_8():
    body = b'<?xml version="1.0" encoding="iso-8859-1"?>' + a_document(
        an_item(title="é")
    ).decode().encode("latin-1")
    document = cut(body)
    assert parse_items(document, [0]).episodes == parse(body).episodes
    assert parse_items(document, [0]).episodes[0].title == "é"


def test_an_atom_feed_is_cut_at_its_entries():
    entry = "<entry><id>urn:{0}</id><title>{0}</title></entry>"
    body = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>S</title>{entry.format(1)}{entry.format(2)}</feed>'
    document = cut(body.encode())
    assert parse_items(document, [1]).episodes == parse(body.encode()).episodes[1:]


def test_indexes_that_are_not_there_are_ignored():
    document = cut(a_document(an_item()))
    assert parse_items(document, [-1, 5]).episodes == ()


def test_items_past_the_limit_are_left_out_as_in_a_full_parse():
    from tallycast.feeds.parsing import Limits

    body = a_document(*(an_item(str(number)) for number in range(5)))
    limits = replace(Limits(), episodes=3)
    found = parse_items(cut(body), range(5), limits=limits)
    assert found.episodes == parse(body, limits=limits).episodes
