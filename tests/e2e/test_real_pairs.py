"""Real feeds through the deployed platform: what is new is found, nothing is created twice."""

from __future__ import annotations

import re

import pytest

from tallycast.feeds.parsing import parse
from tests.support.shared import REAL_FEEDS, needs_shared, paired_feed, real_feed

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket, needs_shared]

NO_FEEDS = {
    "argl-html-response.xml": "not a feed: HTML page",
    "argl-non-well-formed.xml": "not a feed: XML document that is not well-formed",
    "epic-web.pdf": "not a feed: PDF document",
}


def polled_pair(tenant, host, first, second):
    path = f"/{tenant.name}.xml"
    url = host.put(path, paired_feed(first))
    feed = tenant.add(url)
    before = tenant.polled([feed], feed.created_at)[0]
    host.put(path, paired_feed(second))
    after = tenant.poll_again(feed)
    tenant.hear_everything()
    return before, after


def test_intercepted_goes_over_to_https_and_publishes_its_four_new_episodes_alone(
    steady_tenant, host
):
    before, after = polled_pair(
        steady_tenant, host, "2018-01-20-Intercepted.xml", "2018-02-03-Intercepted.xml"
    )
    assert before.last_counts["new"] == 43
    # Every file's address is another; its host and path are not, so nothing counts as moved.
    assert after.last_counts == {
        "new": 4, "updated": 43, "moved": 0, "gone": 0, "returned": 0, "unchanged": 0,
        "quarantined": 0,
    }  # fmt: skip
    assert len(steady_tenant.episodes(after)) == 47
    published = steady_tenant.told("EpisodePublished", after)
    assert (len(published), set(published.values())) == (47, {1})
    changed = steady_tenant.told("EpisodeChanged", after)
    assert (len(changed), set(changed.values())) == (43, {1})
    discovered = [event["discovery"] for event in steady_tenant.events("EpisodePublished")]
    assert (discovered.count("import"), discovered.count("poll")) == (43, 4)


def test_ndr_publishes_one_keeps_the_one_that_left_and_leaves_the_third_alone(steady_tenant, host):
    before, after = polled_pair(steady_tenant, host, "2024-03-13-ndr.xml", "2024-03-14-ndr.xml")
    assert before.last_counts["new"] == 2
    assert after.last_counts == {
        "new": 1, "updated": 0, "moved": 0, "gone": 1, "returned": 0, "unchanged": 1,
        "quarantined": 0,
    }  # fmt: skip
    episodes = steady_tenant.episodes(after)
    assert len(episodes) == 3
    assert sum("gone_at" in episode for episode in episodes) == 1
    published = steady_tenant.told("EpisodePublished", after)
    assert (len(published), set(published.values())) == (3, {1})
    assert not steady_tenant.events("EpisodeChanged")


def test_every_real_file_is_taken_in_whole_or_refused_for_what_it_is(steady_tenant, host):
    refused, feeds, expected = {}, {}, {}
    for file in sorted(REAL_FEEDS.iterdir()):
        body = real_feed(file.name)
        path = f"/{steady_tenant.name}/{file.name}"
        answer = steady_tenant.answer_to_add(host.put(path, at_home(body, host.url(path))))
        if "error" in answer:
            assert answer["error"]["code"] == "NotAFeedError"
            refused[file.name] = answer["error"]["message"]
        else:
            feed_id = answer["feed"]["feed_id"]
            feeds[file.name] = steady_tenant.store.get(steady_tenant.name, feed_id)
            expected[file.name] = len(parse(body).episodes)
    assert refused == NO_FEEDS
    assert len(feeds) == 13
    began = min(feed.created_at for feed in feeds.values())
    steady_tenant.polled(feeds.values(), began)
    steady_tenant.hear_everything()
    ledgers = {name: steady_tenant.ledger(feed) for name, feed in feeds.items()}
    assert {name: ledger.stored for name, ledger in ledgers.items()} == expected
    assert {name: ledger.counted.get("new", 0) for name, ledger in ledgers.items()} == expected
    for name, ledger in ledgers.items():
        assert ledger.told == ({1: expected[name]} if expected[name] else {}), name
        assert ledger.quarantined == 0, name


def at_home(body: bytes, url: str) -> bytes:
    """The document with its `itunes:new-feed-url` leading to itself: we visit nobody else."""
    return re.sub(rb"(?<=<itunes:new-feed-url>)[^<]*", url.encode(), body)
