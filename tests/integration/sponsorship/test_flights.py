"""The tick that starts and ends flights: once for each, however often it comes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers, lists

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.aws.records import Records
from tallycast.sponsorship.desk import Desk
from tallycast.sponsorship.flights import Flights
from tallycast.sponsorship.kinds import CAMPAIGNS
from tallycast.sponsorship.model import Status
from tests.support.campaigns import a_campaign, a_flight, keep
from tests.support.stacks import aws_stacks

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def table():
    with aws_stacks() as stacks:
        yield stacks.core


def tick(table, now=NOON, *, left=60.0):
    flown = Flights(Desk(table)).run(now, lambda: left)
    return flown.started, flown.completed


def status(table, campaign_id, tenant="acme"):
    return Records(table, CAMPAIGNS).get(tenant, campaign_id).document.status


def audited(table, tenant="acme"):
    found = table.scan()["Items"]
    return sum(1 for item in found if item["kind"] == "audit" and item["tenant"] == tenant)


def test_a_tick_moves_what_is_due_and_nothing_else(table):
    past, later = (a_flight(date(2026, m, 1), date(2026, m, 3)) for m in (1, 2))
    keep(table, "cmp_begins", a_campaign())
    keep(table, "cmp_missed", a_campaign(flight=past))
    keep(table, "cmp_ends", a_campaign(flight=past, status=Status.LIVE))
    keep(table, "cmp_paused", a_campaign(flight=past, status=Status.PAUSED))
    keep(table, "cmp_later", a_campaign(flight=later))
    keep(table, "cmp_draft", a_campaign(status=Status.DRAFT))
    keep(table, "cmp_empty", a_campaign(spot_ids=()))
    keep(table, "cmp_begins", a_campaign(), tenant="other")
    assert tick(table) == (2, 3)
    found = {
        name: status(table, f"cmp_{name}").value
        for name in ("begins", "missed", "ends", "paused", "later", "draft", "empty")
    }
    assert found == {
        "begins": "live",
        "missed": "completed",
        "ends": "completed",
        "paused": "completed",
        "later": "booked",
        "draft": "draft",
        "empty": "booked",
    }
    assert status(table, "cmp_begins", "other") is Status.LIVE
    assert (audited(table), audited(table, "other")) == (4, 1)


def test_a_tick_that_comes_again_changes_nothing(table):
    keep(table, "cmp_1", a_campaign())
    assert [tick(table) for _ in range(3)] == [(1, 0), (0, 0), (0, 0)]
    found = Records(table, CAMPAIGNS).get("acme", "cmp_1")
    assert (found.version, len(found.document.history), audited(table)) == (2, 1, 1)
    assert found.document.history[0].at == NOON


def test_an_earlier_tick_that_comes_late_changes_nothing(table):
    keep(table, "cmp_1", a_campaign())
    assert tick(table, NOON - 13 * HOUR) == (0, 0)
    assert tick(table) == (1, 0)
    assert tick(table, NOON - 13 * HOUR) == (0, 0)
    assert status(table, "cmp_1") is Status.LIVE


def test_a_tick_that_runs_short_of_time_leaves_the_rest_to_the_next(table):
    for number in range(4):
        keep(table, f"cmp_{number}", a_campaign())
    seconds = iter([60, 60, 5])
    flown = Flights(Desk(table)).run(NOON, lambda: next(seconds))
    assert (flown.started, flown.rest) == (2, True)
    assert tick(table) == (2, 0)


def test_a_campaign_that_somebody_changes_meanwhile_is_left_to_the_next_tick(table):
    stored = keep(table, "cmp_1", a_campaign())
    desk = Desk(table)
    flights = Flights(desk)
    records = Records(table, CAMPAIGNS)
    real = desk.change

    def too_late(act, kind, before, *rest, **details):
        renamed = before.document.model_copy(update={"name": "Renamed"})
        records.put(records.replacement(before, renamed, NOON))
        return real(act, kind, before, *rest, **details)

    desk.change = too_late
    assert flights.run(NOON, lambda: 60.0).started == 0
    assert (stored.version, status(table, "cmp_1")) == (1, Status.BOOKED)
    assert tick(table) == (1, 0)
    assert records.get("acme", "cmp_1").document.name == "Renamed"


def test_one_that_cannot_be_written_does_not_keep_the_others(table):
    keep(table, "cmp_bad", a_campaign())
    keep(table, "cmp_good", a_campaign())
    desk = Desk(table)
    real = desk.change

    def refusing(act, kind, before, *rest, **details):
        if before.id == "cmp_bad":
            raise ServiceUnavailableError("the table is busy")
        return real(act, kind, before, *rest, **details)

    desk.change = refusing
    flown = Flights(desk).run(NOON, lambda: 60.0)
    assert (flown.started, flown.failed) == (1, 1)
    assert tick(table) == (1, 0)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lists(integers(0, 9 * 24), min_size=1, max_size=6), integers(0, 2**32))
def test_whatever_ticks_come_in_whatever_order_a_life_goes_one_way(table, hours, number):
    campaign_id = f"cmp_{number}_{'_'.join(map(str, hours))}"
    if Records(table, CAMPAIGNS).find("acme", campaign_id) is not None:
        return
    flight = a_flight(date(2026, 1, 5), date(2026, 1, 9))
    keep(table, campaign_id, a_campaign(flight=flight))
    started = completed = 0
    for hour in hours:
        now = datetime(2026, 1, 2, tzinfo=UTC) + hour * HOUR
        before = Records(table, CAMPAIGNS).get("acme", campaign_id).document.status
        tick(table, now)
        after = Records(table, CAMPAIGNS).get("acme", campaign_id).document.status
        started += (before, after) == (Status.BOOKED, Status.LIVE)
        completed += before is not after and after is Status.COMPLETED
    assert started <= 1
    assert completed <= 1
    found = Records(table, CAMPAIGNS).get("acme", campaign_id)
    assert len(found.document.history) == found.version - 1 == started + completed
    latest = datetime(2026, 1, 2, tzinfo=UTC) + max(hours) * HOUR
    if latest >= flight.end:
        assert found.document.status is Status.COMPLETED
    elif latest >= flight.start:
        assert found.document.status is Status.LIVE
