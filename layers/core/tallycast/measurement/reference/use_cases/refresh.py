"""Wiring of `refresh_reference`."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from tallycast.aws import clients
from tallycast.aws.bus import EventBus, OutgoingEvent
from tallycast.feeds.fetching import FetchSettings, fetch
from tallycast.kernel.times import utc_now
from tallycast.measurement.reference.activation import Activator
from tallycast.measurement.reference.commands import ReferenceDesk
from tallycast.measurement.reference.events import SOURCE
from tallycast.measurement.reference.refresh import Refresher
from tallycast.measurement.reference.settings import RefreshSettings
from tallycast.measurement.reference.store import ReferenceStore

if TYPE_CHECKING:
    from tallycast.measurement.reference.events import ReferenceEvent


@cache
def desk() -> ReferenceDesk:
    """Refresh, put, release and show documents."""
    settings = RefreshSettings.from_environment()
    store = ReferenceStore(clients.s3(), settings.reference_bucket)
    activator = Activator(store)
    bus = EventBus(clients.events(), settings.event_bus, clients.table(settings.idempotency_table))
    fetching = FetchSettings(
        deadline_seconds=settings.fetch_seconds,
        max_bytes=settings.reference_max_bytes,
        contact_url=settings.contact_url,
        allow=tuple(filter(None, settings.fetch_allow_list.split(","))),
    )

    def tell(events: list[ReferenceEvent]) -> int:
        return bus.put(
            [
                OutgoingEvent(each.event_id, SOURCE, type(each).__name__, each.model_dump_json())
                for each in events
            ]
        )

    return ReferenceDesk(
        store=store,
        activator=activator,
        refresher=Refresher(
            store, activator, partial(fetch, settings=fetching), settings.reference_sources
        ),
        clock=utc_now,
        tell=tell,
    )
