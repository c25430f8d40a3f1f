"""Everything that the functions of sponsorship do to AWS, in a scene that has all it needs."""

from datetime import date

from tallycast.sponsorship.model import Status
from tests.support.campaigns import a_campaign, a_flight, keep


def run_flights(stage):
    """One flight begins, one ends, and one waits."""
    table = stage.platform.table
    past = a_flight(date(2026, 1, 1), date(2026, 1, 4))
    later = a_flight(date(2026, 2, 1), date(2026, 2, 4))
    keep(table, "cmp_begins", a_campaign())
    keep(table, "cmp_ends", a_campaign(flight=past, status=Status.LIVE))
    keep(table, "cmp_waits", a_campaign(flight=later))
    stage.run("run_flights/tick")
    stage.run("run_flights/tick")


EXERCISES = {"run_flights": run_flights}
