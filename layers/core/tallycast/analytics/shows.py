"""Shows and their episodes, as their feeds say, ready to be shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tallycast.analytics.ages import EpisodeBrief
from tallycast.analytics.model import (
    EpisodeNotFoundError,
    Period,
)
from tallycast.analytics.series import EpisodeMarker
from tallycast.aws.batch import read_items
from tallycast.feeds.items import EpisodeItem
from tallycast.feeds.store import ShowNotFoundError
from tallycast.kernel import keys
from tallycast.kernel.schema import Produced
from tallycast.kernel.times import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.feeds.feed import Feed
    from tallycast.feeds.items import ShowItem
    from tallycast.feeds.store import FeedStore

_BRIEFS = 100  # read at a time
MOST_MARKERS = 200


class ShowBrief(Produced):
    """What a list shows of a show."""

    show_id: str
    feed_id: str
    title: str | None = Field(description="Null until its feed was first read")
    status: Literal["active", "paused", "retired", "removed"] = Field(
        description="Of its feed: active ones are polled; of removed ones the history is kept"
    )
    episodes: int = Field(description="That its feed has now")
    added_at: datetime
    last_read_at: datetime | None = Field(description="When its feed was last read in good order")


class ShowDetail(ShowBrief):
    """A show, as its feed says."""

    podcast_guid: str | None
    zone: str = Field(description="Reporting time zone: in which its days begin")
    description: str | None = Field(description="As the feed has it, with its HTML: clean it first")
    link: str | None
    language: str | None
    author: str | None
    image: str | None
    categories: list[str] = Field(description="`Society & Culture / Documentary`")
    explicit: bool = Field(description="Whether the feed says so")


class EpisodeDetail(EpisodeBrief):
    """An episode, as the feed says; times in UTC."""

    show_id: str
    feed_id: str
    first_seen: datetime
    gone_at: datetime | None = Field(description="When it left the feed; null while it is there")
    description: str | None = Field(description="As the feed has it, with its HTML: clean it first")
    link: str | None
    image: str | None
    explicit: bool = Field(description="Whether the feed says so")
    enclosure_type: str | None
    enclosure_bytes: int | None


@dataclass(frozen=True, slots=True)
class Shows:
    """Reads shows and episodes of one tenant after another."""

    store: FeedStore
    table: Table
    zone_of: Callable[[str, str], str]  # from tenant and show

    def page(
        self, tenant: str, *, limit: int, after: str | None
    ) -> tuple[list[ShowBrief], str | None]:
        """A tenant's shows in the order they were added, and where to go on."""
        found = list(islice(self.store.of_tenant(tenant, after=after), limit + 1))
        shown = found[:limit]
        return [_brief(feed) for feed in shown], shown[-1].feed_id if len(found) > limit else None

    def show(self, tenant: str, show_id: str) -> ShowDetail:
        """One show.

        Raises:
            ShowNotFoundError: the tenant has none of this id.
        """
        item = self.store.show(tenant, show_id)
        feed = self.store.get(tenant, item.feed_id) if item else self._unread(tenant, show_id)
        return _detail(feed, item, self.zone_of(tenant, show_id))

    def _unread(self, tenant: str, show_id: str) -> Feed:
        """The feed of a show that was never read: there is no other way from the one to other."""
        for feed in self.store.of_tenant(tenant):
            if feed.show_id == show_id:
                return feed
        raise _no_show(show_id)

    def check(self, tenant: str, show_id: str) -> None:
        """Insist that the tenant has a show.

        Raises:
            ShowNotFoundError: it has none of this id.
        """
        if self.store.show(tenant, show_id) is None:
            self._unread(tenant, show_id)

    def episodes(
        self, tenant: str, show_id: str, *, limit: int, after: str | None
    ) -> tuple[list[EpisodeBrief], str | None]:
        """A show's episodes, newest first, and where to go on; those without a date come last."""
        found = self.store.episodes(tenant, show_id, limit=limit + 1, after=after)
        shown = found[:limit]
        following = str(shown[-1]["sort"]) if len(found) > limit else None
        return [_episode_brief(each) for each in shown], following

    def episode(self, tenant: str, show_id: str, episode_id: str) -> EpisodeDetail:
        """One episode, also one that left the feed.

        Raises:
            EpisodeNotFoundError: the show has none of this id.
        """
        return _episode_detail(self._item(tenant, show_id, episode_id))

    def _item(self, tenant: str, show_id: str, episode_id: str) -> EpisodeItem:
        item = self.store.episode(tenant, show_id, episode_id)
        if item is None:
            raise EpisodeNotFoundError(
                f"the show {show_id} has no episode {episode_id}", id=episode_id
            )
        return item

    def some(self, tenant: str, show_id: str, ids: Iterable[str]) -> dict[str, EpisodeItem]:
        """Episodes of a show by id.

        Raises:
            EpisodeNotFoundError: the show has not all of them.
        """
        found = self.known(tenant, [(show_id, each) for each in ids])
        for episode_id in ids:
            if episode_id not in found:
                raise EpisodeNotFoundError(
                    f"the show {show_id} has no episode {episode_id}", id=episode_id
                )
        return found

    def known(self, tenant: str, ids: Iterable[tuple[str, str]]) -> dict[str, EpisodeItem]:
        """Those of the episodes (show and episode) that there are, by id."""
        wanted = [keys.episode(tenant, *each) for each in dict.fromkeys(ids)]
        items = read_items(self.table, wanted)
        return {str(item["episode_id"]): EpisodeItem.from_item(item) for item in items}

    def newest(self, tenant: str, show_id: str) -> Iterator[EpisodeBrief]:
        """A show's episodes with a date, newest first."""
        after: str | None = None
        while True:
            page, after = self.episodes(tenant, show_id, limit=_BRIEFS, after=after)
            for brief in page:
                if brief.published is None:
                    return
                yield brief
            if after is None:
                return

    def markers(
        self, tenant: str, show_id: str, period: Period, day_of: Callable[[datetime], Any]
    ) -> list[EpisodeMarker]:
        """Episodes released within a period, the last `MOST_MARKERS` of them, in order.

        `day_of` gives the local day of a moment.
        """
        found: list[EpisodeMarker] = []
        for brief in self.newest(tenant, show_id):
            if brief.published is None or (day := day_of(brief.published)) < period.first:
                break
            if day <= period.last:
                found.append(
                    EpisodeMarker(
                        episode_id=brief.episode_id,
                        title=brief.title,
                        published=brief.published,
                        day=day,
                    )
                )
            if len(found) == MOST_MARKERS:
                break
        return found[::-1]


