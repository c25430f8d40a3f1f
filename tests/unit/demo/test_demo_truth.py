from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallycast.demo.habits import Habit, Phase
from tallycast.demo.hosts import Request, answer
from tallycast.demo.script import show_at
from tallycast.demo.shows import generate_shows
from tallycast.demo.truth import Identity, OutcomeKind, current_path, identity_of, truth_of
from tallycast.feeds.identity import identify
from tests.unit.demo.reference_poller import ReferencePoller

SEEDS = st.integers(0, 2**64)
BASE = "http://127.0.0.1:8"
TICKS = (Phase.FIRST_TICK, Phase.SECOND_TICK, Phase.THIRD_TICK)


class Wire:
    """The hosts' rules without sockets: what an origin would answer in `phase`."""

    def __init__(self, show):
        self.show, self.phase, self.serial = show, Phase.REGISTRATION, 0

    def __call__(self, path, headers):
        self.serial += 1
        tail = path.removeprefix(f"/{self.show.slug}/")
        reply = answer(
            self.show,
            self.phase,
            Request(tail, 1, headers),
            base_url=BASE,
            serial=self.serial,
        )
        names = {name.lower(): value for name, value in reply.headers.items()}
        return reply.status, names, reply.body


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_a_plain_poller_reports_the_truth_for_any_seed(seed):
    shows = generate_shows(seed, episodes=(1, 6))
    truth = truth_of(shows)
    for show in shows:
        wire = Wire(show)
        poller = ReferencePoller(wire, urlsplit(f"{BASE}/{show.slug}/feed.xml").path)
        for phase in TICKS:
            expected = truth.expected(show.slug, phase)
            if expected is None:
                continue
            wire.phase = phase
            report = poller.poll()
            assert report.kind == expected.kind
            assert report.published == {tuple(identity) for identity in expected.published}
            assert (report.updated, report.rehosted) == (expected.updated, expected.rehosted)
            assert (report.gone, report.returned) == (expected.gone, expected.returned)
            assert (report.error, report.moved_to) == (expected.error, expected.moved_to)
            if expected.kind is not OutcomeKind.RETIRED:
                assert poller.path == current_path(show, phase)
        assert set(poller.seen) == {tuple(one) for one in truth.ever_published(show.slug)}


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(0, 25))
def test_the_totals_agree_with_themselves(seed, count):
    shows = generate_shows(seed, count, (1, 8))
    truth = truth_of(shows)
    whole = truth.totals()
    assert whole.feeds == count
    assert whole.new == sum(len(truth.ever_published(show.slug)) for show in shows)
    for field in ("new", "updated", "rehosted", "gone", "returned"):
        assert getattr(whole, field) == sum(getattr(truth.totals(p), field) for p in Phase)
    assert sum(whole.outcomes.values()) == len(truth.expectations)
    failed = {OutcomeKind.REFUSED, OutcomeKind.FAILED, OutcomeKind.RETIRED}
    assert sum(whole.errors.values()) == sum(whole.outcomes.get(kind, 0) for kind in failed)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_no_episode_is_expected_to_be_published_twice(seed):
    truth = truth_of(generate_shows(seed, episodes=(1, 8)))
    told = [(each.slug, identity) for each in truth.expectations for identity in each.published]
    assert len(told) == len(set(told)) == truth.totals().new


def test_the_default_demo_shows_every_kind_of_outcome_and_every_error():
    totals = truth_of(generate_shows(1)).totals()
    assert set(totals.outcomes) == set(OutcomeKind)
    assert totals.errors == {
        "NotAFeedError": 2,
        "ServerError": 1,
        "TooManyRequestsError": 1,
        "FeedGoneError": 1,
    }


def test_at_registration_only_the_broken_feed_is_refused():
    shows = generate_shows(1)
    kinds = {each.slug: each.kind for each in truth_of(shows).of(Phase.REGISTRATION)}
    assert kinds == {
        show.slug: OutcomeKind.REFUSED if show.habit is Habit.BROKEN else OutcomeKind.ACCEPTED
        for show in shows
    }


def test_the_first_tick_publishes_every_episode_of_every_accepted_feed():
    shows = [show for show in generate_shows(1) if show.habit is not Habit.BROKEN]
    first = truth_of(shows).of(Phase.FIRST_TICK)
    assert {each.slug: each.new for each in first} == {
        show.slug: len(show.episodes) for show in shows
    }
    assert {each.kind for each in first} == {OutcomeKind.PUBLISHED}


