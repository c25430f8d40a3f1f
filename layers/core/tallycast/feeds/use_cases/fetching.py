"""The fetch as a function's settings want it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from tallycast.aws import clients
from tallycast.feeds.fetching import FetchSettings, fetch
from tallycast.feeds.hosts import HostSlots

if TYPE_CHECKING:
    from tallycast.feeds.poll import Fetch
    from tallycast.feeds.settings import PollSettings, RegistrySettings


def fetcher(settings: PollSettings | RegistrySettings, *, patient: bool = False) -> Fetch:
    """Fetch within the settings' budget, and only with a slot of each host on the way.

    A patient fetch spends up to a quarter of its budget on waiting for a slot.
    """
    slots = HostSlots(
        clients.table(settings.core_table),
        time.time,
        count=settings.host_slots,
        seconds=int(settings.fetch_seconds) + 5,
        patience=settings.fetch_seconds / 4 if patient else 0.0,
    )
    return partial(
        fetch,
        gate=slots.slot,
        settings=FetchSettings(
            deadline_seconds=settings.fetch_seconds,
            contact_url=settings.contact_url,
            allow=tuple(filter(None, settings.fetch_allow_list.split(","))),
        ),
    )
