"""The life of a campaign: every pair of states, and what must hold for each step."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from tallycast.sponsorship.errors import CampaignNotReadyError, TransitionRefusedError
from tallycast.sponsorship.lifecycle import Facts, due_at, scheduled, step
from tallycast.sponsorship.model import Status
from tests.support.campaigns import a_campaign, a_creative, a_flight, a_spot, an_order

DRAFT, PROPOSED, BOOKED, LIVE, PAUSED, COMPLETED, RECONCILED, CANCELLED = Status
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN = datetime(2026, 1, 7, tzinfo=UTC)
AFTER = datetime(2026, 1, 10, tzinfo=UTC)  # the flight is 5 to 9 January
# Written down by hand, not read from the table: when each step can be taken.
ALLOWED = {
    (DRAFT, PROPOSED): WITHIN,
    (DRAFT, CANCELLED): WITHIN,
    (PROPOSED, DRAFT): WITHIN,
    (PROPOSED, BOOKED): WITHIN,
    (PROPOSED, CANCELLED): WITHIN,
    (BOOKED, LIVE): WITHIN,
    (BOOKED, COMPLETED): AFTER,
    (BOOKED, CANCELLED): WITHIN,
    (LIVE, PAUSED): WITHIN,
    (LIVE, COMPLETED): AFTER,
    (LIVE, CANCELLED): WITHIN,
    (PAUSED, LIVE): WITHIN,
    (PAUSED, COMPLETED): AFTER,
    (PAUSED, CANCELLED): WITHIN,
    (COMPLETED, RECONCILED): AFTER,
}


def ready(status, now, **facts):
    """Facts under which everything holds."""
    known = {
        "campaign": a_campaign(status=status),
        "now": now,
        "order": an_order(),
        "spots": (a_spot(),),
        "creatives": (a_creative(status="approved"),),
    }
    return Facts(**known | facts)


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_every_pair_of_states_is_allowed_or_refused(before, after):
    if (before, after) in ALLOWED:
        moved = step(ready(before, ALLOWED[before, after]), after, by="usr_1", reason="so")
        assert moved.status is after
        [taken] = moved.history
        assert (taken.came_from, taken.to, taken.by, taken.reason) == (before, after, "usr_1", "so")
        assert taken.at == ALLOWED[before, after]
    else:
        for now in (BEFORE, WITHIN, AFTER):
            with pytest.raises(TransitionRefusedError, match=f"cannot become {after.value}"):
                step(ready(before, now), after, by="usr_1")


def test_all_pairs_are_64_and_15_are_allowed():
    assert len(list(product(Status, Status))) == 64
    assert len(ALLOWED) == 15


def test_nothing_leads_out_of_a_life_that_is_over():
    assert not {before for before, _ in ALLOWED} & {RECONCILED, CANCELLED}


@pytest.mark.parametrize(
    ("before", "after", "now", "lacking", "reason"),
    [
        (DRAFT, PROPOSED, WITHIN, {"spots": ()}, "no spots"),
        (PROPOSED, BOOKED, WITHIN, {"order": None}, "no insertion order"),
        (PROPOSED, BOOKED, WITHIN, {"order": an_order(status="draft")}, "IO 1 is draft"),
        (PROPOSED, BOOKED, WITHIN, {"order": an_order(status="void")}, "IO 1 is void"),
        (PROPOSED, BOOKED, WITHIN, {"spots": ()}, "no spots"),
        (PROPOSED, BOOKED, AFTER, {}, "flight was over at 2026-01-10T00:00:00.000Z"),
        (BOOKED, LIVE, BEFORE, {}, "flight starts at 2026-01-05T00:00:00.000Z"),
        (BOOKED, LIVE, AFTER, {}, "flight was over"),
        (BOOKED, LIVE, WITHIN, {"spots": ()}, "no spots"),
        (BOOKED, COMPLETED, WITHIN, {}, "flight ends at"),
        (LIVE, COMPLETED, WITHIN, {}, "flight ends at"),
        (PAUSED, COMPLETED, WITHIN, {}, "flight ends at"),
        (PAUSED, LIVE, AFTER, {}, "flight was over"),
        (COMPLETED, RECONCILED, AFTER, {"unsettled": ("spt_1 waits",)}, "spt_1 waits"),
    ],
)
def test_a_step_that_lacks_something_says_what(before, after, now, lacking, reason):
    with pytest.raises(CampaignNotReadyError, match=reason):
        step(ready(before, now, **lacking), after, by="usr_1")


@pytest.mark.parametrize("status", ["draft", "submitted", "rejected"])
def test_a_campaign_is_booked_with_approved_creatives_alone(status):
    waiting = (a_creative(status="approved"), a_creative(name="Talking points", status=status))
    with pytest.raises(CampaignNotReadyError, match="not approved yet: Talking points"):
        step(ready(PROPOSED, WITHIN, creatives=waiting), BOOKED, by="usr_1")
    trusted = a_campaign(status=PROPOSED, approval_required=False)
    facts = ready(PROPOSED, WITHIN, campaign=trusted, creatives=waiting)
    assert step(facts, BOOKED, by="usr_1").status is BOOKED


def test_everything_that_is_lacking_is_said_at_once():
    facts = ready(PROPOSED, AFTER, order=None, spots=(), creatives=(a_creative(),))
    with pytest.raises(CampaignNotReadyError) as refused:
        step(facts, BOOKED, by="usr_1")
    assert refused.value.message.count(";") == 3


def test_the_history_keeps_the_newest_200_steps():
    campaign = a_campaign(status=LIVE)
    for number in range(250):
        to = PAUSED if campaign.status is LIVE else LIVE
        facts = ready(campaign.status, WITHIN, campaign=campaign)
        campaign = step(facts, to, by=f"usr_{number}")
    assert len(campaign.history) == 200
    assert campaign.history[-1].by == "usr_249"


def test_the_schedule_looks_at_a_campaign_when_its_flight_begins_and_when_it_is_over():
    flight = a_flight(zone="Europe/Berlin")
    assert due_at(a_campaign(flight=flight)) == datetime(2026, 1, 4, 23, tzinfo=UTC)
    for status in (LIVE, PAUSED):
        ends = due_at(a_campaign(flight=flight, status=status))
        assert ends == datetime(2026, 1, 9, 23, tzinfo=UTC)
    for status in (DRAFT, PROPOSED, COMPLETED, RECONCILED, CANCELLED):
        assert due_at(a_campaign(status=status)) is None


@pytest.mark.parametrize(
    ("status", "now", "to"),
    [
        (BOOKED, a_flight().start - timedelta(milliseconds=1), None),
        (BOOKED, a_flight().start, LIVE),
        (BOOKED, a_flight().end, COMPLETED),
        (LIVE, WITHIN, None),
        (LIVE, a_flight().end, COMPLETED),
        (PAUSED, a_flight().end, COMPLETED),
        (DRAFT, AFTER, None),
        (CANCELLED, AFTER, None),
    ],
)
def test_the_schedule_moves_a_campaign_at_the_edges_of_its_flight(status, now, to):
    assert scheduled(a_campaign(status=status), now) is to
    if to is not None:
        assert step(ready(status, now), to, by="system:run_flights").status is to


def test_a_flight_is_counted_with_both_ends_and_ends_no_earlier_than_it_starts():
    assert a_flight().days == 5
    assert a_flight(date(2026, 3, 1), date(2026, 3, 1)).days == 1
    for first, last in ((date(2026, 3, 2), date(2026, 3, 1)), (date(2026, 1, 1), date(2027, 1, 2))):
        with pytest.raises(ValueError, match="a flight"):
            a_flight(first, last)
    with pytest.raises(ValueError, match="no IANA time zone"):
        a_flight(zone="../../etc/passwd")


def test_a_flight_over_the_autumn_night_is_an_hour_longer():
    flight = a_flight(date(2026, 10, 25), date(2026, 10, 25), zone="Europe/Berlin")
    assert flight.end - flight.start == timedelta(hours=25)
