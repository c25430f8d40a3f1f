"""What this room is told by the environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class SponsorshipSettings(Settings):
    """Of the routes of this room."""

    core_table: str
    metrics_table: str


class FlightSettings(Settings):
    """`run_flights`."""

    core_table: str
