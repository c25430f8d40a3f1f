"""What the functions of reference data and keys are told by their environment."""

from __future__ import annotations

from pydantic import Json  # noqa: TC002 - pydantic looks annotations up

from tallycast.aws.settings import Settings
from tallycast.feeds.settings import CONTACT_URL
from tallycast.measurement.privacy.store import RETENTION_MONTHS
from tallycast.measurement.reference.model import Source  # noqa: TC001 - as above


class RefreshSettings(Settings):
    """`refresh_reference`.

    `reference_sources` is JSON: document → `{"url": …, "licence": …}`. `fetch_allow_list` is empty
    in every deployed stage.
    """

    reference_bucket: str
    reference_sources: Json[dict[str, Source]] = {}  # noqa: RUF012 - pydantic copies it
    reference_max_bytes: int = 48 * 1024 * 1024
    event_bus: str
    idempotency_table: str
    fetch_allow_list: str = ""
    fetch_seconds: float = 60.0
    contact_url: str = CONTACT_URL


class KeySettings(Settings):
    """`rotate_keys`."""

    privacy_table: str
    key_retention_months: int = RETENTION_MONTHS
