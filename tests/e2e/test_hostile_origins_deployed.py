"""Hostile hosts through the deployed poll: each ends under its name, its neighbours unharmed.

A batch is one invocation of `poll_feed` with four hostile feeds and a good one. It must fit into
the function's time-out, which is the budget of five fetches and a little: a function that passes
it is killed, and its invocation fails.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tallycast.feeds.parsing import parse
from tallycast.kernel.errors import TallycastError
from tests.e2e.tenants import batch, message
from tests.support.cloud import call
from tests.support.hostile import (
    CASES,
    CONDITIONAL_CASES,
    NEW_ETAG,
    PARSE_CASES,
    RETRY_AFTER,
    bomb,
)
from tests.support.hostile import feed as blameless

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

HOSTILE_IN_A_BATCH = 4
AT_ONCE = 3  # a host has four slots, and a poll that finds none is put off
GOOD = "ok"
BOUNDED = {GOOD, "NotAFeedError", "FeedTooComplexError"}
NEIGHBOUR_EPISODES = 2
TICK = timedelta(minutes=15)


def expected(path):
    """How the poll of a path may end, in the words of the kit."""
    if CASES[path] != GOOD:
        return {CASES[path]}
    # What came is the document without its end, and for that the parser has its own rules.
    cut = path == "/length/shorter"
    parsed = parse_of(blameless()[:-10]) if cut else PARSE_CASES.get(path, GOOD)
    return BOUNDED if parsed == "bounded" else {parsed}


def parse_of(body):
    try:
        parse(body)
    except TallycastError as error:
        return error.code
    return GOOD


def ended(feed):
    """How a feed's last poll ended, in the words of the kit."""
    return GOOD if feed.last_error is None else feed.last_error.partition(":")[0]


def dealt(paths):
    """Paths in batches of four; equal habits are neighbours in the kit and are kept apart."""
    number = -(-len(paths) // HOSTILE_IN_A_BATCH)
    return [paths[start::number] for start in range(number)]


def addressed(hostile, paths):
    """The addresses of paths, told apart from those that others of the kit move to.

    Only one feed of a tenant may have an address. Routes do not look at the query, but for one
    that counts.
    """
    return [
        hostile.url(path) + ("" if path.startswith("/redirect/steps/") else "?case")
        for path in paths
    ]


class Polled:
    """Every feed of the kit and every neighbour after one poll, and what the function answered."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.cases = {}
        self.neighbours = []
        self.answers = []

    def poll(self, feeds):
        """Give feeds to the function as one batch; what it answered, and whether it failed."""
        bodies = [message(feed).model_dump_json() for feed in self.tenant.now(feeds)]
        return call(self.tenant.cloud, "PollFeed", batch(*bodies))

    def poll_batch(self, paths, feeds, neighbour):
        self.answers.append((paths, self.poll([*feeds, neighbour])))
        self.cases |= dict(zip(paths, self.tenant.now(feeds), strict=True))
        self.neighbours += self.tenant.now([neighbour])


@pytest.fixture(scope="module")
def kit(steady, hostile, new_tenant):
    """The whole kit, polled in batches of four with a good neighbour at the end of each."""
    for window_bits in (31, 15, -15):
        bomb(window_bits)  # made beforehand: that takes the origin longer than a fetch may last
    polled = Polled(new_tenant(steady, "hostile"))
    tenant = polled.tenant
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = []
        for number, paths in enumerate(dealt(list(CASES))):
            feeds = tenant.register_for_later(addressed(hostile, paths))
            [neighbour] = tenant.register_for_later([f"{hostile.url('/ok')}?neighbour={number}"])
            done.append(pool.submit(polled.poll_batch, paths, feeds, neighbour))
        for one in done:
            one.result()
    return polled


def test_every_batch_ends_inside_its_budget_and_gives_no_message_back(kit):
    assert len(kit.answers) == -(-len(CASES) // HOSTILE_IN_A_BATCH)
    wrong = [each for each in kit.answers if each[1] != ({"batchItemFailures": []}, False)]
    assert wrong == []


@pytest.mark.parametrize("path", CASES)
def test_each_habit_is_recorded_on_its_feed_by_name(kit, path):
    feed = kit.cases[path]
    assert ended(feed) in expected(path), feed.last_error
    if ended(feed) == GOOD:
        assert (feed.last_outcome, feed.failures) == ("changed", 0)
    elif ended(feed) == "FeedGoneError":
        assert (feed.last_outcome, feed.status, feed.next_poll_at) == ("retired", "retired", None)
    else:
        assert (feed.last_outcome, feed.status, feed.failures) == ("failed", "active", 1)
        assert feed.next_poll_at > feed.last_polled_at
        assert feed.episodes == 0


def test_no_neighbour_is_harmed(kit):
    assert len(kit.neighbours) == len(kit.answers)
    assert {(ended(feed), feed.last_outcome) for feed in kit.neighbours} == {(GOOD, "changed")}
    assert {feed.last_counts["new"] for feed in kit.neighbours} == {NEIGHBOUR_EPISODES}
    for feed in kit.neighbours[:3]:
        assert len(kit.tenant.episodes(feed)) == NEIGHBOUR_EPISODES


@pytest.mark.parametrize(("path", "seconds"), RETRY_AFTER.items())
def test_a_host_that_asks_to_be_left_alone_is_left_alone_for_that_long(kit, path, seconds):
    feed = kit.cases[path]
    pause = feed.next_poll_at - feed.last_polled_at
    assert pause >= timedelta(seconds=seconds or 0)
    assert pause <= max(timedelta(seconds=seconds or 0), TICK) + TICK


def test_no_document_makes_the_parser_visit_anybody(kit, hostile):
    assert "/secret" not in {path for path, _ in hostile.requests}


def test_nothing_of_this_machine_is_taken_into_an_episode(kit):
    for path in ("/parse/external-file", "/parse/external-http"):
        stored = repr(kit.tenant.episodes(kit.cases[path]))
        assert "root:" not in stored
        assert "secret" not in stored


def test_a_second_poll_with_validators_ends_as_it_must(kit, hostile):
    paths = list(CONDITIONAL_CASES)
    answer = kit.poll([kit.cases[path] for path in paths])
    assert answer == ({"batchItemFailures": []}, False)
    for path in paths:
        [feed] = kit.tenant.now([kit.cases[path]])
        assert (ended(feed), feed.last_outcome) == (GOOD, "unchanged"), path
        assert feed.last_polled_at > kit.cases[path].last_polled_at
        # A 304 may bring a new ETag, which is the one to send from then on.
        assert feed.etag == (NEW_ETAG if path == "/304/changed-etag" else kit.cases[path].etag)
        asked = [seen for asked, seen in hostile.requests if asked.startswith(f"{path}?case")]
        assert "if-none-match" in asked[-1], path
