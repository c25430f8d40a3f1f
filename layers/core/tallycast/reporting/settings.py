"""What this room is told by the environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class ReportingSettings(Settings):
    """Of the routes of this room."""

    core_table: str
