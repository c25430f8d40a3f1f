"""Money: whole minor units, one rounding, no float."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from pydantic import ValidationError

from tallycast.kernel.money import (
    CurrencyMismatchError,
    Money,
    half_up,
    nothing,
    per_thousand,
    total,
)

amounts = integers(min_value=0, max_value=10**9)


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


@pytest.mark.parametrize(
    ("price", "downloads", "cost"),
    [
        (2500, 10_000, 25_000),  # 25.00 per thousand, ten thousand times: 250.00
        (2500, 6_000, 15_000),
        (2500, 1, 3),  # 2.5 cents: half goes up
        (2499, 1, 2),
        (1999, 333, 666),  # 665.667
        (2500, 0, 0),
    ],
)
def test_a_price_per_thousand_is_rounded_once_and_half_up(price, downloads, cost):
    assert per_thousand(euros(price), downloads) == euros(cost)


@given(integers(min_value=0, max_value=10**12), integers(min_value=1, max_value=10**6))
def test_a_quotient_is_never_off_by_more_than_a_half(numerator, denominator):
    exact, rounded = Fraction(numerator, denominator), half_up(numerator, denominator)
    assert -Fraction(1, 2) < rounded - exact <= Fraction(1, 2)


@given(amounts, integers(min_value=0, max_value=1000), integers(min_value=1, max_value=1000))
def test_a_share_of_a_whole_is_never_more_than_it(amount, part, whole):
    shared = euros(amount).share(min(part, whole), whole)
    assert 0 <= shared.amount <= amount
    assert euros(amount).share(whole, whole) == euros(amount)


@given(lists(amounts, max_size=20))
def test_the_total_is_the_sum_of_what_was_rounded(parts):
    assert total(map(euros, parts), "EUR").amount == sum(parts)


@given(amounts, amounts)
def test_a_difference_is_never_below_nothing(a, b):
    assert euros(a).minus(euros(b)).amount == max(0, a - b)


def test_currencies_are_not_added():
    with pytest.raises(CurrencyMismatchError, match="USD cannot be added to EUR"):
        euros(1).plus(Money(amount=1, currency="USD"))
    with pytest.raises(CurrencyMismatchError):
        total([nothing("JPY")], "EUR")


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": -1, "currency": "EUR"},
        {"amount": 10**12 + 1, "currency": "EUR"},
        {"amount": 1, "currency": "eur"},
        {"amount": 1, "currency": "EURO"},
        {"amount": 1, "currency": "EUR", "cents": 5},
        {"amount": 1.5, "currency": "EUR"},
    ],
)
def test_what_is_no_money_is_refused(wrong):
    with pytest.raises(ValidationError):
        Money.model_validate(wrong)
