"""Which days count towards a spot."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis.strategies import dates, datetimes, integers, sampled_from

from tallycast.sponsorship.windows import Episode, Window, elapsed, parts_of, window_of
from tests.support.campaigns import a_flight, a_spot, terms

FLIGHT = a_flight(date(2026, 1, 5), date(2026, 1, 9))
RELEASED = date(2026, 1, 6)


def days(window):
    return window.first, window.last


def in_episode(released=RELEASED, **facts):
    return a_spot(episode_id="ep_1", released_on=released, **facts)


@pytest.mark.parametrize(
    ("guarantee", "last"), [(30, date(2026, 2, 4)), (28, date(2026, 2, 2)), (1, RELEASED)]
)
def test_days_after_release_begin_with_the_day_of_release(guarantee, last):
    window = window_of(in_episode(), FLIGHT, terms(guarantee_days=guarantee), "UTC")
    assert days(window) == (RELEASED, last)
    assert window.days == guarantee


def test_a_baked_in_spot_counts_from_release_even_before_the_flight():
    early = in_episode(date(2026, 1, 1))
    assert window_of(early, FLIGHT, terms(guarantee_days=28), "UTC").first == date(2026, 1, 1)


def test_a_dynamic_spot_counts_from_the_flight_on():
    early = in_episode(date(2020, 1, 1), insertion="dai")
    window = window_of(early, FLIGHT, terms(guarantee_days=28), "UTC")
    assert days(window) == (date(2026, 1, 5), date(2026, 2, 1))


@pytest.mark.parametrize("agreed", [None, terms(guarantee_days=None)])
@pytest.mark.parametrize("insertion", ["baked_in", "dai"])
def test_a_guarantee_of_the_flight_ends_with_the_flight(agreed, insertion):
    window = window_of(in_episode(insertion=insertion), FLIGHT, agreed, "UTC")
    assert days(window) == (RELEASED, date(2026, 1, 9))


def test_an_episode_released_after_the_flight_has_no_days_in_it():
    window = window_of(in_episode(date(2026, 2, 1)), FLIGHT, terms(guarantee_days=None), "UTC")
    assert window.days == 0
    assert window.elapsed(datetime(2026, 1, 1, tzinfo=UTC)) == 1


def test_a_dynamic_run_counts_the_shows_days():
    run = a_spot(insertion="dai")
    [part] = parts_of(run, FLIGHT, terms(), [], "UTC")
    assert (part.scope, part.id, days(part.window)) == (
        "show",
        "show_1",
        (date(2026, 1, 5), date(2026, 1, 9)),
    )
    assert part.window == window_of(run, FLIGHT, terms(), "UTC")


def test_a_baked_in_run_counts_each_of_its_episodes_within_its_own_window():
    episodes = [Episode("ep_1", None, date(2026, 1, 5)), Episode("ep_2", None, date(2026, 1, 8))]
    parts = parts_of(a_spot(), FLIGHT, terms(guarantee_days=28), episodes, "UTC")
    assert [(part.id, *days(part.window)) for part in parts] == [
        ("ep_1", date(2026, 1, 5), date(2026, 2, 1)),
        ("ep_2", date(2026, 1, 8), date(2026, 2, 4)),
    ]
    whole = window_of(a_spot(), FLIGHT, terms(guarantee_days=28), "UTC")
    assert days(whole) == (date(2026, 1, 5), date(2026, 2, 5))


def test_a_window_is_of_the_shows_own_days():
    window = Window(RELEASED, RELEASED, "America/Los_Angeles")
    assert window.starts == datetime(2026, 1, 6, 8, tzinfo=UTC)
    assert window.ends == datetime(2026, 1, 7, 8, tzinfo=UTC)
    assert window.elapsed(datetime(2026, 1, 6, 20, tzinfo=UTC)) == Fraction(1, 2)


@given(datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)))
def test_the_elapsed_share_is_from_0_to_1_and_grows(moment):
    now = moment.replace(tzinfo=UTC)
    share = elapsed(FLIGHT.start, FLIGHT.end, now)
    assert 0 <= share <= 1
    assert share <= elapsed(FLIGHT.start, FLIGHT.end, now + timedelta(hours=1))
    assert (share == 1) is (now.replace(microsecond=0) >= FLIGHT.end)


@given(
    dates(date(2025, 1, 1), date(2027, 1, 1)),
    integers(1, 90),
    sampled_from(["baked_in", "dai"]),
    sampled_from(["UTC", "Europe/Berlin", "Pacific/Kiritimati"]),
)
def test_a_window_of_days_has_that_many_days(released, guarantee, insertion, zone):
    spot = in_episode(released, insertion=insertion)
    window = window_of(spot, FLIGHT, terms(guarantee_days=guarantee), zone)
    assert window.days == guarantee
    assert window.starts < window.ends
