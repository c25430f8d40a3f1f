"""One feed from its first poll on: what is stored, what is told, when it is polled again."""

import gzip
import hashlib
import json
from datetime import timedelta

import pytest

from tallycast.aws import clients
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.feeds.catalogue import compare
from tallycast.feeds.feed import FeedStatus
from tallycast.feeds.items import episode_id
from tallycast.feeds.outcome import Outcome
from tallycast.feeds.poll import FeedBusyError
from tallycast.feeds.store import FeedStore
from tests.support.origin import feed, item


def test_the_first_poll_brings_the_whole_catalogue(platform):
    body = feed([item(n) for n in (3, 2, 1)])
    platform.origin.put("/feed.xml", body)
    added = platform.add()
    result = platform.poll(added)
    assert (result.outcome, result.new, result.imported) == (Outcome.CHANGED, 3, True)
    listed = platform.store.episodes("acme", added.show_id)
    assert [episode["guid"] for episode in listed] == ["guid-3", "guid-2", "guid-1"]
    found = platform.store.episode("acme", added.show_id, episode_id(added.show_id, "guid:guid-2"))
    assert (found.title, found.duration_seconds) == ("Episode 2", 62)
    by_file = platform.store.episodes_by_enclosure("acme", "media.example.com/ep/2.mp3")
    assert [episode.guid for episode in by_file] == ["guid-2"]
    [key] = platform.keys("raw/")
    assert key.endswith(hashlib.sha256(body).hexdigest() + ".gz")
    stored = clients.s3().get_object(Bucket=platform.stacks.outputs["FeedsBucket"], Key=key)
    assert gzip.decompress(stored["Body"].read()) == body


