"""Wiring of `run_flights`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.sponsorship.desk import Desk
from tallycast.sponsorship.flights import Flights
from tallycast.sponsorship.settings import FlightSettings


@cache
def flights() -> Flights:
    """Move campaigns on."""
    return Flights(Desk(clients.table(FlightSettings.from_environment().core_table)))
