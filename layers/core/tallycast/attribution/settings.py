"""What this room is told by the environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class AttributionSettings(Settings):
    """Of the routes of this room."""

    core_table: str
    privacy_table: str
    key_retention_months: int
