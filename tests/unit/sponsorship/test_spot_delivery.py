"""What was delivered, what it costs and what is owed: worked out by hand, and what always holds."""

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, builds, integers, lists, none, sampled_from

from tallycast.kernel.money import CurrencyMismatchError, Money
from tallycast.sponsorship.delivery import (
    Counted,
    campaign_delivery,
    ecpm,
    make_good,
    pacing,
    percent,
    spot_delivery,
)
from tallycast.sponsorship.invoice import invoice_of
from tallycast.sponsorship.windows import Window
from tests.support.campaigns import a_campaign, a_rate, a_spot, terms

# Ten days, so that a day is a tenth.
WINDOW = Window(date(2026, 1, 1), date(2026, 1, 10), "UTC")
HALF = datetime(2026, 1, 6, tzinfo=UTC)
OVER = datetime(2026, 1, 11, tzinfo=UTC)


def counted(delivered, *, final=False, projection=(None, "none")):
    return Counted(delivered=delivered, window=WINDOW, final=final, projection=projection)


def figures(delivered, *, now=OVER, booked=10_000, agreed=None, **spot):
    agreed = agreed or terms()
    placed = a_spot(booked_downloads=booked, **spot)
    return spot_delivery("spt_1", placed, agreed, counted(delivered), now)


def euros(amount):
    return Money(amount=amount, currency="EUR")


# ── worked out by hand ──


def test_a_spot_that_fell_short_owes_the_rest_at_the_booked_cpm():
    # Booked 10 000 at 25.00 EUR CPM, counted 8 500: 1 500 are missing, 1.5 * 25.00 = 37.50.
    found = figures(8_500)
    assert (found.percent, found.shortfall, found.owed) == (85.0, 1_500, 1_500)
    assert (found.shortfall_value, found.owed_value) == (euros(3_750), euros(3_750))
    # 8.5 * 25.00 = 212.50 was delivered, which is 25.00 per thousand.
    assert (found.spend, found.ecpm) == (euros(21_250), euros(2_500))


def test_nothing_is_owed_while_the_window_is_open():
    found = figures(4_000, now=HALF)
    assert (found.shortfall, found.shortfall_value) == (6_000, euros(15_000))
    assert (found.owed, found.owed_value, found.is_over) == (0, euros(0), False)
    # Half of the time is over and 4 000 of the 5 000 that should be there are.
    assert (found.elapsed, found.pacing) == (0.5, 0.8)


def test_a_spot_that_over_delivered_owes_nothing():
    found = figures(12_345)
    assert (found.percent, found.shortfall, found.owed, found.owed_value) == (
        123.5,
        0,
        0,
        euros(0),
    )
    assert found.pacing == 1.235  # 1.2345, half up


def test_odd_numbers_are_rounded_once():
    # 3 333 missing at 19.99 EUR CPM: 66.62667 EUR, so 66.63.
    found = figures(6_667, agreed=terms(rate=a_rate(1999)))
    assert (found.owed, found.owed_value) == (3_333, euros(6_663))
    # 6.667 * 19.99 = 133.27333; per thousand delivered 19.98950, so 19.99.
    assert (found.spend, found.ecpm) == (euros(13_327), euros(1_999))


def test_a_flat_fee_is_spent_by_time_and_owed_by_share():
    flat = terms(rate=a_rate(50_000, "flat"))
    found = figures(2_000, now=HALF, agreed=flat)
    assert found.spend == euros(25_000)  # half of the time
    assert found.ecpm == euros(12_500)  # 250.00 for two thousand
    found = figures(7_500, agreed=flat)
    assert found.spend == euros(50_000)
    assert (found.owed, found.owed_value) == (2_500, euros(12_500))  # a quarter of the fee


def test_a_spots_own_price_stands_before_the_orders():
    found = figures(9_000, rate=a_rate(4_000))
    assert (found.spend, found.owed_value) == (euros(36_000), euros(4_000))


@pytest.mark.parametrize(("rule", "owed"), [("credit", 1_000), ("bonus_spots", 1_000), ("none", 0)])
def test_the_order_says_whether_anything_is_made_good(rule, owed):
    found = figures(9_000, agreed=terms(make_good=rule))
    assert (found.shortfall, found.owed, found.make_good) == (1_000, owed, rule)


def test_before_the_window_nothing_paces_and_nothing_divides_by_zero():
    found = figures(0, now=datetime(2025, 12, 1, tzinfo=UTC))
    assert (found.pacing, found.ecpm, found.spend, found.percent) == (None, None, euros(0), 0.0)


def test_without_an_order_downloads_are_told_and_no_money():
    found = spot_delivery("spt_1", a_spot(booked_downloads=10), None, counted(4), OVER)
    assert (found.shortfall, found.owed) == (6, 0)
    assert (found.spend, found.ecpm, found.shortfall_value, found.owed_value) == (None,) * 4


