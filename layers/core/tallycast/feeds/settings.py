"""What each function of the feeds room is told by its environment."""

from __future__ import annotations

from datetime import timedelta

from tallycast.aws.settings import Settings

CONTACT_URL = "https://github.com/tallycast/tallycast"


class PollSettings(Settings):
    """`poll_feed`. `fetch_allow_list` is comma-separated and empty in every deployed stage."""

    core_table: str
    feeds_bucket: str
    poll_queue_url: str
    fetch_allow_list: str = ""
    fetch_seconds: float = 20.0
    contact_url: str = CONTACT_URL
    host_slots: int = 4
    lease_seconds: int = 150

    @property
    def lease(self) -> timedelta:
        """How long one poll may hold a feed: as long as the function may run."""
        return timedelta(seconds=self.lease_seconds)


class TickSettings(Settings):
    """`schedule_polls`."""

    core_table: str
    poll_queue_url: str


class PublishSettings(Settings):
    """`publish_changes`."""

    idempotency_table: str
    event_bus: str


class RegistrySettings(Settings):
    """`import_feed`: enough to register a feed."""

    core_table: str
    poll_queue_url: str
    fetch_allow_list: str = ""
    fetch_seconds: float = 20.0
    contact_url: str = CONTACT_URL
    host_slots: int = 4


class ManageSettings(RegistrySettings):
    """`manage_feeds`."""

    feeds_bucket: str
    import_state_machine: str
