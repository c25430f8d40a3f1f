"""What the routes of this room ask, wired."""

from __future__ import annotations

from functools import cache

from tallycast.attribution.intake import Conversions
from tallycast.attribution.settings import AttributionSettings
from tallycast.aws import clients
from tallycast.measurement.privacy.store import KeyStore


@cache
def conversions() -> Conversions:
    """The tenant's conversions, as the environment wants them."""
    settings = AttributionSettings.from_environment()
    return Conversions(
        clients.table(settings.core_table),
        KeyStore(clients.table(settings.privacy_table)),
        settings.key_retention_months,
    )
