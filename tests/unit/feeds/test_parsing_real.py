"""Real feeds, counted independently: what a plain search over the bytes finds must be read."""

import re
from collections import Counter

import pytest

from tallycast.feeds.identity import podcast_guid
from tallycast.feeds.parsing import parse, to_json
from tests.support.shared import needs_shared, real_feed

pytestmark = needs_shared

EPISODES = {
    "1865.xml": 61, "argl-99pi.xml": 212, "argl-aem.xml": 10, "argl-cre.xml": 60, "argl-rlm.xml": 805,
    "dk-podcast.xml": 59, "homegrown-hits.xml": 4, "no-agenda.xml": 29, "pc20rss.xml": 56,
    "podverse-test-feed.xml": 5, "publisher.xml": 0, "sentimental-garbage.xml": 138, "themnshow.xml": 54,
}  # fmt: skip
ITEM = re.compile(rb"<item[\s>].*?</item>", re.DOTALL)


def found_in_items(body, pattern):
    return sum(len(re.findall(pattern, item, re.DOTALL)) for item in ITEM.findall(body))


def total(feed, field):
    return sum(len(getattr(episode, field)) for episode in feed.episodes)


@pytest.mark.parametrize(("name", "count"), EPISODES.items())
def test_every_item_is_an_episode(name, count):
    body = real_feed(name)
    feed = parse(body)
    assert len(feed.episodes) == count == len(ITEM.findall(body))
    assert feed.quarantined == ()
    assert len({(one.identity, one.identity_value) for one in feed.episodes}) == count
    assert feed.road == "strict"


@pytest.mark.parametrize("name", EPISODES)
def test_repeated_podcast_tags_are_all_read(name):
    body = real_feed(name)
    feed = parse(body)
    tags = {
        "transcripts": rb"<podcast:transcript\s",
        "soundbites": rb"<podcast:soundbite\s",
        "alternate_enclosures": rb"<podcast:alternateEnclosure\s",
        "social_interacts": rb"<podcast:socialInteract\s",
        "value": rb"<podcast:value\s",
        "txts": rb"<podcast:txt[\s>]",
        "location": rb"<podcast:location\s",
    }
    for field, pattern in tags.items():
        assert total(feed, field) == found_in_items(body, pattern), field
    links = sum(1 for episode in feed.episodes if episode.chapters_link)
    assert links == found_in_items(body, rb"<podcast:chapters\s")


@pytest.mark.parametrize("name", EPISODES)
def test_enclosures_and_durations_are_all_read(name):
    body = real_feed(name)
    feed = parse(body)
    assert sum(1 for one in feed.episodes if one.enclosure) == found_in_items(
        body, rb"<enclosure\s"
    )
    durations = sum(1 for one in feed.episodes if one.duration_seconds is not None)
    assert durations == found_in_items(body, rb"<(?:itunes:)?duration>[^<]*\d")
    dates = sum(1 for one in feed.episodes if one.published is not None)
    assert dates == found_in_items(body, rb"<pubDate>[^<]*\d")


def test_the_mike_neumann_show_is_read_to_the_last_tag():
    body = real_feed("themnshow.xml")
    feed = parse(body)
    show = feed.show
    assert (show.title, show.medium, show.locked, show.locked_owner) == (
        "The Mike Neumann Show", "podcast", False, "mike@mikeneumann.show",
    )  # fmt: skip
    assert show.podcast_guid == "7a2d292c-8656-5fcf-88d2-31b10e54d7c7"
    assert show.podcast_guid == podcast_guid("https://mikeneumann.show/themnshowrss.xml")
    assert show.uses_podping
    assert show.update_frequency.rrule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA"
    assert len(show.blocks) == body.count(b"<podcast:block") == 12
    assert {one.service for one in show.blocks if one.blocked} >= {"spotify", "twitter"}
    assert not show.block
    assert (len(show.trailers), show.trailers[1].season, show.trailers[0].bytes) == (2, 1, 1029895)
    assert len(show.podroll) == len(
        re.findall(
            rb"<podcast:remoteItem",
            body.split(b"<podcast:podroll>")[1].split(b"</podcast:podroll>")[0],
        )
    )
    assert show.publisher.feed_guid == "003af0a0-6a45-55bf-b765-68e3d349551a"
    assert show.location[0].osm == "R148838"
    assert [(live.status, live.start.isoformat()) for live in show.live_items] == [
        ("ended", "2024-08-02T00:12:00+00:00")
    ]
    assert show.live_items[0].item.content_links[0].title == "Listen Live Here"
    assert show.funding[0].text == "Support the show! You know you want to!"
    recipients = sum(len(one.recipients) for episode in feed.episodes for one in episode.value)
    splits = [
        split for episode in feed.episodes for one in episode.value for split in one.time_splits
    ]
    assert len(splits) == found_in_items(body, rb"<podcast:valueTimeSplit\s") == 11
    assert recipients + sum(len(one.recipients) for one in splits) == found_in_items(
        body, rb"<podcast:valueRecipient\s"
    )
    sources = sum(
        len(one.sources) for episode in feed.episodes for one in episode.alternate_enclosures
    )
    proofs = [
        one.integrity_value for episode in feed.episodes for one in episode.alternate_enclosures
    ]
    assert sources == len([proof for proof in proofs if proof]) == 126
    assert sum(1 for episode in feed.episodes if episode.license) == found_in_items(
        body, rb"<podcast:license\s"
    )
    first = feed.episodes[0]
    assert (first.season, first.season_name, first.episode, first.episode_display) == (
        1, "Breakfasts with Dr. Tim", 54.0, "Social Media",
    )  # fmt: skip
    assert [(one.name, one.role) for one in first.persons] == [
        ("Dr. Timothy M. Jurgensen", "guest")
    ]
    assert all(episode.persons for episode in feed.episodes)