def test_a_campaign_adds_up_its_spots_and_paces_towards_its_goal():
    spots = [figures(8_500), figures(12_000), figures(9_999)]
    campaign = a_campaign(goal_downloads=40_000)
    found = campaign_delivery(campaign, spots, Fraction(3, 4))
    assert (found.booked, found.delivered, found.goal) == (30_000, 30_499, 40_000)
    assert (found.percent, found.pacing) == (76.2, 1.017)  # 76.2475; 30 499 / 30 000
    # 1 500 and 1: 37.50, and 0.025 that is 0.03.
    assert (found.owed, found.owed_value) == (1_501, euros(3_753))
    assert found.spend == euros(21_250 + 30_000 + 24_998)
    assert not found.final
    assert not any("reach" in name or "listeners" in name for name in dir(found))


def test_a_campaign_without_a_goal_paces_towards_what_was_booked():
    found = campaign_delivery(a_campaign(), [figures(5_000)], Fraction(1, 2))
    assert (found.goal, found.pacing) == (10_000, 1.0)


def test_a_campaign_without_spots_has_no_numbers():
    found = campaign_delivery(a_campaign(), [], Fraction(1, 2))
    assert (found.delivered, found.spend, found.pacing, found.final) == (0, None, None, False)


def test_a_campaign_in_two_currencies_has_no_sum():
    dollars = figures(1, rate=a_rate(1, currency="USD"))
    with pytest.raises(CurrencyMismatchError):
        campaign_delivery(a_campaign(), [figures(1), dollars], Fraction(1))


def test_an_invoice_bills_what_was_booked_less_what_is_owed_less_the_commission():
    agreed = terms(commission_basis_points=1_500)
    found = invoice_of(agreed, [figures(8_500, agreed=agreed), figures(20_000, agreed=agreed)])
    # 250.00 - 37.50 = 212.50; 15 % of it 31.875, so 31.88; net 180.62. And 250.00 less 37.50.
    assert [(each.gross.amount, each.credit.amount, each.net.amount) for each in found.lines] == [
        (25_000, 3_750, 18_062),
        (25_000, 0, 21_250),
    ]
    assert (found.amount, found.commission, found.net) == (
        euros(46_250),
        euros(6_938),
        euros(39_312),
    )


@pytest.mark.parametrize("rule", ["bonus_spots", "none"])
def test_only_a_credit_comes_off_an_invoice(rule):
    agreed = terms(make_good=rule)
    [line] = invoice_of(agreed, [figures(1, agreed=agreed)]).lines
    assert (line.gross, line.credit, line.net) == (euros(25_000), euros(0), euros(25_000))


# ── what always holds ──

numbers = integers(0, 10**9)
rates = builds(a_rate, integers(0, 10**6), sampled_from(["cpm", "flat"]))


@given(numbers, numbers)
def test_a_make_good_is_never_negative_and_fills_what_is_missing(booked, delivered):
    owed = make_good(booked, delivered)
    assert owed >= 0
    assert owed + min(booked, delivered) == booked


@given(
    integers(1, 10**9), numbers, rates, sampled_from(["credit", "bonus_spots", "none"]), booleans()
)
def test_what_is_owed_never_exceeds_what_was_booked(booked, delivered, rate, rule, is_over):
    agreed = terms(rate=rate, make_good=rule)
    found = figures(delivered, now=OVER if is_over else HALF, booked=booked, agreed=agreed)
    [line] = invoice_of(agreed, [found]).lines
    assert 0 <= found.owed <= found.shortfall <= booked
    assert found.owed_value.amount <= line.gross.amount
    assert line.gross == line.credit.plus(line.amount)
    assert line.amount == line.commission.plus(line.net)
    if rate.kind == "cpm" and found.owed:
        # Rounded apart, what is owed and what was delivered are a cent from what was booked.
        assert abs(found.owed_value.amount + found.spend.amount - line.gross.amount) <= 1


@given(lists(builds(figures, numbers, booked=integers(1, 10**7)), min_size=1, max_size=8))
def test_sums_are_the_sums_of_the_spots(spots):
    found = campaign_delivery(a_campaign(), spots, Fraction(1, 3))
    assert found.delivered == sum(each.counted.delivered for each in spots)
    assert found.owed == sum(each.owed for each in spots)
    assert found.owed_value.amount == sum(each.owed_value.amount for each in spots)
    assert found.spend.amount == sum(each.spend.amount for each in spots)


@given(numbers, integers(1, 10**9))
def test_more_downloads_never_pace_less(delivered, goal):
    share = Fraction(1, 7)
    assert pacing(delivered, goal, share) <= pacing(delivered + 1, goal, share)
    assert percent(delivered, goal) <= percent(delivered + 1, goal)


@given(none() | integers(0, 10**6).map(euros), numbers)
def test_a_price_per_thousand_needs_a_price_and_downloads(spend, delivered):
    assert (ecpm(spend, delivered) is None) is (spend is None or delivered == 0)
