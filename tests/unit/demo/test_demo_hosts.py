from __future__ import annotations

import gzip

import pytest

from tallycast.demo.habits import Habit, Phase
from tallycast.demo.hosts import (
    ETAG_HABITS,
    LAST_MODIFIED_HABITS,
    MIRROR_FEED,
    MOVED_FEED,
    Request,
    answer,
)
from tallycast.demo.shows import generate_shows

BASE = "http://127.0.0.1:8"
SHOWS = {show.habit: show for show in reversed(generate_shows(1))}
FIRST, SECOND, THIRD = Phase.FIRST_TICK, Phase.SECOND_TICK, Phase.THIRD_TICK


def ask(habit, phase=FIRST, tail="feed.xml", serial=1, page=1, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(tail, page, names)
    return answer(SHOWS[habit], phase, request, base_url=BASE, serial=serial, retry_after=7)


def tail_of(habit):
    return MIRROR_FEED if habit is Habit.TEMPORARY_REDIRECT else "feed.xml"


@pytest.mark.parametrize("habit", sorted(ETAG_HABITS))
def test_an_etag_echoed_verbatim_is_answered_by_304_without_a_body(habit):
    tag = ask(habit, tail=tail_of(habit)).headers["ETag"]
    again = ask(habit, tail=tail_of(habit), serial=2, if_none_match=tag)
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)


@pytest.mark.parametrize("habit", sorted(ETAG_HABITS))
@pytest.mark.parametrize("tag", ['"other"', "", "garbage", "*x"])
def test_any_other_etag_gets_the_whole_document(habit, tag):
    assert ask(habit, tail=tail_of(habit), if_none_match=tag).status == 200


def test_an_etag_without_its_quotes_is_another_etag():
    tag = ask(Habit.STRONG_ETAG).headers["ETag"]
    assert tag.startswith('"')
    assert ask(Habit.STRONG_ETAG, if_none_match=tag.strip('"')).status == 200


@pytest.mark.parametrize("habit", sorted(LAST_MODIFIED_HABITS))
def test_a_date_not_older_than_the_change_is_answered_by_304(habit):
    date = ask(habit).headers["Last-Modified"]
    assert ask(habit, if_modified_since=date).status == 304
    assert ask(habit, if_modified_since="Mon, 01 Jan 2001 00:00:00 GMT").status == 200
    assert ask(habit, if_modified_since="last Tuesday").status == 200


def test_a_wrong_etag_is_not_saved_by_a_right_date():
    date = ask(Habit.BOTH_VALIDATORS).headers["Last-Modified"]
    asked = {"if_none_match": '"other"', "if_modified_since": date}
    assert ask(Habit.BOTH_VALIDATORS, **asked).status == 200


@pytest.mark.parametrize("habit", [Habit.STRONG_ETAG, Habit.LAST_MODIFIED, Habit.GZIP])
def test_validators_of_the_first_tick_no_longer_hold_at_the_second(habit):
    before = ask(habit, FIRST).headers
    asked = {
        "if_none_match" if "ETag" in before else "if_modified_since": before.get("ETag")
        or before["Last-Modified"]
    }
    assert ask(habit, FIRST, **asked).status == 304
    assert ask(habit, SECOND, **asked).status == 200


def test_hosts_without_validators_send_none():
    for habit in set(Habit) - ETAG_HABITS - LAST_MODIFIED_HABITS:
        assert not {"ETag", "Last-Modified"} & ask(habit).headers.keys()


def test_the_host_without_validators_sends_the_same_bytes_and_the_churning_ones_do_not():
    pairs = {
        habit: (ask(habit, serial=1).body, ask(habit, serial=2).body)
        for habit in (Habit.NO_VALIDATORS, Habit.HEAD_CHURN, Habit.ROTATING_TOKENS)
    }
    same = {habit for habit, (first, second) in pairs.items() if first == second}
    assert same == {Habit.NO_VALIDATORS}


def test_gzip_is_sent_only_to_those_who_take_it():
    plain, packed = ask(Habit.GZIP), ask(Habit.GZIP, accept_encoding="br, gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]


def test_a_permanent_redirect_begins_at_the_second_tick():
    habit = Habit.PERMANENT_REDIRECT
    assert ask(habit, FIRST).status == 200
    assert ask(habit, FIRST, MOVED_FEED).status == 404
    moved = ask(habit, SECOND)
    assert moved.status == 301
    assert moved.headers["Location"] == f"{BASE}/{SHOWS[habit].slug}/{MOVED_FEED}"
    assert ask(habit, SECOND, MOVED_FEED).status == 200


def test_a_temporary_redirect_is_there_from_the_start_to_the_end():
    for phase in Phase:
        assert ask(Habit.TEMPORARY_REDIRECT, phase).status == 302
        assert ask(Habit.TEMPORARY_REDIRECT, phase, MIRROR_FEED).status == 200


def test_a_new_feed_url_is_announced_at_both_addresses():
    habit = Habit.NEW_FEED_URL
    told = f"<itunes:new-feed-url>{BASE}/{SHOWS[habit].slug}/{MOVED_FEED}</itunes:new-feed-url>"
    assert b"new-feed-url" not in ask(habit, FIRST).body
    old, new = ask(habit, SECOND), ask(habit, SECOND, MOVED_FEED)
    assert told.encode() in old.body
    assert old == new


@pytest.mark.parametrize(
    ("habit", "statuses"),
    [
        (Habit.DYING, [200, 200, 500, 410]),
        (Habit.THROTTLED, [200, 200, 429, 200]),
        (Habit.PARKED, [200, 200, 200, 200]),
        (Habit.BROKEN, [200, 200, 200, 200]),
    ],
)
def test_hosts_fail_in_the_phases_the_demo_tells(habit, statuses):
    assert [ask(habit, phase).status for phase in Phase] == statuses


def test_parked_and_broken_hosts_send_html_with_200_in_their_phases():
    html = {
        habit: [
            ask(habit, phase).headers["Content-Type"].startswith("text/html") for phase in Phase
        ]
        for habit in (Habit.PARKED, Habit.BROKEN)
    }
    assert html == {Habit.PARKED: [False, False, True, False], Habit.BROKEN: [True] * 4}


def test_a_throttling_host_says_how_long_to_wait():
    assert ask(Habit.THROTTLED, SECOND).headers["Retry-After"] == "7"


@pytest.mark.parametrize("tail", ["", "feed", "feed.xml/", "moved/feed.xml", "../feed.xml"])
def test_other_paths_are_not_found(tail):
    assert ask(Habit.STRONG_ETAG, tail=tail).status == 404


@pytest.mark.parametrize("page", [-1, 0, 2, 10**9])
def test_pages_that_do_not_exist_are_not_found(page):
    assert ask(Habit.STRONG_ETAG, page=page).status == 404


def test_only_the_slow_host_is_slow():
    assert {habit for habit in Habit if ask(habit).slow} == {Habit.SLOW}
