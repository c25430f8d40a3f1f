"""Wiring of `ingest_log`."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, cast

from tallycast.aws import clients
from tallycast.feeds.files import file_key
from tallycast.kernel.times import utc_now
from tallycast.measurement.counting.days import DayStore
from tallycast.measurement.counting.marking import Marker
from tallycast.measurement.intake.ingest import Ingest
from tallycast.measurement.intake.sources import LogSourceStore
from tallycast.measurement.lake.ledger import Ledger
from tallycast.measurement.lake.store import LakeStore
from tallycast.measurement.logs.enrichment import Enrichment, pseudonyms_under
from tallycast.measurement.logs.model import Limits
from tallycast.measurement.privacy.store import KeyStore
from tallycast.measurement.reference.loading import ReferenceCache
from tallycast.measurement.reference.store import ReferenceStore
from tallycast.measurement.settings import IngestSettings
from tallycast.measurement.tenancy import MeasurementSettingsStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from tallycast.measurement.logs.enrichment import Facts
    from tallycast.measurement.privacy import Pseudonym


@cache
def ingest() -> Ingest:
    """Take files in."""
    settings = IngestSettings.from_environment()
    core, metrics = clients.table(settings.core_table), clients.table(settings.metrics_table)
    return Ingest(
        s3=clients.s3(),
        lake=LakeStore(clients.s3(), settings.lake_bucket),
        ledger=Ledger(metrics),
        marker=Marker(days=DayStore(metrics), settings=MeasurementSettingsStore(core)),
        sources=LogSourceStore(core),
        enrichment=enrichment_with(
            KeyStore(clients.table(settings.privacy_table)),
            ReferenceCache(ReferenceStore(clients.s3(), settings.lake_bucket)),
            utc_now,
            settings.key_retention_months,
        ),
        clock=utc_now,
        limits=Limits(memory=settings.memory_limit),
    )


def enrichment_with(
    keys: KeyStore,
    cache_of_reference: ReferenceCache,
    clock: Callable[[], datetime],
    retention_months: int,
) -> Callable[[], Enrichment]:
    """What intake makes of addresses, with the reference data that is in use at the moment."""

    def pseudonyms(asked: Sequence[tuple[str, date]]) -> Sequence[Pseudonym | None]:
        months = {f"{day.year:04d}-{day.month:02d}" for _, day in asked}
        return pseudonyms_under(keys.ring_for(months, clock(), retention_months))(asked)

    def enrichment() -> Enrichment:
        reference = cache_of_reference.load_active()
        return Enrichment(
            pseudonyms=pseudonyms,
            facts=cast("Facts", reference.networks.look_up_all),
            media=partial(file_key, more_prefixes=reference.agents.prefix_hosts),
            kinds=reference.networks.kinds_of,
        )

    return enrichment