def test_an_unchanged_feed_writes_nothing_but_its_own_state(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    before = platform.items("episode"), platform.keys("")
    result = platform.poll(added)
    assert (result.outcome, result.unchanged) == (Outcome.UNCHANGED, 1)
    assert platform.origin.requests[-1] == ("/feed.xml", 304)
    assert (platform.items("episode"), platform.keys("")) == before


def test_the_same_bytes_without_validators_are_unchanged_too(platform):
    platform.origin.put("/feed.xml", feed([item(1)]), conditional=False)
    added = platform.add()
    platform.poll(added)
    assert platform.poll(added).outcome is Outcome.UNCHANGED


def test_new_updated_moved_gone_and_returned_are_told_apart(platform):
    platform.origin.put("/feed.xml", feed([item(n) for n in range(1, 7)]))
    added = platform.add()
    platform.poll(added)
    changed = [
        item(7),
        item(2, title="Edited"),
        item(3, host="elsewhere.example.com"),
        item(4, query="?token=abc"),
        item(5),
        item(6),
    ]
    platform.origin.put("/feed.xml", feed(changed))
    result = platform.poll(added)
    assert result.counts() == {
        "new": 1, "updated": 2, "moved": 1, "gone": 1, "returned": 0, "unchanged": 3,
        "quarantined": 0,
    }  # fmt: skip
    gone = platform.store.episode("acme", added.show_id, episode_id(added.show_id, "guid:guid-1"))
    assert gone is not None
    assert gone.gone_at is not None
    platform.origin.put("/feed.xml", feed([*changed, item(1)]))
    result = platform.poll(added)
    assert (result.new, result.returned, result.gone) == (0, 1, 0)
    back = platform.store.episode("acme", added.show_id, episode_id(added.show_id, "guid:guid-1"))
    assert back.gone_at is None
    assert len(platform.items("episode")) == 7


def test_only_changed_episodes_are_written(platform):
    platform.origin.put("/feed.xml", feed([item(n) for n in range(50)]))
    added = platform.add()
    platform.poll(added)
    written = []
    original = FeedStore.put_episodes

    class Watching(FeedStore):
        def put_episodes(self, episodes):
            written.extend(episode.guid for episode in episodes)
            original(self, episodes)

    watching = platform.broken(store=Watching(platform.table))
    platform.origin.put("/feed.xml", feed([item(50), *(item(n) for n in range(50))]))
    message = platform.message(added)
    platform.now = message.scheduled_for
    assert watching.poll(message).new == 1
    assert written == ["guid-50"]


def test_a_message_that_was_acted_on_is_void(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    message = platform.message(added)
    assert platform.poller.poll(message).outcome is Outcome.CHANGED
    fetched = len(platform.origin.requests)
    assert platform.poller.poll(message).outcome is Outcome.VOID
    assert len(platform.origin.requests) == fetched


def test_a_poll_under_way_keeps_the_second_copy_of_the_message_waiting(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    message = platform.message(added)
    until = platform.now + timedelta(seconds=60)
    assert platform.store.lease(message, lease_id="other", now=platform.now, until=until)
    with pytest.raises(FeedBusyError):
        platform.poller.poll(message)
    platform.now = until + timedelta(seconds=1)
    assert platform.poller.poll(message).new == 1


def test_the_feeds_own_failure_is_an_outcome_and_backs_off(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    platform.origin.put("/feed.xml", b"<html><body>parked</body></html>")
    pauses = []
    for expected in (1, 2, 3, 4, 5, 6, 7, 8):
        result = platform.poll(added)
        assert (result.outcome, result.error.code) == (Outcome.FAILED, "NotAFeedError")
        after = platform.feed(added)
        assert (after.failures, after.status) == (expected, FeedStatus.ACTIVE)
        assert after.last_error.startswith("NotAFeedError: not a feed: HTML page")
        pauses.append(after.next_poll_at - platform.now)
    assert pauses == sorted(pauses)
    assert pauses[-1] >= timedelta(hours=23)
    assert len(platform.items("episode")) == 1
    platform.origin.put("/feed.xml", feed([item(2), item(1)]))
    assert platform.poll(added).new == 1
    assert platform.feed(added).failures == 0


def test_what_cannot_be_read_is_kept_for_replay_with_its_reason(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    page = b"<html><body>parked</body></html>"
    platform.origin.put("/feed.xml", page)
    platform.poll(added)
    assert any(hashlib.sha256(page).hexdigest() in key for key in platform.keys("raw/"))
    assert len(platform.keys("quarantine/")) == 1


@pytest.mark.parametrize(
    ("retry_after", "least"),
    [("7200", timedelta(hours=2)), ("soon", timedelta(0)), ("-5", timedelta(0))],
)
def test_retry_after_is_obeyed_and_garbage_ignored(platform, retry_after, least):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    headers = {"Retry-After": retry_after}
    platform.origin.put("/feed.xml", status=429, headers=headers)
    result = platform.poll(added)
    assert result.error.code == "TooManyRequestsError"
    pause = platform.feed(added).next_poll_at - platform.now
    assert least <= pause <= timedelta(hours=25)


def test_410_retires_a_feed_and_asking_revives_it(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    platform.origin.put("/feed.xml", status=410)
    assert platform.poll(added).outcome is Outcome.RETIRED
    retired = platform.feed(added)
    assert (retired.status, retired.next_poll_at) == (FeedStatus.RETIRED, None)
    platform.origin.put("/feed.xml", feed([item(2), item(1)]))
    platform.registry.poll("acme", added.feed_id)
    assert platform.poll(added).new == 1
    assert platform.feed(added).status is FeedStatus.ACTIVE


@pytest.mark.parametrize("status", [301, 308])
def test_a_permanent_redirect_moves_the_feed_and_no_episode_is_made_anew(platform, status):
    platform.origin.put("/feed.xml", feed([item(1), item(2)]))
    added = platform.add()
    platform.poll(added)
    location = {"Location": platform.origin.url("/new.xml")}
    platform.origin.put("/feed.xml", status=status, headers=location)
    platform.origin.put("/new.xml", feed([item(n, host="new.example.com") for n in (3, 2, 1)]))
    result = platform.poll(added)
    assert (result.new, result.updated, result.moved) == (1, 2, 2)
    assert platform.feed(added).url == platform.origin.url("/new.xml")
    assert len(platform.items("episode")) == 3


def test_a_temporary_redirect_does_not_move_the_feed(platform):
    location = {"Location": platform.origin.url("/mirror.xml")}
    platform.origin.put("/feed.xml", status=302, headers=location)
    platform.origin.put("/mirror.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    assert platform.feed(added).url == platform.origin.url("/feed.xml")


def test_new_feed_url_moves_the_feed_only_to_what_reads_as_a_feed(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    target = platform.origin.url("/new.xml")
    head = f"<itunes:new-feed-url>{target}</itunes:new-feed-url>"
    platform.origin.put("/feed.xml", feed([item(2), item(1)], head=head))
    platform.origin.put("/new.xml", b"<html>coming soon</html>")
    result = platform.poll(added)
    assert (result.new, platform.feed(added).url) == (1, platform.origin.url("/feed.xml"))
    assert platform.poll(added).moved_to is None
    platform.origin.put("/new.xml", feed([item(3), item(2), item(1)]))
    result = platform.poll(added)
    assert (result.new, result.moved_to) == (1, target)
    assert platform.feed(added).url == target


def test_a_move_onto_a_feed_that_is_registered_already_is_refused(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    platform.origin.put("/other.xml", feed([item(9)], title="Other"))
    added = platform.add()
    other = platform.add("/other.xml")
    platform.poll(added)
    platform.poll(other)
    location = {"Location": platform.origin.url("/other.xml")}
    platform.origin.put("/feed.xml", status=301, headers=location)
    result = platform.poll(added)
    assert result.error.code == "FeedMoveRefusedError"
    assert platform.feed(added).url == platform.origin.url("/feed.xml")
    assert len(platform.items("episode")) == 2


def test_items_that_cannot_be_told_apart_are_quarantined_not_lost(platform):
    nameless = "<item><description>no guid, no file, no title</description></item>"
    platform.origin.put("/feed.xml", feed([item(1), nameless]))
    added = platform.add()
    result = platform.poll(added)
    assert (result.new, result.quarantined) == (1, 1)
    assert len(platform.keys("quarantine/")) == 1


def test_an_emptied_document_does_not_mark_the_catalogue_gone(platform):
    platform.origin.put("/feed.xml", feed([item(1), item(2)]))
    added = platform.add()
    platform.poll(added)
    platform.origin.put("/feed.xml", feed([]))
    assert platform.poll(added).gone == 0


def test_replay_reads_the_stored_document_without_fetching(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    fetched = len(platform.origin.requests)
    platform.registry.poll("acme", added.feed_id, replay=True)
    result = platform.poll(added, reason="replay")
    assert (result.outcome, result.unchanged, result.new) == (Outcome.CHANGED, 1, 0)
    assert len(platform.origin.requests) == fetched


def test_a_lost_catalogue_heals_without_publishing_anything_twice(platform):
    platform.origin.put("/feed.xml", feed([item(1), item(2)]))
    added = platform.add()
    platform.poll(added)
    [key] = platform.keys("catalogue/")
    before = {episode["episode_id"] for episode in platform.items("episode")}
    platform.documents.drop(key)
    platform.origin.put("/feed.xml", feed([item(3), item(1), item(2)]))
    platform.poll(added)
    after = {episode["episode_id"] for episode in platform.items("episode")}
    assert before < after
    assert len(after) == 3


def test_only_the_last_catalogue_is_kept(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    for number in range(2, 6):
        platform.origin.put("/feed.xml", feed([item(n) for n in range(number)]))
        platform.poll(added)
    assert len(platform.keys("catalogue/")) == 1
    assert len(platform.keys("raw/")) == 5


def test_a_refusing_bucket_loses_nothing_and_the_retry_publishes_once(platform):
    platform.origin.put("/feed.xml", feed([item(1), item(2)]))
    added = platform.add()

    class Refusing:
        def __getattr__(self, name):
            original = getattr(platform.documents, name)

            def refuse(*arguments):
                if name == "put_catalogue":
                    raise ServiceUnavailableError("the bucket refuses")
                return original(*arguments)

            return refuse

    message = platform.message(added)
    with pytest.raises(ServiceUnavailableError):
        platform.broken(documents=Refusing()).poll(message)
    assert len(platform.items("episode")) == 2
    assert platform.feed(added).catalogue_key is None
    result = platform.poller.poll(message)
    assert (result.outcome, result.new) == (Outcome.CHANGED, 2)
    assert len(platform.items("episode")) == 2


def test_an_episode_too_large_for_an_item_is_stored_without_its_largest_fields(platform):
    chapters = "".join(
        f'<psc:chapter start="00:{n // 60:02d}:{n % 60:02d}" title="{"é" * 900}"/>'
        for n in range(1000)
    )
    big = item(1).replace(
        "</item>",
        '<psc:chapters xmlns:psc="http://podlove.org/simple-chapters">'
        f"{chapters}</psc:chapters></item>",
    )
    platform.origin.put("/feed.xml", feed([big, item(2)]))
    added = platform.add()
    assert platform.poll(added).new == 2
    found = platform.store.episode("acme", added.show_id, episode_id(added.show_id, "guid:guid-1"))
    assert json.loads(found.document)["left_out"] == ["chapters"]
    assert len(json.dumps(found.to_item()).encode()) < 400_000


def test_a_pause_in_the_middle_of_a_poll_wins_over_the_poll(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    message = platform.message(added)

    def pausing(request):
        platform.registry.pause("acme", added.feed_id)
        return platform.fetch(request)

    assert platform.broken(fetch=pausing).poll(message).outcome is Outcome.VOID
    assert platform.feed(added).status is FeedStatus.PAUSED
    assert platform.poller.poll(message).outcome is Outcome.VOID


@pytest.mark.parametrize(
    "address",
    [
        "http://x:99999999/a", "http://[::1/", "http://[abc]/x", "//x:y/", "http://x:-1/",
        "http://x\\@y:z/", "javascript:alert(1)", "file:///etc/passwd", "not an address",
    ],
)  # fmt: skip
def test_no_new_address_a_document_names_can_make_a_poll_raise(platform, address):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    head = f"<itunes:new-feed-url>{address}</itunes:new-feed-url>"
    platform.origin.put("/feed.xml", feed([item(2), item(1)], head=head))
    result = platform.poll(added)
    assert (result.outcome, result.new) == (Outcome.CHANGED, 2)
    assert platform.feed(added).url == platform.origin.url("/feed.xml")


def test_whatever_our_reader_stumbles_over_is_the_feeds_failure_and_kept(platform, monkeypatch):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)

    def stumble(*_, **__):
        raise ZeroDivisionError("by a stranger's document")

    monkeypatch.setattr("tallycast.feeds.poll.read", stumble)
    body = feed([item(2)])
    platform.origin.put("/feed.xml", body)
    result = platform.poll(added)
    assert (result.outcome, result.error.code) == (Outcome.FAILED, "DocumentUnreadableError")
    assert any(hashlib.sha256(body).hexdigest() in key for key in platform.keys("quarantine/"))


def test_three_feeds_that_send_one_another_in_a_circle_move_nowhere(platform):
    names = ["/feed.xml", "/b.xml", "/c.xml"]
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    for path, onward in zip(names, [*names[1:], names[0]], strict=True):
        head = f"<itunes:new-feed-url>{platform.origin.url(onward)}</itunes:new-feed-url>"
        platform.origin.put(path, feed([item(1), item(2)], head=head))
    assert platform.poll(added).new == 1
    assert platform.feed(added).url == platform.origin.url("/feed.xml")


def test_a_move_that_never_works_is_tried_once_a_day_and_costs_nothing_between(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add(pinned=True)
    platform.poll(added)
    head = f"<itunes:new-feed-url>{platform.origin.url('/gone.xml')}</itunes:new-feed-url>"
    platform.origin.put("/feed.xml", feed([item(1)], head=head))
    outcomes = [platform.poll(added).outcome for _ in range(96)]
    asked = [path for path, _ in platform.origin.requests].count("/gone.xml")
    assert outcomes.count(Outcome.CHANGED) == 1
    assert asked == 1
    platform.poll(added)
    assert [path for path, _ in platform.origin.requests].count("/gone.xml") == 2


def test_a_move_onto_a_removed_feeds_address_is_made(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    platform.origin.put("/old.xml", feed([item(9)], title="Other"))
    removed = platform.add("/old.xml")
    platform.registry.remove("acme", removed.feed_id)
    added = platform.add()
    platform.poll(added)
    location = {"Location": platform.origin.url("/old.xml")}
    platform.origin.put("/feed.xml", status=301, headers=location)
    assert platform.poll(added).moved_to == platform.origin.url("/old.xml")


def test_a_document_with_more_changes_than_one_poll_writes_is_taken_in_parts(platform, monkeypatch):
    monkeypatch.setitem(compare.__kwdefaults__, "most", 10)
    platform.origin.put("/feed.xml", feed([item(n) for n in range(25)]))
    added = platform.add()
    results = [platform.poll(added)]
    while results[-1].again is not None:
        message = results[-1].again
        assert message == platform.message(added, reason="requested")
        results.append(platform.poller.poll(message))
    assert [result.new for result in results] == [10, 10, 5]
    assert all(result.imported for result in results)
    assert len(platform.items("episode")) == 25
    platform.origin.put("/feed.xml", feed([item(n, title="Edited") for n in range(5, 25)]))
    results = [platform.poll(added)]
    while results[-1].again is not None:
        results.append(platform.poller.poll(results[-1].again))
    assert sum(result.updated for result in results) == 20
    assert sum(result.gone for result in results) == 5
    assert not any(result.imported for result in results)
    assert platform.poll(added).outcome is Outcome.UNCHANGED


def test_a_slow_poll_never_overwrites_what_a_later_one_wrote(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    platform.origin.put("/feed.xml", feed([item(1, title="Second")]))
    message = platform.message(added)
    platform.now = message.scheduled_for
    asked = []

    def slow(request):
        got = platform.fetch(request)
        platform.now += timedelta(seconds=2)
        platform.registry.poll("acme", added.feed_id)
        platform.origin.put("/feed.xml", feed([item(1, title="Third")]))
        with pytest.raises(FeedBusyError):
            platform.poller.poll(platform.message(added))
        asked.append(platform.message(added))
        return got

    assert platform.broken(fetch=slow).poll(message).outcome is Outcome.VOID
    assert platform.poller.poll(asked[0]).updated == 1
    [episode] = platform.store.episodes("acme", added.show_id)
    assert episode["title"] == "Third"


def test_a_show_that_was_empty_at_first_is_imported_when_it_fills(platform):
    platform.origin.put("/feed.xml", feed([]))
    added = platform.add()
    platform.poll(added)
    platform.origin.put("/feed.xml", feed([item(n) for n in range(5)]))
    result = platform.poll(added)
    assert (result.new, result.imported) == (5, True)
    platform.origin.put("/feed.xml", feed([item(n) for n in range(6)]))
    assert platform.poll(added).imported is False


def test_a_document_is_kept_only_when_it_brought_something(platform):
    platform.origin.put("/feed.xml", feed([item(1)]))
    added = platform.add()
    platform.poll(added)
    for number in range(5):
        head = f"<lastBuildDate>Sun, 22 Nov 2026 10:0{number}:00 GMT</lastBuildDate>"
        platform.origin.put("/feed.xml", feed([item(1)], head=head))
        assert platform.poll(added).outcome is Outcome.CHANGED
    assert len(platform.keys("raw/")) == 1
    platform.registry.poll("acme", added.feed_id, replay=True)
    assert platform.poll(added, reason="replay").unchanged == 1
