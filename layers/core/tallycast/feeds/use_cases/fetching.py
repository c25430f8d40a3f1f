"""The fetch as a function's settings want it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tallycast.feeds.fetching import FetchSettings, fetch

if TYPE_CHECKING:
    from tallycast.feeds.poll import Fetch
    from tallycast.feeds.settings import PollSettings, RegistrySettings


def fetcher(settings: PollSettings | RegistrySettings) -> Fetch:
    """Fetch within the settings' budget, with their contact address and allow-list."""
    return partial(
        fetch,
        settings=FetchSettings(
            deadline_seconds=settings.fetch_seconds,
            contact_url=settings.contact_url,
            allow=tuple(filter(None, settings.fetch_allow_list.split(","))),
        ),
    )
