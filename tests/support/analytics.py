"""A tenant with shows, episodes and day cards, behind the real routes, on moto."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tallycast.analytics.model import Asked, Period
from tallycast.analytics.standing import DayCount, standing_of
from tallycast.analytics.use_cases import numbers
from tallycast.analytics.use_cases.exports import exports
from tallycast.feeds.feed import Feed
from tallycast.feeds.items import EpisodeItem, ShowItem
from tallycast.feeds.model import Enclosure, Episode, Show
from tallycast.feeds.store import FeedStore
from tallycast.kernel.times import to_text
from tallycast.measurement.counting.days import DayRef, DayState, DayStore
from tallycast.measurement.rollups.items import card_items
from tallycast.measurement.rollups.model import (
    Card,
    CountInfo,
    Hour,
    Thing,
)
from tests.support.api import ApiClient, a_principal, api_platform
from tests.support.stacks import Stacks

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
COUNTED_AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def a_card(**changes: Any) -> Card:
    """The card of acme's show `show_1` on a day; downloads follow from its hours, or lie at noon."""
    facts: dict[str, Any] = {
        "scope": "show",
        "id": "show_1",
        "day": DAY,
        "show_id": "show_1",
        "hours": None,
        "downloads": None,
        "listeners": None,
        "requests": None,
        "count": CountInfo("acme", "iab-2.3", COUNTED_AT),
    } | changes
    if facts["hours"] is None:
        n = facts["downloads"] or 0
        facts["hours"] = (Hour(12, "+00:00", n),) if n else ()
    total = sum(hour.downloads for hour in facts["hours"])
    facts["downloads"] = total
    facts["listeners"] = total if facts["listeners"] is None else facts["listeners"]
    waterfall = facts.setdefault("waterfall", {"counted": total} if total else {})
    if facts["requests"] is None:
        facts["requests"] = sum(waterfall.values())
    return Card(**facts)


def asked_of(
    first: date,
    last: date,
    *,
    zone: str = "UTC",
    scope: str = "show",
    counts: Sequence[DayCount] = (),
) -> Asked:
    """A question about a show, with days that nobody has counted."""
    period = Period(first, last)
    standing = standing_of("iab-2.3", period, counts, open_from=date(2026, 11, 19))
    return Asked(Thing("acme", "iab-2.3", scope, "show_1"), period, zone, standing, NOW)


def days(first: date, count: int) -> list[date]:
    """Days in a row."""
    return [first + timedelta(days=number) for number in range(count)]


@dataclass
class AnalyticsPlatform:
    """Everything a test of the reads needs."""

    stacks: Stacks
    client: ApiClient
    partner: ApiClient

    def __post_init__(self) -> None:
        self.store = FeedStore(self.stacks.core)

    def add_show(self, show_id: str = "show_1", *, tenant: str = "acme", **facts: Any) -> Feed:
        """A registered feed that was read."""
        feed = Feed(
            tenant=tenant,
            feed_id=show_id.replace("show", "feed"),
            show_id=show_id,
            url=f"https://feeds.example/{tenant}/{show_id}.xml",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            title=f"Show {show_id}",
        )
        self.store.add(feed)
        said = Show(title=feed.title, **facts)
        self.store.put_show(ShowItem.of(feed, said, at=to_text(NOW)))
        return feed

    def add_episode(
        self, feed: Feed, identity: str, published: datetime | None, **facts: Any
    ) -> str:
        """An episode of a show; its id."""
        url = f"https://cdn.example/{feed.show_id}/{identity}.mp3"
        episode = Episode(
            identity="guid",
            identity_value=identity,
            guid=identity,
            published=published,
            enclosure=Enclosure(url, "audio/mpeg", 5_000_000),
            **{"title": f"Episode {identity}", **facts},
        )
        item = EpisodeItem.of(
            feed, episode, identity=identity, fingerprint="f", first_seen=to_text(NOW),
            imported=False,
        )  # fmt: skip
        self.store.put_episodes([item])
        return item.episode_id

    def put(self, cards: Iterable[Card]) -> None:
        """Lay cards down as they are."""
        with self.stacks.metrics.batch_writer() as batch:
            for card in cards:
                for item in card_items(card):
                    batch.put_item(Item=item)

    def state(self, day: date, state: str, *, tenant: str = "acme", rules: str = "iab-2.3") -> None:
        """How the count of a day stands."""
        made = DayState(
            tenant=tenant, rules=rules, day=day, state=state, version=1, counted_at=COUNTED_AT
        )
        item = made.model_dump(mode="json", exclude_none=True, exclude={"inputs"})
        key = DayRef(tenant=tenant, rules=rules, day=day).key
        self.stacks.metrics.put_item(Item={**key, **item, "kind": "day"})

    def days(self) -> DayStore:
        return DayStore(self.stacks.metrics)

    def as_(self, role: Any, **facts: Any) -> ApiClient:
        """Somebody else at the app."""
        return self.client.as_(a_principal(role, **facts))


@contextmanager
def analytics_platform(now: datetime = NOW, **more: str) -> Iterator[AnalyticsPlatform]:
    """A fresh platform on moto, at a time of ours."""
    import tallycast.api.app as api_app

    before = api_app.utc_now
    api_app.utc_now = lambda: now
    try:
        with api_platform(**more) as (stacks, client, partner):
            forget()
            yield AnalyticsPlatform(stacks, client, partner)
    finally:
        forget()
        api_app.utc_now = before


def forget() -> None:
    """Use cases are wired once per container; every platform is a new one."""
    for wired in (numbers.shows, numbers.charts, exports):
        wired.cache_clear()
