"""Episodes tell which hosts a show uses: each event's enclosure is learned, once per container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from tallycast.kernel.schema import Received
from tallycast.measurement.tracking.hosts import hosts_of

if TYPE_CHECKING:
    from tallycast.measurement.tracking.registry import TrackingRegistry

_MOST_KNOWN: Final = 20_000


class Episode(Received):
    """What is read of `EpisodePublished` and `EpisodeChanged`."""

    tenant: str
    show_id: str
    enclosure_url: str | None = None


class EpisodeEvent(Received):
    """An event of the bus, as a rule puts it into a queue."""

    detail_type: Literal["EpisodePublished", "EpisodeChanged"] = Field(alias="detail-type")
    detail: Episode


class Learner:
    """Learns hosts, and remembers in the container what it has learned already."""

    def __init__(self, registry: TrackingRegistry) -> None:
        self._registry = registry
        self._known: set[tuple[str, str, str]] = set()

    def learn(self, episode: Episode) -> int:
        """Learn the hosts of one episode; returns how many were new to this container.

        Raises:
            TooManyHostsError: the feed names more hosts than a show may have.
        """
        if not episode.enclosure_url:
            return 0
        named = {
            (episode.tenant, episode.show_id, host) for host in hosts_of(episode.enclosure_url)
        }
        fresh = named - self._known
        if fresh:
            self._registry.learn(episode.tenant, episode.show_id, [episode.enclosure_url])
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known |= fresh
        return len(fresh)