@pytest.mark.parametrize(
    ("habit", "second", "third"),
    [
        (Habit.STRONG_ETAG, ("published", 1, 0, 0), ("unchanged", 0, 0, 0)),
        (Habit.LAST_MODIFIED, ("published", 1, 2, 0), ("unchanged", 0, 0, 0)),
        (Habit.BOTH_VALIDATORS, ("unchanged", 0, 0, 0), ("unchanged", 0, 0, 0)),
        (Habit.NO_VALIDATORS, ("unchanged", 0, 0, 0), ("published", 1, 0, 0)),
        (Habit.HEAD_CHURN, ("unchanged", 0, 0, 0), ("published", 2, 0, 0)),
        (Habit.ROTATING_TOKENS, ("unchanged", 0, 0, 0), ("published", 1, 1, 0)),
        (Habit.GZIP, ("published", 3, 0, 3), ("published", 1, 1, 0)),
        (Habit.PERMANENT_REDIRECT, ("moved", 1, 0, 0), ("unchanged", 0, 0, 0)),
        (Habit.TEMPORARY_REDIRECT, ("changed", 0, 1, 0), ("unchanged", 0, 0, 0)),
        (Habit.NEW_FEED_URL, ("moved", 2, 10, 0), ("unchanged", 0, 0, 0)),
        (Habit.ILL_FORMED, ("published", 1, 1, 0), ("unchanged", 0, 0, 0)),
        (Habit.SLOW, ("published", 1, 0, 0), ("unchanged", 0, 0, 0)),
        (Habit.THROTTLED, ("failed", 0, 0, 0), ("published", 1, 0, 0)),
        (Habit.PARKED, ("failed", 0, 0, 0), ("published", 1, 0, 1)),
        (Habit.DYING, ("failed", 0, 0, 0), ("retired", 0, 0, 0)),
    ],
)
def test_the_script_in_numbers_for_shows_of_ten_episodes(habit, second, third):
    shows = generate_shows(4, episodes=(10, 10))
    slug = next(show.slug for show in shows if show.habit is habit)
    truth = truth_of(shows)
    found = [truth.expected(slug, phase) for phase in (Phase.SECOND_TICK, Phase.THIRD_TICK)]
    assert [(each.kind, each.new, each.updated, each.gone) for each in found] == [second, third]


def test_every_episode_in_a_document_is_counted_under_one_heading():
    shows = generate_shows(4)
    for each in truth_of(shows).expectations:
        if each.phase in TICKS and each.error is None:
            show = next(show for show in shows if show.slug == each.slug)
            counted = each.new + each.updated + each.returned + each.unchanged
            assert counted == len(show_at(show, each.phase).episodes)


def test_an_episode_that_comes_back_has_returned_and_is_not_published_again():
    shows = generate_shows(4, episodes=(10, 10))
    rolling = next(show.slug for show in shows if show.habit is Habit.GZIP)
    third = truth_of(shows).expected(rolling, Phase.THIRD_TICK)
    assert (third.new, third.updated, third.returned, third.unchanged) == (1, 1, 1, 9)


def test_a_new_media_host_updates_every_old_episode_and_publishes_none_of_them_again():
    shows = generate_shows(4, episodes=(10, 10))
    moving = next(show.slug for show in shows if show.habit is Habit.NEW_FEED_URL)
    second = truth_of(shows).expected(moving, Phase.SECOND_TICK)
    assert (second.new, second.updated, second.rehosted) == (2, 10, 10)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_truth_and_the_platform_name_every_episode_alike(seed):
    for show in generate_shows(seed, episodes=(1, 3)):
        for episode in show.episodes:
            guid = episode.guid if show.has_guids else None
            url = f"{episode.enclosure_url}?token=1"
            platform = identify(guid, url, episode.title, episode.published)
            assert platform == identity_of(show, episode)


def test_an_identity_as_text_joins_its_rule_and_its_value():
    assert str(Identity("guid", "a:b")) == "guid:a:b"


def test_a_refused_feed_is_never_polled():
    shows = generate_shows(1)
    broken = next(show.slug for show in shows if show.habit is Habit.BROKEN)
    truth = truth_of(shows)
    assert [truth.expected(broken, phase) for phase in TICKS] == [None] * 3
    assert truth.ever_published(broken) == frozenset()
