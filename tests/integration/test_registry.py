"""The registry: what may be added, what is a duplicate, what a person can do with a feed."""

import pytest

from tallycast.feeds.feed import FeedStatus
from tallycast.feeds.fetching import FeedNotFoundError
from tallycast.feeds.identity import podcast_guid
from tallycast.feeds.parsing import NotAFeedError
from tallycast.feeds.registry import FeedStatusError
from tallycast.feeds.store import FeedAlreadyRegisteredError, FeedNotRegisteredError
from tests.support.origin import feed, item

GUID_HEAD = (
    '<podcast:guid xmlns:podcast="https://podcastindex.org/namespace/1.0">'
    "917393e3-1b1e-5cef-ace4-edaa54e1f810</podcast:guid>"
)


def test_a_feed_is_fetched_and_read_before_it_is_registered(platform):
    platform.origin.put("/feed.xml", feed([item(1)], title="Mine"))
    added = platform.add()
    assert (added.title, added.status) == ("Mine", FeedStatus.ACTIVE)
    assert added.podcast_guid == podcast_guid(platform.origin.url("/feed.xml"))
    [message] = platform.messages()
    assert (message.feed_id, message.reason) == (added.feed_id, "requested")


def test_what_is_no_feed_is_not_registered(platform):
    platform.origin.put("/page", b"<!doctype html><html><body>hello</body></html>")
    with pytest.raises(NotAFeedError, match="not a feed: HTML page"):
        platform.add("/page")
    with pytest.raises(FeedNotFoundError):
        platform.add("/nothing")
    assert list(platform.registry.list("acme")) == []
    assert platform.messages() == []


def test_the_same_feed_behind_a_redirect_is_a_duplicate(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    for status, path in ((301, "/permanent"), (302, "/temporary")):
        location = {"Location": platform.origin.url("/feed.xml")}
        platform.origin.put(path, status=status, headers=location)
    first = platform.add("/temporary")
    for path in ("/feed.xml", "/permanent", "/temporary"):
        with pytest.raises(FeedAlreadyRegisteredError, match=first.feed_id):
            platform.add(path)


def test_the_same_podcast_guid_at_another_address_is_a_duplicate(platform):
    platform.origin.put("/one.xml", feed([item(1)], head=GUID_HEAD))
    platform.origin.put("/two.xml", feed([item(2)], head=GUID_HEAD))
    platform.add("/one.xml")
    with pytest.raises(FeedAlreadyRegisteredError):
        platform.add("/two.xml")


def test_two_tenants_may_have_the_same_feed_and_see_only_their_own(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    mine = platform.add()
    theirs = platform.registry.add("other", platform.origin.url("/feed.xml"))
    assert [one.feed_id for one in platform.registry.list("acme")] == [mine.feed_id]
    assert [one.feed_id for one in platform.registry.list("other")] == [theirs.feed_id]
    with pytest.raises(FeedNotRegisteredError):
        platform.registry.get("acme", theirs.feed_id)


def test_a_paused_feed_is_not_due_and_a_resumed_one_is_at_once(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.messages()
    assert platform.registry.pause("acme", added.feed_id).next_poll_at is None
    assert "due_at" not in platform.items("feed")[0]
    resumed = platform.registry.resume("acme", added.feed_id)
    assert (resumed.status, resumed.next_poll_at) == (FeedStatus.ACTIVE, platform.now)
    assert len(platform.messages()) == 1


def test_a_removed_feed_is_off_the_list_and_comes_back_with_its_history(platform):
    platform.origin.put("/feed.xml", feed([item(1), item(2)]))
    added = platform.add()
    platform.poll(added)
    platform.registry.remove("acme", added.feed_id)
    assert list(platform.registry.list("acme")) == []
    with pytest.raises(FeedStatusError, match="removed"):
        platform.registry.poll("acme", added.feed_id)
    again = platform.add()
    assert (again.feed_id, again.show_id) == (added.feed_id, added.show_id)
    platform.poll(again)
    assert len(platform.items("episode")) == 2


def test_pinning_changes_the_pause_and_nothing_else(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add(pinned=True)
    platform.poll(added)
    assert platform.feed(added).interval_seconds == 900
    platform.registry.pin("acme", added.feed_id, pinned=False)
    platform.poll(added)
    assert platform.feed(added).interval_seconds > 900


def test_a_removed_feed_comes_back_at_the_address_it_is_added_under(platform):
    platform.origin.put("/one.xml", feed([item(1)], head=GUID_HEAD))
    platform.origin.put("/two.xml", feed([item(1), item(2)], head=GUID_HEAD))
    first = platform.add("/one.xml")
    platform.poll(first)
    platform.registry.remove("acme", first.feed_id)
    platform.origin.put("/one.xml", status=404)
    again = platform.add("/two.xml", pinned=True)
    assert (again.feed_id, again.url, again.pinned) == (
        first.feed_id,
        platform.origin.url("/two.xml"),
        True,
    )
    assert platform.poll(again).new == 1


def test_only_an_active_feed_is_replayed(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.registry.pause("acme", added.feed_id)
    with pytest.raises(FeedStatusError, match="resume it"):
        platform.registry.poll("acme", added.feed_id, replay=True)
    assert platform.feed(added).status is FeedStatus.PAUSED


def test_feeds_are_listed_in_pages(platform):
    for number in range(5):
        platform.origin.put(f"/{number}.xml", feed([item(number)]))
        platform.add(f"/{number}.xml")
    every = [one.feed_id for one in platform.registry.list("acme")]
    assert len(every) == 5
    assert [one.feed_id for one in platform.registry.list("acme", after=every[2])] == every[3:]
