"""From what was written to what is told."""

from datetime import UTC, datetime

from tallycast.feeds.changes import events_of
from tallycast.feeds.events import EpisodeChanged, EpisodePublished, FeedMoved, FeedRetired
from tallycast.feeds.feed import Feed, FeedStatus
from tallycast.feeds.items import EpisodeItem, feed_item
from tallycast.feeds.model import Enclosure, Episode

AT = "2026-11-22T12:00:00+00:00"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def a_feed(**fields):
    return Feed(
        **{
            "tenant": "acme",
            "feed_id": "feed_1",
            "show_id": "show_1",
            "url": "https://a.example/feed",
            "created_at": NOW,
            **fields,
        }
    )


def an_item(*, title="One", imported=False, fingerprint="f1", first_seen="2026"):
    episode = Episode(
        identity="guid",
        identity_value="g",
        guid="g",
        title=title,
        enclosure=Enclosure("https://m.example/1.mp3"),
    )
    return EpisodeItem.of(
        a_feed(),
        episode,
        identity="guid:g",
        fingerprint=fingerprint,
        first_seen=first_seen,
        imported=imported,
    ).to_item()


def test_an_inserted_episode_is_published():
    [event] = events_of(None, an_item(), at=AT)
    assert isinstance(event, EpisodePublished)
    assert (event.guid, event.discovery, event.enclosure_url) == (
        "g",
        "poll",
        "https://m.example/1.mp3",
    )


def test_the_back_catalogue_is_told_as_such():
    [event] = events_of(None, an_item(imported=True), at=AT)
    assert event.discovery == "import"


def test_the_same_episode_written_again_tells_nothing():
    assert events_of(an_item(), an_item(first_seen="2027", imported=True), at=AT) == []


def test_the_same_publication_always_has_the_same_event_id():
    one, two = (events_of(None, an_item(title=title), at=AT)[0] for title in ("One", "Two"))
    assert one.event_id == two.event_id


def test_a_changed_episode_is_told_with_an_id_of_its_own_each_time():
    old, new = an_item(), an_item(title="Two", fingerprint="f2")
    [event] = events_of(old, new, at=AT)
    assert isinstance(event, EpisodeChanged)
    [back] = events_of(new, old, at="2026-11-22T13:00:00+00:00")
    assert back.event_id != event.event_id
    assert events_of(old, new, at=AT)[0].event_id == event.event_id


def test_marking_an_episode_gone_tells_nothing():
    assert events_of(an_item(), {**an_item(), "gone_at": AT}, at=AT) == []


def test_a_feed_with_another_address_has_moved():
    old = feed_item(a_feed())
    new = feed_item(a_feed(url="https://b.example/feed"))
    [event] = events_of(old, new, at=AT)
    assert isinstance(event, FeedMoved)
    assert (event.old_url, event.new_url) == ("https://a.example/feed", "https://b.example/feed")


def test_a_retired_feed_is_told_once_and_a_paused_one_never():
    active, retired, paused = (
        feed_item(a_feed(status=status, note="gone for good"))
        for status in (FeedStatus.ACTIVE, FeedStatus.RETIRED, FeedStatus.PAUSED)
    )
    [event] = events_of(active, retired, at=AT)
    assert isinstance(event, FeedRetired)
    assert event.reason == "gone for good"
    assert events_of(retired, retired, at=AT) == []
    assert events_of(active, paused, at=AT) == []


def test_additions_polls_deletions_and_other_items_tell_nothing():
    feed = feed_item(a_feed())
    assert events_of(None, feed, at=AT) == []
    assert events_of(feed, feed_item(a_feed(failures=3)), at=AT) == []
    assert events_of(an_item(), None, at=AT) == []
    assert events_of(None, {"kind": "claim", "pk": "x"}, at=AT) == []
