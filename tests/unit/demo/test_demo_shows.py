from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallycast.demo.habits import Habit, Phase, Quirk
from tallycast.demo.script import SCRIPT, show_at
from tallycast.demo.shows import CAST, PAGE_SIZE, PREFIXES, ChangePlan, generate_shows, with_changes

SEEDS = st.integers(min_value=-(2**63), max_value=2**63)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLANS = st.builds(
    ChangePlan,
    new=st.integers(0, 5),
    edited=st.integers(0, 5),
    dropped=st.integers(0, 30),
    moves_host=st.booleans(),
)
RESERVED = re.compile(r"(\.|^)(example\.(com|net|org)|test|invalid)$")


def test_the_same_seed_gives_the_same_shows_and_another_seed_others():
    assert generate_shows(7) == generate_shows(7)
    assert {show.title for show in generate_shows(7)} != {show.title for show in generate_shows(8)}


def test_the_shows_of_a_seed_never_change_from_release_to_release():
    show = generate_shows(1)[0]
    assert (show.slug, len(show.episodes)) == ("the-pigeons-tribunal", 31)
    assert show.episodes[0].enclosure_bytes == 44_400_000


def test_the_default_cast_has_every_habit_and_every_format():
    shows = generate_shows(1)
    assert {show.habit for show in shows} == set(Habit)
    assert {show.format for show in shows} == {"rss", "atom", "rdf"}


def test_a_longer_list_begins_with_the_shorter_one():
    assert generate_shows(3, 20)[:5] == generate_shows(3, 5)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_every_show_of_any_seed_is_plausible(seed):
    shows = generate_shows(seed, len(CAST) + 3, (1, 15))
    assert len({show.slug for show in shows}) == len(shows)
    for show in shows:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", show.slug)
        assert 1 <= len(show.episodes) <= 15
        dates = [episode.published for episode in show.episodes]
        assert dates == sorted(dates, reverse=True)
        assert dates[0] < show.updated
        assert len({episode.guid for episode in show.episodes}) == len(show.episodes)
        assert len({episode.enclosure_key for episode in show.episodes}) == len(show.episodes)
        for episode in show.episodes:
            assert episode.enclosure_bytes * 8 == episode.duration_seconds * 128_000
            assert RESERVED.search(episode.enclosure_host)
            assert episode.enclosure_url == (
                f"https://{show.enclosure_prefix}{episode.enclosure_key}"
            )


def test_many_shows_mix_bare_and_prefixed_enclosures_rhythms_and_optional_tags():
    shows = generate_shows(5, 120, (3, 6))
    assert {show.enclosure_prefix for show in shows} == set(PREFIXES)
    assert {show.rhythm for show in shows} == {"daily", "weekly", "irregular"}
    for tag in ("podcast_guid", "locked_owner", "funding", "value"):
        assert {bool(getattr(show, tag)) for show in shows} == {True, False}
    for tag in ("persons", "chapters", "chapters_url", "transcripts", "soundbites", "image"):
        assert {bool(getattr(e, tag)) for show in shows for e in show.episodes} == {True, False}


def test_daily_and_weekly_shows_keep_their_rhythm():
    for show in generate_shows(5, 40, (5, 10)):
        dates = [episode.published for episode in show.episodes]
        gaps = {round((later - sooner) / timedelta(days=1)) for later, sooner in pairwise(dates)}
        if show.rhythm == "daily":
            assert gaps == {1}
        if show.rhythm == "weekly":
            assert gaps == {7}


@settings(max_examples=60, deadline=None)
@given(SEEDS, PLANS)
def test_a_plan_changes_exactly_what_it_says(seed, plan):
    (before,) = generate_shows(seed, 1, (1, 20))
    after = with_changes(before, plan, NOW)
    old = {episode.guid: episode for episode in before.episodes}
    new = {episode.guid: episode for episode in after.episodes}
    stay = max(1, len(old) - plan.dropped)
    assert len(new.keys() - old.keys()) == plan.new
    assert len(old.keys() - new.keys()) == len(old) - stay
    changed = sum(old[guid] != new[guid] for guid in old.keys() & new.keys())
    assert changed == (stay if plan.moves_host else min(plan.edited, stay))
    dates = [episode.published for episode in after.episodes]
    assert dates == sorted(dates, reverse=True)
    assert dates[0] <= NOW


def test_a_plan_that_changes_nothing_gives_the_same_show():
    (show,) = generate_shows(1, 1)
    assert with_changes(show, ChangePlan(), NOW) is show


def test_an_episode_that_left_the_window_never_lends_its_guid_to_a_new_one():
    (show,) = generate_shows(1, 1, (5, 5))
    guids: list[str] = [episode.guid for episode in show.episodes]
    for day in range(10):
        show = with_changes(show, ChangePlan(new=2, dropped=2), NOW + timedelta(days=day))
        guids += [episode.guid for episode in show.episodes[:2]]
    assert len(show.episodes) == 5
    assert len(set(guids)) == len(guids) == 25


def test_what_left_the_window_comes_back_newest_first_and_as_it_was():
    (show,) = generate_shows(1, 1, (6, 6))
    less = with_changes(show, ChangePlan(dropped=3), NOW)
    more = with_changes(less, ChangePlan(restored=2), NOW)
    assert less.episodes == show.episodes[:3]
    assert more.episodes == show.episodes[:5]
    assert with_changes(more, ChangePlan(restored=9), NOW).episodes == show.episodes


def test_editing_twice_gives_another_content_each_time():
    (show,) = generate_shows(1, 1)
    once = with_changes(show, ChangePlan(edited=1), NOW)
    twice = with_changes(once, ChangePlan(edited=1), NOW)
    titles = {each.episodes[0].title for each in (show, once, twice)}
    assert len(titles) == 3


def test_a_media_host_move_keeps_the_paths_and_reaches_the_new_episodes():
    (show,) = generate_shows(1, 1)
    moved = with_changes(show, ChangePlan(new=1, moves_host=True), NOW)
    assert {episode.enclosure_host for episode in moved.episodes} == {moved.enclosure_host}
    assert moved.enclosure_host != show.enclosure_host
    assert [e.enclosure_path for e in moved.episodes[1:]] == [
        e.enclosure_path for e in show.episodes
    ]


def test_only_a_paged_show_hides_episodes_behind_its_first_page():
    (show,) = generate_shows(1, 1, (25, 25))
    paged = replace(show, quirks=frozenset({Quirk.PAGED}))
    assert show.first_page == show.episodes
    assert paged.first_page == show.episodes[:PAGE_SIZE]


@pytest.mark.parametrize("phase", [Phase.REGISTRATION, Phase.FIRST_TICK])
def test_nothing_changes_before_the_second_tick(phase):
    assert all(show_at(show, phase) == show for show in generate_shows(1))


def test_a_show_in_a_phase_is_made_of_the_plans_up_to_that_phase():
    for show in generate_shows(2):
        plans = [SCRIPT[phase].get(show.habit, ChangePlan()) for phase in sorted(SCRIPT)]
        assert show_at(show, Phase.THIRD_TICK).made == show.made + sum(plan.new for plan in plans)
        dates = [episode.published for episode in show_at(show, Phase.THIRD_TICK).episodes]
        assert dates == sorted(dates, reverse=True)
