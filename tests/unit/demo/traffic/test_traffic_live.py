from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tallycast.demo.shows import DEFAULT_UNTIL, generate_shows
from tallycast.demo.traffic.catalogue import invented, of_shows
from tallycast.demo.traffic.live import live_plan

DAY = datetime(2026, 1, 11, tzinfo=UTC)


@pytest.fixture(scope="module")
def audio():
    shows = generate_shows(7, 6)
    return of_shows([(show, f"show_{n}", "Europe/Berlin") for n, show in enumerate(shows)])


@pytest.fixture(scope="module")
def plan(audio):
    return live_plan(audio, hits=1_500, seed=7, day=DAY)


def test_a_plan_has_about_as_many_hits_as_asked_for_in_order_of_time(plan):
    assert 1_500 <= len(plan.hits) < 1_800
    assert [hit.at for hit in plan.hits] == sorted(hit.at for hit in plan.hits)
    assert all(DAY <= hit.at < DAY + timedelta(days=1) for hit in plan.hits)
    assert sum(plan.waterfall.values()) == len(plan.hits)


def test_the_same_arguments_give_the_same_plan(plan, audio):
    assert live_plan(audio, hits=1_500, seed=7, day=DAY) == plan


def test_hits_ask_for_files_of_the_shows_with_headers_that_can_be_sent(plan, audio):
    shows = {f"https://{one.media}": one.show_id for one in audio}
    for hit in plan.hits:
        assert shows[hit.url] == hit.show_id
        assert hit.method in {"GET", "HEAD"}
        assert set(hit.headers) <= {"user-agent", "range", "referer", "x-playback-session-id"}
        assert all(value.isprintable() and value for value in hit.headers.values())


def test_the_visible_truth_is_one_download_per_client_and_file(plan, audio):
    """Read from the hits alone, as a redirect would; noise is told by what it says and is."""
    episodes = {f"https://{one.media}": one.episode_id for one in audio}
    noise = sum(
        number
        for (who, what), number in plan.waterfall.items()
        if who != "person" or what in {"probe", "head"}
    )
    asking = len(plan.hits) - noise
    known = {"download", "repeat", "replay", "short", "preload"}
    assert asking == sum(
        number
        for (who, what), number in plan.waterfall.items()
        if who == "person" and what in known
    )
    assert sum(plan.visible.values()) == plan.waterfall["person", "download"]
    clients = {
        (hit.url, hit.viewer, hit.headers.get("user-agent"))
        for hit in plan.hits
        if hit.method == "GET" and hit.headers.get("range") != "bytes=0-1"
    }
    most = Counter(episodes[url] for url, _, _ in clients)
    assert all(number <= most[episode] for episode, number in plan.visible.items())


def test_the_demos_files_are_those_of_its_shows():
    [show] = generate_shows(3, 1)
    audio = of_shows([(show, "show_x", "UTC")])
    assert {one.media for one in audio} == {one.enclosure_key for one in show.episodes}
    assert len({one.episode_id for one in audio}) == len(show.episodes)
    assert {one.length_bytes for one in audio} == {one.enclosure_bytes for one in show.episodes}
    assert {one.source for one in audio} == {"log"}


def test_of_several_shows_every_fourth_is_behind_a_prefix():
    shows = [(show, f"show_{n}", "UTC") for n, show in enumerate(generate_shows(3, 8))]
    assert {one.show_id for one in of_shows(shows) if one.source == "prefix"} == {
        "show_3", "show_7",
    }  # fmt: skip
    assert {one.source for one in of_shows(shows, prefix_every=0)} == {"log"}


def test_invented_shows_release_before_and_during_the_period_and_never_after():
    audio = invented(5, 7, DEFAULT_UNTIL, 30)
    assert audio == invented(5, 7, DEFAULT_UNTIL, 30)
    assert len({one.show_id for one in audio if one.show_id}) == 7
    assert len({one.media for one in audio}) == len(audio)
    released = [one.released_at for one in audio]
    assert min(released) < DEFAULT_UNTIL < max(released) < DEFAULT_UNTIL + timedelta(days=30)
    assert {one.known for one in audio} == {"all", "length", "stray"}