def test_inline_chapters_of_cre_are_read_with_their_times():
    feed = parse(real_feed("argl-cre.xml"))
    assert total(feed, "chapters") == 258
    assert sum(1 for episode in feed.episodes if episode.chapters) == 14
    starts = [chapter.start_seconds for chapter in feed.episodes[0].chapters]
    assert starts == sorted(starts)
    show = feed.show
    assert (
        show.first_page is not None,
        show.next_page is not None,
        show.last_page is not None,
    ) == (True, True, True)
    assert show.self_url.startswith("http")


def test_a_feed_without_guids_goes_by_enclosure_and_where_two_share_one_by_title():
    feed = parse(real_feed("argl-rlm.xml"))
    assert Counter(one.identity for one in feed.episodes) == {"enclosure": 801, "title": 4}
    assert {warning.code: warning.count for warning in feed.warnings} == {
        "guid_missing": 805, "enclosure_reused": 8, "url_with_spaces": 1,
    }  # fmt: skip


def test_persons_are_read_with_names_and_nameless_ones_told():
    feed = parse(real_feed("pc20rss.xml"))
    assert total(feed, "persons") == 16
    assert {one.code: one.count for one in feed.warnings}["person_without_name"] == 2
    assert {one.role for episode in feed.episodes for one in episode.persons} == {"host", "guest"}
    assert total(parse(real_feed("no-agenda.xml")), "persons") == 28


def test_an_undefined_entity_and_early_white_space_are_repaired_and_told():
    codes = {one.code for one in parse(real_feed("no-agenda.xml")).warnings}
    assert "undefined_entity" in codes
    feed = parse(real_feed("sentimental-garbage.xml"))
    assert [one.code for one in feed.warnings] == ["white_space_before_declaration"]
    assert feed.quality == 95.0
    assert feed.show.new_feed_url is not None


def test_live_items_and_other_feeds_items_are_read():
    feed = parse(real_feed("podverse-test-feed.xml"))
    assert [one.status for one in feed.show.live_items] == ["live"] * 4
    assert feed.show.categories == ()
    assert feed.show.image == "https://podverse.fm/images/android-chrome-512x512.png"
    hits = parse(real_feed("homegrown-hits.xml"))
    items = [
        split.remote_item
        for one in hits.episodes
        for value in one.value
        for split in value.time_splits
    ]
    assert sum(1 for item in items if item) == 27
    assert len(parse(real_feed("publisher.xml")).show.remote_items) == 3


def test_the_json_form_is_plain_and_whole():
    import json

    data = to_json(parse(real_feed("themnshow.xml")))
    assert json.loads(json.dumps(data)) == data
    first = data["episodes"][0]
    assert (first["episode"], first["season"], first["identity"]) == (54, 1, "guid")
    assert first["enclosure"] == {
        "url": "https://op3.dev/e,pg=7a2d292c-8656-5fcf-88d2-31b10e54d7c7/mikeneumann.show/assets/static/themnshow054-20240914-FINAL.mp3",
        "type": "audio/mpeg",
        "bytes": 56113920,
    }
    assert first["published"].endswith("Z")
    assert {
        "guid",
        "title",
        "duration_seconds",
        "persons",
        "chapters",
        "transcripts",
    } <= first.keys()
