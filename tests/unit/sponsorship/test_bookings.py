"""Who holds which position of a show, and what cannot be booked beside it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, builds, dates, integers, none, sampled_from, tuples

from tallycast.sponsorship.booking import (
    KEPT_DAYS,
    MOST_BOOKINGS,
    Book,
    Booking,
    booking_of,
    conflict,
    meet,
    rebooked,
)
from tallycast.sponsorship.errors import (
    CategoryExclusiveError,
    CompetitorBookedError,
    PositionTakenError,
    ShowFullError,
)
from tests.support.campaigns import a_campaign, a_spot, terms

TODAY = date(2026, 1, 1)
FIRST, LAST = date(2026, 1, 5), date(2026, 1, 9)


def a_booking(**facts):
    known = {
        "spot_id": "spt_1",
        "campaign_id": "cmp_1",
        "sponsor_id": "spo_1",
        "category": "mattresses",
        "episode_id": None,
        "released_on": None,
        "first": FIRST,
        "last": LAST,
        "flight_first": facts.get("first", FIRST),
        "flight_last": facts.get("last", LAST),
        "position": "mid",
        "ordinal": 1,
        "insertion": "baked_in",
        "downloads": 1000,
        "separation": False,
        "exclusive": (),
    }
    return Booking(**known | facts)


def another(**facts):
    """Of a sponsor that sells something else."""
    known = {
        "spot_id": "spt_2",
        "campaign_id": "cmp_2",
        "sponsor_id": "spo_2",
        "category": "razors",
    }
    return a_booking(**known | facts)


def in_episode(make, name="ep_1", released=date(2026, 1, 6), **facts):
    return make(episode_id=name, released_on=released, **facts)


def refused(new, old):
    with pytest.raises((PositionTakenError, CompetitorBookedError, CategoryExclusiveError)) as said:
        rebooked(Book(bookings=(old,)), new.campaign_id, [new], show_id="show_1", today=TODAY)
    return said.value


# ── positions ──


def test_a_position_of_an_episode_is_sold_once():
    error = refused(in_episode(a_booking), in_episode(another))
    assert isinstance(error, PositionTakenError)
    assert "mid-roll 1 of episode ep_1 is booked already" in error.message


@pytest.mark.parametrize("facts", [{"position": "pre"}, {"ordinal": 2}])
def test_another_position_of_the_episode_is_free(facts):
    assert conflict(in_episode(a_booking, **facts), in_episode(another), "show_1") is None


def test_the_same_position_of_another_episode_is_free():
    assert conflict(in_episode(a_booking, "ep_2"), in_episode(another), "show_1") is None


def test_two_spots_of_one_campaign_do_not_share_a_position_either():
    twice = [in_episode(a_booking), in_episode(a_booking, spot_id="spt_9")]
    with pytest.raises(PositionTakenError, match="by this campaign"):
        rebooked(Book(), "cmp_1", twice, show_id="show_1", today=TODAY)


@pytest.mark.parametrize("insertion", ["baked_in", "dai"])
def test_a_baked_in_spot_holds_its_episode_beyond_the_flight(insertion):
    later = {"first": date(2026, 3, 1), "last": date(2026, 3, 9), "insertion": insertion}
    assert meet(in_episode(a_booking), in_episode(another, **later))


def test_dynamic_spots_hold_an_episode_on_their_days_alone():
    later = {"first": date(2026, 3, 1), "last": date(2026, 3, 9)}
    one, two = (in_episode(make, insertion="dai") for make in (a_booking, another))
    assert meet(one, two)
    assert not meet(one, in_episode(another, insertion="dai", **later))


@pytest.mark.parametrize(
    ("released", "together"),
    [(FIRST, True), (LAST, True), (FIRST - timedelta(1), False), (LAST + timedelta(1), False)],
)
@pytest.mark.parametrize("insertion", ["baked_in", "dai"])
def test_a_run_reaches_the_baked_in_spots_of_episodes_released_on_its_days(
    released, together, insertion
):
    run = another(insertion=insertion)
    assert meet(in_episode(a_booking, released=released), run) is together
    assert meet(run, in_episode(a_booking, released=released)) is together


def test_a_dynamic_run_reaches_dynamic_spots_of_every_episode_on_its_days():
    old = in_episode(a_booking, released=date(2020, 1, 1), insertion="dai")
    assert meet(old, another(insertion="dai"))
    assert not meet(old, another(insertion="dai", first=date(2026, 2, 1), last=date(2026, 2, 2)))


def test_runs_meet_when_they_share_a_day():
    assert meet(a_booking(), another(first=LAST, last=LAST + timedelta(3)))
    assert not meet(a_booking(), another(first=LAST + timedelta(1), last=LAST + timedelta(3)))


# ── competitors ──


def test_a_competitor_is_kept_out_of_the_episode_by_either_ones_terms():
    for mine, theirs in ((True, False), (False, True), (True, True)):
        new = in_episode(a_booking, position="pre", separation=mine)
        old = in_episode(another, category="mattresses", separation=theirs)
        error = refused(new, old)
        assert isinstance(error, CompetitorBookedError)
        assert "a competitor in mattresses is in episode ep_1" in error.message


def test_nobody_is_named_to_a_competitor():
    new = in_episode(a_booking, position="pre", separation=True)
    message = refused(new, in_episode(another, category="mattresses")).message
    assert "spo_2" not in message
    assert "cmp_2" not in message


def test_competitors_share_an_episode_when_nobody_was_promised_otherwise():
    new = in_episode(a_booking, position="pre")
    assert conflict(new, in_episode(another, category="mattresses"), "show_1") is None


def test_a_sponsor_does_not_compete_with_itself():
    new = in_episode(a_booking, position="pre", separation=True, exclusive=("mattresses",))
    old = in_episode(a_booking, campaign_id="cmp_2", separation=True)
    assert conflict(new, old, "show_1") is None


def test_an_exclusive_category_is_closed_to_others_for_the_flight():
    old = another(exclusive=("mattresses",))
    new = in_episode(a_booking, "ep_7", position="post", released=date(2019, 1, 1))
    assert not meet(new, old)
    error = refused(new, old)
    assert isinstance(error, CategoryExclusiveError)
    assert "exclusive to another sponsor in show_1 from 2026-01-05 to 2026-01-09" in error.message


def test_exclusivity_cannot_be_promised_over_a_competitor_who_is_there():
    new = a_booking(exclusive=("razors",), position="pre")
    assert isinstance(refused(new, another()), CategoryExclusiveError)


def test_exclusivity_ends_with_the_flight():
    old = another(exclusive=("mattresses",))
    later = a_booking(first=LAST + timedelta(1), last=LAST + timedelta(5))
    assert conflict(later, old, "show_1") is None


# ── the book ──


def test_a_campaigns_bookings_replace_those_it_had():
    book = Book(bookings=(a_booking(), another(position="pre")))
    moved = a_booking(ordinal=3)
    after = rebooked(book, "cmp_1", [moved], show_id="show_1", today=TODAY)
    assert after.bookings == (another(position="pre"), moved)
    assert rebooked(after, "cmp_1", [], show_id="show_1", today=TODAY).bookings == (
        another(position="pre"),
    )


def test_bookings_are_forgotten_60_days_after_their_flight():
    last_day = LAST + timedelta(KEPT_DAYS)
    book = Book(bookings=(a_booking(),))
    for today, kept in ((last_day, 1), (last_day + timedelta(1), 0)):
        after = rebooked(book, "cmp_9", [], show_id="show_1", today=today)
        assert len(after.bookings) == kept


def test_a_book_that_is_full_says_so():
    many = tuple(
        another(spot_id=f"spt_{n}", first=FIRST + timedelta(n), last=FIRST + timedelta(n))
        for n in range(MOST_BOOKINGS)
    )
    far = a_booking(first=date(2025, 12, 1), last=date(2025, 12, 1))
    with pytest.raises(ShowFullError, match="800 bookings"):
        rebooked(Book(bookings=many), "cmp_1", [far], show_id="show_1", today=TODAY)


def test_a_full_book_fits_into_an_item():
    booking = a_booking(
        spot_id="spt_" + "0" * 26,
        campaign_id="cmp_" + "0" * 26,
        sponsor_id="spo_" + "0" * 26,
        category="software as a service",
        episode_id="ep_" + "0" * 26,
        released_on=FIRST,
        downloads=1_000_000,
        exclusive=("software as a service",),
    )
    size = len(Book(bookings=(booking,) * MOST_BOOKINGS).model_dump_json())
    assert size < 400_000 - 2_000


def test_a_booking_says_what_its_spot_and_order_say():
    run = booking_of("spt_1", a_spot(), a_campaign(), terms(exclusive_categories=("razors",)))
    assert (run.first, run.last, run.exclusive, run.separation) == (FIRST, LAST, ("razors",), True)
    single = a_spot(episode_id="ep_1", released_on=date(2026, 1, 6), ordinal=2)
    held = booking_of("spt_1", single, a_campaign(), terms(separation=False))
    assert (held.first, held.last, held.released_on) == (FIRST, LAST, date(2026, 1, 6))
    assert (held.ordinal, held.separation) == (2, False)


days = dates(date(2026, 1, 1), date(2026, 1, 12))
bookings = builds(
    lambda span, **facts: a_booking(first=min(span), last=max(span), **facts),
    span=tuples(days, days),
    campaign_id=sampled_from(["cmp_1", "cmp_2"]),
    sponsor_id=sampled_from(["spo_1", "spo_2"]),
    category=sampled_from(["mattresses", "razors"]),
    episode_id=none() | sampled_from(["ep_1", "ep_2"]),
    released_on=none() | days,
    position=sampled_from(["pre", "mid"]),
    ordinal=integers(1, 2),
    insertion=sampled_from(["baked_in", "dai"]),
    separation=booleans(),
    exclusive=sampled_from([(), ("mattresses",), ("razors",)]),
)


@given(bookings, bookings)
def test_who_was_first_does_not_decide_whether_two_can_be(a, b):
    assert meet(a, b) == meet(b, a)
    kinds = [type(each) for each in (conflict(a, b, "s"), conflict(b, a, "s"))]
    assert kinds[0] is kinds[1]


@given(bookings, bookings)
def test_what_is_in_a_book_never_conflicts(a, b):
    book = Book(bookings=(a.model_copy(update={"campaign_id": "cmp_1"}),))
    new = b.model_copy(update={"campaign_id": "cmp_2"})
    try:
        after = rebooked(book, "cmp_2", [new], show_id="s", today=TODAY)
    except (PositionTakenError, CompetitorBookedError, CategoryExclusiveError):
        assert conflict(new, book.bookings[0], "s") is not None
    else:
        assert after.bookings == (*book.bookings, new)
        assert conflict(*after.bookings, "s") is None
