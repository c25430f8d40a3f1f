"""One day drilled down to its episodes."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - a field of the model
from typing import TYPE_CHECKING

from pydantic import Field

from tallycast.analytics.model import Asked, Chart, Standing
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced
from tallycast.measurement.model import COUNTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallycast.measurement.rollups.model import Card


class EpisodeOnDay(Produced):
    """What an episode had on the day."""

    episode_id: str = Field(description="`media_…` for a file that no known episode has")
    show_id: str | None
    title: str | None
    downloads: int
    listeners: int | None
    requests: int | None
    dropped: int | None = Field(description="Requests that did not count")


class DayOfEpisodes(Chart):
    """A day and its episodes with downloads, most first."""

    standing: Standing
    day: date
    downloads: int
    listeners: int = Field(
        description="Distinct listeners of the day; not the sum of the episodes'"
    )
    requests: int
    episodes: int = Field(description="That are on some page")
    items: list[EpisodeOnDay]
    other: int = Field(
        description="Downloads of episodes that are on no page: of a tenant, beyond the first 200"
    )
    next: str | None = Field(default=None, description="Cursor of the next page; null at the end")

    def table(self) -> Table:
        """One row per episode."""
        columns = (
            "episode_id", "show_id", "title", "downloads", "listeners", "requests", "dropped",
        )  # fmt: skip
        rows = (
            (each.episode_id, each.show_id, each.title, each.downloads, each.listeners,
             each.requests, each.dropped)
            for each in self.items
        )  # fmt: skip
        return Table(f"episodes-{self.day}", columns, rows)


def listed(card: Card | None, *, after: int, limit: int) -> list[tuple[str, int]]:
    """A page of a day's episodes with their downloads, from the card of a show or tenant."""
    found = list(card.episodes.values.items()) if card else []
    return found[after : after + limit]


def day_of_episodes(
    asked: Asked,
    card: Card | None,
    page: Sequence[tuple[str, int]],
    cards: Mapping[str, Card],
    titles: Mapping[str, str | None],
) -> DayOfEpisodes:
    """The page of a day.

    Args:
        asked: its period is the day.
        card: of the show or tenant.
        page: episodes and their downloads.
        cards: their own cards, by episode; one that is not there leaves its numbers open.
        titles: their titles, by episode.
    """
    return DayOfEpisodes(
        standing=asked.standing,
        day=asked.period.first,
        downloads=card.downloads if card else 0,
        listeners=card.listeners if card else 0,
        requests=card.requests if card else 0,
        episodes=len(card.episodes.values) if card else 0,
        items=[
            _episode(episode_id, downloads, cards.get(episode_id), titles)
            for episode_id, downloads in page
        ],
        other=card.episodes.other if card else 0,
    )


def _episode(
    episode_id: str, downloads: int, card: Card | None, titles: Mapping[str, str | None]
) -> EpisodeOnDay:
    dropped = card.requests - card.waterfall.get(COUNTED, 0) if card else None
    return EpisodeOnDay(
        episode_id=episode_id,
        show_id=(card.show_id or None) if card else None,
        title=titles.get(episode_id),
        downloads=downloads,
        listeners=card.listeners if card else None,
        requests=card.requests if card else None,
        dropped=dropped,
    )
