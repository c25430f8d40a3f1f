"""When a feed is polled again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tallycast.feeds.rhythm import (
    LONGEST,
    LONGEST_RETRY_AFTER,
    SHORTEST,
    TICK,
    Wishes,
    back_off,
    interval,
    next_poll,
    publishing_gap,
)

NOW = datetime(2026, 11, 22, 12, 0, 7, tzinfo=UTC)
moments = st.datetimes(
    min_value=datetime(2015, 1, 1), max_value=datetime(2026, 11, 22), timezones=st.just(UTC)
)
pauses = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40))


def every(gap, count=10, last=NOW - timedelta(hours=1)):
    return [last - gap * number for number in range(count)]


def test_a_weekly_show_is_polled_every_seven_hours_in_between():
    published = every(timedelta(days=7), last=NOW - timedelta(days=2))
    assert interval(NOW, published) == timedelta(hours=7)


def test_a_daily_show_is_polled_hourly():
    published = every(timedelta(days=1), last=NOW - timedelta(hours=10))
    assert interval(NOW, published) == timedelta(hours=1)


def test_around_the_moment_the_next_episode_is_expected_every_tick_counts():
    published = every(timedelta(days=7), last=NOW - timedelta(days=7))
    assert interval(NOW, published) == SHORTEST


def test_a_sleeping_show_and_a_complete_one_are_polled_once_a_day():
    asleep = every(timedelta(days=7), last=NOW - timedelta(days=300))
    assert interval(NOW, asleep) == LONGEST
    awake = every(timedelta(days=1))
    assert interval(NOW, awake, Wishes(complete=True)) == LONGEST


def test_the_median_gap_is_not_fooled_by_one_long_holiday():
    published = every(timedelta(days=1), count=9)
    published.append(published[-1] - timedelta(days=200))
    assert publishing_gap(published) == timedelta(days=1)


def test_ttl_and_max_age_lengthen_the_pause_but_never_beyond_a_day():
    hourly = every(timedelta(hours=1), last=NOW - timedelta(minutes=30))
    assert interval(NOW, hourly, Wishes(ttl=timedelta(hours=3))) == timedelta(hours=3)
    assert interval(NOW, hourly, Wishes(max_age=timedelta(days=9))) == LONGEST


def test_a_pinned_feed_is_polled_at_every_tick_whatever_its_rhythm():
    assert interval(NOW, [], Wishes(ttl=timedelta(days=1), complete=True), pinned=True) == SHORTEST


def test_a_pinned_feed_polled_seconds_after_a_tick_is_due_at_the_very_next_one():
    assert next_poll(NOW, SHORTEST) == datetime(2026, 11, 22, 12, 15, tzinfo=UTC)


def test_failures_double_the_pause_up_to_a_day():
    pauses = [back_off(timedelta(0), failures) for failures in range(1, 10)]
    assert pauses[:4] == [SHORTEST, SHORTEST * 2, SHORTEST * 4, SHORTEST * 8]
    assert pauses[-1] == LONGEST


def test_a_failing_feed_is_never_polled_more_often_than_a_healthy_one():
    assert back_off(timedelta(hours=7), 1) == timedelta(hours=7)


@given(st.lists(moments, max_size=30), pauses, pauses)
def test_every_interval_lies_between_a_tick_and_a_day(published, ttl, max_age):
    assert SHORTEST <= interval(NOW, published, Wishes(ttl=ttl, max_age=max_age)) <= LONGEST


@given(moments, pauses, st.floats(-5, 5), st.none() | pauses)
def test_the_next_poll_is_on_the_grid_ahead_and_never_before_retry_after(
    now, pause, spread, retry_after
):
    chosen = next_poll(now, pause, spread=spread, retry_after=retry_after)
    assert chosen.timestamp() % TICK.total_seconds() == 0
    assert chosen - now >= TICK / 2
    if retry_after is not None:
        assert chosen - now >= min(retry_after, LONGEST_RETRY_AFTER)
    else:
        assert chosen - now <= min(max(pause * 1.1, TICK), LONGEST) + TICK
