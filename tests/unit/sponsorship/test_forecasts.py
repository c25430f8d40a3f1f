"""What an episode will get, from what others of its show have got."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis.strategies import fixed_dictionaries, fractions, integers, lists

from tallycast.sponsorship.forecast import curve_of, mean, median, projected, share_at

# Half within a day, 70 % within three, 80 % within seven.
STEADY = {1: 500, 3: 700, 7: 800, 30: 1000}


def test_means_and_medians_are_rounded_half_up():
    assert (mean([]), median([])) == (None, None)
    assert mean([1, 2]) == 2
    assert mean([1, 1, 2]) == 1
    assert median([9, 1, 5]) == 5
    assert median([1, 2, 9, 9]) == 6


def test_a_curve_is_the_mean_share_of_each_age():
    fast = {1: 900, 3: 900, 7: 900, 30: 1000}
    curve = curve_of([STEADY, STEADY, fast])
    assert curve == (
        (0, 0),
        (1, Fraction(19, 30)),
        (3, Fraction(23, 30)),
        (7, Fraction(25, 30)),
        (30, 1),
    )


def test_too_few_episodes_make_no_curve():
    assert curve_of([STEADY, STEADY]) is None
    assert curve_of([STEADY, STEADY, {1: 0, 3: 0, 7: 0, 30: 0}]) is None


@pytest.mark.parametrize(
    ("age", "share"),
    [
        (Fraction(0), Fraction(0)),
        (Fraction(1, 2), Fraction(1, 4)),
        (Fraction(1), Fraction(1, 2)),
        (Fraction(2), Fraction(6, 10)),
        (Fraction(5), Fraction(75, 100)),
        (Fraction(30), Fraction(1)),
        (Fraction(90), Fraction(1)),
    ],
)
def test_between_known_ages_the_curve_is_straight(age, share):
    assert share_at(curve_of([STEADY] * 3), age) == share


def test_a_window_is_projected_along_the_curve():
    curve = curve_of([STEADY] * 3)
    # A tenth of 30 days is day 3, where 70 % are there: 1 400 become 2 000.
    assert projected(1_400, elapsed=Fraction(1, 10), days=30, curve=curve) == (2_000, "age_curve")
    # At a quarter of 28 days 80 % of 30 days' are there; 28 days have 80 + 20 * 21/23 percent.
    share = Fraction(80, 100) / (Fraction(80, 100) + Fraction(20, 100) * Fraction(21, 23))
    exact = 1_400 / share
    found = projected(1_400, elapsed=Fraction(1, 4), days=28, curve=curve)
    assert found == (round(float(exact)), "age_curve")


def test_without_a_curve_a_window_is_projected_by_its_rate():
    assert projected(1_400, elapsed=Fraction(1, 10), days=30, curve=None) == (14_000, "run_rate")
    longer = projected(1_400, elapsed=Fraction(1, 2), days=90, curve=curve_of([STEADY] * 3))
    assert longer == (2_800, "run_rate")


def test_a_window_that_is_over_or_not_begun_is_not_projected():
    assert projected(1_400, elapsed=Fraction(1), days=30, curve=None) == (1_400, "counted")
    assert projected(0, elapsed=Fraction(0), days=30, curve=None) == (None, "none")


ages = fixed_dictionaries({"first": integers(0, 50), "more": lists(integers(0, 50), min_size=3)})


@given(
    lists(ages, min_size=3, max_size=10),
    fractions(Fraction(1, 1000), Fraction(999, 1000)),
    integers(0, 10**6),
    integers(1, 30),
)
def test_a_projection_is_never_less_than_what_is_there(told, elapsed, delivered, days):
    episodes = []
    for each in told:
        steps = [each["first"], *each["more"][:3]]
        episodes.append({age: sum(steps[: n + 1]) for n, age in enumerate((1, 3, 7, 30))})
    number, method = projected(delivered, elapsed=elapsed, days=days, curve=curve_of(episodes))
    assert number >= delivered
    assert method in {"age_curve", "run_rate"}
