"""Downloads of episodes within 1, 3, 7, 30 and 90 days of their release, and all of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tallycast.analytics.model import Chart
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced
from tallycast.measurement.rollups.model import AGE_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallycast.measurement.rollups.model import AgeTotals


class EpisodeBrief(Produced):
    """What a list shows of an episode."""

    episode_id: str
    title: str | None
    published: datetime | None = Field(description="As the feed says; null when it says nothing")
    duration_seconds: int | None
    season: int | None
    episode: str | None
    guid: str | None
    enclosure_url: str | None


class DownloadsWithin(Produced):
    """Downloads within so many days of the release."""

    days: int
    downloads: int
    status: Literal["running", "provisional", "final"] = Field(
        description="running: the days are not over; provisional: they are, and late requests may "
        "still come"
    )


class EpisodeAges(Produced):
    """An episode's downloads by days since its release."""

    episode_id: str
    title: str | None
    published: datetime | None
    within: list[DownloadsWithin] = Field(
        description="Empty when the release is not known. A download before it is in the first day"
    )
    all_time: int
    counted_at: datetime | None = Field(description="Null for an episode that has no downloads")


class AgesPage(Chart):
    """Episodes of a show, newest first."""

    rules: str
    items: list[EpisodeAges]
    next: str | None = Field(default=None, description="Cursor of the next page; null at the end")

    def table(self) -> Table:
        """One row per episode."""
        columns = (
            "episode_id", "title", "published", *(f"days_{days}" for days in AGE_DAYS),
            "all_time", "final_days", "counted_at",
        )  # fmt: skip
        return Table("episodes-by-age", columns, map(_row, self.items))


def _row(item: EpisodeAges) -> list[str | int | date | None]:
    by_days = {each.days: each.downloads for each in item.within}
    final = [each.days for each in item.within if each.status == "final"]
    return [
        item.episode_id, item.title, item.published, *(by_days.get(days) for days in AGE_DAYS),
        item.all_time, max(final, default=0), item.counted_at,
    ]  # fmt: skip


def ages_of(
    episodes: Sequence[EpisodeBrief],
    totals: Mapping[str, AgeTotals],
    *,
    now: datetime,
    open_from: date,
) -> list[EpisodeAges]:
    """The ages of some episodes, in their order.

    Args:
        episodes: which.
        totals: what is counted of them, by id.
        now: the time.
        open_from: the first day that can still change (`standing.first_open_day`).
    """
    return [_ages(each, totals.get(each.episode_id), now, open_from) for each in episodes]


def _ages(
    episode: EpisodeBrief, totals: AgeTotals | None, now: datetime, open_from: date
) -> EpisodeAges:
    released = episode.published
    return EpisodeAges(
        episode_id=episode.episode_id,
        title=episode.title,
        published=released,
        within=[
            DownloadsWithin(
                days=days,
                downloads=totals.within.get(days, 0) if totals else 0,
                status=_status(released + timedelta(days=days), now, open_from),
            )
            for days in AGE_DAYS
        ]
        if released is not None
        else [],
        all_time=totals.all_time if totals else 0,
        counted_at=totals.counted_at if totals else None,
    )


def _status(
    end: datetime, now: datetime, open_from: date
) -> Literal["running", "provisional", "final"]:
    if end > now:
        return "running"
    # The local day of the end may be a day later than its UTC day.
    return "final" if end.date() + timedelta(days=1) < open_from else "provisional"