def _no_show(show_id: str) -> ShowNotFoundError:
    return ShowNotFoundError(f"no show {show_id} here", id=show_id)


def _brief(feed: Feed) -> ShowBrief:
    return ShowBrief(**_of_feed(feed))


def _of_feed(feed: Feed) -> dict[str, Any]:
    return {
        "show_id": feed.show_id,
        "feed_id": feed.feed_id,
        "title": feed.title,
        "status": feed.status.value,
        "episodes": feed.episodes,
        "added_at": feed.created_at,
        "last_read_at": feed.last_success_at,
    }


def _detail(feed: Feed, item: ShowItem | None, zone: str) -> ShowDetail:
    said: Mapping[str, Any] = json.loads(item.document) if item else {}
    return ShowDetail(
        **{**_of_feed(feed), "title": (item.title if item else None) or feed.title},
        podcast_guid=feed.podcast_guid,
        zone=zone,
        description=said.get("description") or said.get("summary"),
        link=said.get("link"),
        language=said.get("language"),
        author=said.get("author"),
        image=said.get("image"),
        categories=[
            " / ".join(filter(None, (each.get("name"), each.get("sub"))))
            for each in said.get("categories", [])
        ],
        explicit=bool(said.get("explicit")),
    )


def _moment(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def _episode_brief(brief: Mapping[str, Any]) -> EpisodeBrief:
    return EpisodeBrief(**_of_episode(brief))


def _of_episode(brief: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{
            name: brief.get(name)
            for name in (
                "episode_id", "title", "duration_seconds", "season", "episode", "guid",
                "enclosure_url",
            )
        },
        "published": _moment(brief.get("published")),
    }  # fmt: skip


def _episode_detail(item: EpisodeItem) -> EpisodeDetail:
    said: Mapping[str, Any] = json.loads(item.document)
    enclosure = said.get("enclosure") or {}
    return EpisodeDetail(
        **_of_episode(item.brief()),
        show_id=item.show_id,
        feed_id=item.feed_id,
        first_seen=from_text(item.first_seen),
        gone_at=_moment(item.gone_at),
        description=said.get("description") or said.get("summary"),
        link=said.get("link"),
        image=said.get("image"),
        explicit=bool(said.get("explicit")),
        enclosure_type=enclosure.get("type"),
        enclosure_bytes=enclosure.get("bytes"),
    )
