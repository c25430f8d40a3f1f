"""Which episodes and days are looked at more closely, where two counts differ."""

from datetime import date, timedelta

from tallycast.analytics.discrepancy import MOST_EPISODES, discrepancy, largest
from tallycast.measurement.rollups.model import Breakdown
from tests.support.analytics import DAY, a_card, asked_of


def a_day(values, *, other=0, day=DAY):
    return a_card(
        day=day, downloads=sum(values.values()) + other, episodes=Breakdown(values, other)
    )


def test_the_largest_differences_come_first_and_equal_numbers_never():
    one = [a_day({"a": 10, "b": 5, "c": 7})]
    other = [a_day({"a": 12, "b": 0, "c": 7, "d": 1})]
    assert largest(one, other) == [(DAY, "b"), (DAY, "a"), (DAY, "d")]


def test_a_day_that_only_one_count_has_differs_by_all_of_it():
    before = date(2026, 11, 19)
    assert largest([a_day({"a": 3}, day=before)], []) == [(before, "a")]
    assert largest([], []) == []


def test_an_episode_beyond_the_last_that_is_named_may_be_as_large_as_that():
    one = [a_day({"a": 100, "b": 50}, other=40)]
    other = [a_day({"a": 100, "c": 49}, other=45)]
    # `b` has 49 at most in the second; `c` may have its 49 in the first, too.
    assert largest(one, other) == [(DAY, "b")]
    assert largest(one, [a_day({"a": 100, "c": 60}, other=45)]) == [(DAY, "c")]


def test_there_is_an_end_to_what_is_listed():
    days = [DAY - timedelta(days=n) for n in range(31)]
    one = [a_day({f"e{n}": n for n in range(1, 20)}, day=day) for day in days]
    found = largest(one, [])
    assert len(found) == MOST_EPISODES
    assert {episode for _, episode in found} == {"e19", "e18", "e17", "e16"}


def test_what_turns_out_equal_is_not_listed():
    asked = asked_of(DAY, DAY)
    card = a_card(scope="episode", id="a", waterfall={"counted": 3, "bot": 1})
    same = a_card(scope="episode", id="a", waterfall={"counted": 3, "method": 1})
    found = discrepancy((asked, [a_day({})]), (asked, [a_day({})]), ([card], [same]))
    assert found.episodes == []
    more = a_card(scope="episode", id="a", waterfall={"counted": 4})
    found = discrepancy((asked, [a_day({})]), (asked, [a_day({})]), ([card], [more]))
    assert [(each.first, each.second) for each in found.episodes] == [(3, 4)]
