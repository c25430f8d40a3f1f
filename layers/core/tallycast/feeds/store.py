"""Feeds, shows and episodes in the `core` table.

One feed is written by one poll at a time (its lease), so that an episode can be put whole: the
same poll done twice writes the same items twice, which changes nothing.
"""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from tallycast.aws.batch import read_items
from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.feeds.feed import Feed, FeedStatus
from tallycast.feeds.items import EpisodeItem, ShowItem, feed_item, feed_of
from tallycast.kernel import keys
from tallycast.kernel.errors import NotFoundError, PermanentError, TallycastError
from tallycast.kernel.times import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.feeds.feed import PollMessage

LISTING = "listing"
LOOKUP = "lookup"
DUE = "due"
_PAGE = 100
_MARKERS = 8  # threads that mark episodes at the same time


class FeedNotRegisteredError(PermanentError):
    """The tenant has no such feed."""


class ShowNotFoundError(NotFoundError):
    """The tenant has no such show."""


class FeedAlreadyRegisteredError(PermanentError):
    """The tenant already has this feed, by its address or its `podcast:guid`."""


class LeaseLostError(PermanentError):
    """Another poll of the same feed has taken over; this one's result is dropped."""


class FeedStore:
    """The feeds room's access to the `core` table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, feed: Feed) -> None:
        """Write a new feed with its claims on address and `podcast:guid`, all or nothing.

        Raises:
            FeedAlreadyRegisteredError: one of the claims belongs to another feed.
        """
        puts: list[dict[str, Any]] = [
            {"Item": feed_item(feed), "ConditionExpression": "attribute_not_exists(pk)"},
            *_claims(feed),
        ]
        try:
            self._transact(puts, f"add feed {feed.url}")
        except ConditionFailedError as error:
            owner = self.owner(feed.tenant, (feed.url, *feed.addresses), feed.podcast_guid)
            raise FeedAlreadyRegisteredError(
                f"already registered as {owner}", feed_id=owner, url=feed.url
            ) from error

    def claim(self, feed: Feed) -> str | None:
        """Claim a feed's address and guid; returns the id of another feed that owns one, if any.

        A removed feed owns nothing against one that is in use.
        """
        owner = self._claim(feed, over=None)
        if owner is None or self.get(feed.tenant, owner).status is not FeedStatus.REMOVED:
            return owner
        return self._claim(feed, over=owner)

    def _claim(self, feed: Feed, *, over: str | None) -> str | None:
        try:
            self._transact(_claims(feed, over=over), f"claim {feed.url}")
        except ConditionFailedError:
            return self.owner(feed.tenant, (feed.url, *feed.addresses), feed.podcast_guid)
        return None

    def owner(self, tenant: str, urls: Iterable[str], guid: str | None) -> str | None:
        """The id of the tenant's feed that owns one of the addresses or the guid, if any."""
        wanted = [keys.feed_url(tenant, canonical(url)) for url in urls]
        if guid:
            wanted.append(keys.podcast_guid(tenant, guid))
        for key in wanted:
            with translated("look up a feed's claim"):
                item = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
            if item:
                return str(item["feed_id"])
        return None

    def get(self, tenant: str, feed_id: str) -> Feed:
        """Read one feed, consistently.

        Raises:
            FeedNotRegisteredError: the tenant has no such feed.
        """
        with translated(f"read feed {feed_id}"):
            item = self._table.get_item(Key=keys.feed(tenant, feed_id), ConsistentRead=True).get(
                "Item"
            )
        if item is None:
            raise FeedNotRegisteredError(f"no feed {feed_id} here", feed_id=feed_id)
        return feed_of(item)

    def of_tenant(self, tenant: str, *, after: str | None = None) -> Iterator[Feed]:
        """The feeds of a tenant but the removed ones, in the order they were added.

        `after` is the id of the last feed seen, to go on behind it.
        """
        key: ConditionBase = Key("list_key").eq(keys.feeds_of(tenant))
        if after is not None:
            key &= Key("list_sort").gt(after)
        for page in self._query(LISTING, key):
            wanted = [{"pk": item["pk"], "sk": item["sk"]} for item in page]
            for start in range(0, len(wanted), _PAGE):
                found = map(feed_of, read_items(self._table, wanted[start : start + _PAGE]))
                for feed in sorted(found, key=lambda feed: feed.feed_id):
                    if feed.status is not FeedStatus.REMOVED:
                        yield feed

    def lease(self, message: PollMessage, *, lease_id: str, now: datetime, until: datetime) -> bool:
        """Take the feed for one poll, if the message is still the one to act on.

        Returns False when the feed has moved on (polled already, paused, rescheduled) or another
        poll holds it.
        """
        condition = Attr("next_poll_at").eq(to_text(message.scheduled_for)) & (
            Attr("lease_until").not_exists() | Attr("lease_until").lt(to_text(now))
        )
        try:
            with translated(f"lease feed {message.feed_id}"):
                self._table.update_item(
                    Key=keys.feed(message.tenant, message.feed_id),
                    UpdateExpression="SET lease_id = :id, lease_until = :until",
                    ConditionExpression=condition,
                    ExpressionAttributeValues={":id": lease_id, ":until": to_text(until)},
                )
        except ConditionFailedError:
            return False
        return True

    def commit(self, feed: Feed, *, lease_id: str, scheduled_for: datetime) -> None:
        """Write the feed as a poll leaves it, and give the lease back.

        Raises:
            LeaseLostError: the lease ran out and another poll has the feed, or a person has
                rescheduled, paused or removed it meanwhile.
        """
        still_ours = Attr("lease_id").eq(lease_id) & Attr("next_poll_at").eq(to_text(scheduled_for))
        try:
            with translated(f"commit feed {feed.feed_id}"):
                self._table.put_item(Item=feed_item(feed), ConditionExpression=still_ours)
        except ConditionFailedError as error:
            raise LeaseLostError(
                f"feed {feed.feed_id} was rescheduled meanwhile", feed_id=feed.feed_id
            ) from error

    def release(self, feed: Feed, *, lease_id: str) -> None:
        """Give a lease back after a failed poll, as far as the table lets us: it also runs out."""
        with contextlib.suppress(TallycastError), translated(f"release feed {feed.feed_id}"):
            self._table.update_item(
                Key=keys.feed(feed.tenant, feed.feed_id),
                UpdateExpression="REMOVE lease_id, lease_until",
                ConditionExpression=Attr("lease_id").eq(lease_id),
            )

    def change(self, before: Feed, after: Feed) -> None:
        """Write a person's change to a feed, unless a poll changed it in between.

        Raises:
            ConditionFailedError: it did; read the feed and decide again.
        """
        unchanged: ConditionBase = Attr("status").eq(before.status.value)
        for name in ("next_poll_at", "lease_id"):
            value = feed_item(before).get(name)
            unchanged = unchanged & (
                Attr(name).not_exists() if value is None else Attr(name).eq(value)
            )
        with translated(f"change feed {after.feed_id}"):
            self._table.put_item(Item=feed_item(after), ConditionExpression=unchanged)

    def put_show(self, show: ShowItem) -> None:
        """Write what a feed says of its show."""
        with translated(f"write show {show.show_id}"):
            self._table.put_item(Item=show.to_item())

    def show(self, tenant: str, show_id: str) -> ShowItem | None:
        """Read a show."""
        with translated(f"read show {show_id}"):
            item = self._table.get_item(Key=keys.show(tenant, show_id)).get("Item")
        return ShowItem.from_item(item) if item else None

    def put_episodes(self, episodes: Sequence[EpisodeItem]) -> None:
        """Write episodes whole, 25 a call; unprocessed ones are sent again by boto3."""
        if not episodes:
            return
        one_each = self._table.batch_writer(overwrite_by_pkeys=["pk", "sk"])
        with translated("write episodes"), one_each as batch:
            for episode in episodes:
                batch.put_item(Item=episode.to_item())

    def mark_gone(self, tenant: str, show_id: str, episode_ids: Sequence[str], at: str) -> None:
        """Note that episodes left the document; they are kept."""
        self._mark_all(tenant, show_id, episode_ids, "SET gone_at = :at", {":at": at})

    def mark_returned(self, tenant: str, show_id: str, episode_ids: Sequence[str]) -> None:
        """Note that episodes are back in the document as they were."""
        self._mark_all(tenant, show_id, episode_ids, "REMOVE gone_at", None)

    def _mark_all(
        self,
        tenant: str,
        show_id: str,
        episode_ids: Sequence[str],
        change: str,
        values: dict[str, Any] | None,
    ) -> None:
        def mark(episode_id: str) -> None:
            self._mark(tenant, show_id, episode_id, change, values)

        if len(episode_ids) <= 1:
            for episode_id in episode_ids:
                mark(episode_id)
            return
        with ThreadPoolExecutor(_MARKERS) as pool:
            list(pool.map(mark, episode_ids))

    def _mark(
        self, tenant: str, show_id: str, episode_id: str, change: str, values: dict[str, Any] | None
    ) -> None:
        arguments: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
        try:
            with translated(f"mark episode {episode_id}"):
                self._table.update_item(
                    Key=keys.episode(tenant, show_id, episode_id),
                    UpdateExpression=change,
                    ConditionExpression="attribute_exists(pk)",
                    **arguments,
                )
        except ConditionFailedError:
            return  # erased meanwhile: there is nothing to mark

    def episode(self, tenant: str, show_id: str, episode_id: str) -> EpisodeItem | None:
        """Read one episode by id; `items.episode_id` gives the id of a guid."""
        with translated(f"read episode {episode_id}"):
            item = self._table.get_item(Key=keys.episode(tenant, show_id, episode_id)).get("Item")
        return EpisodeItem.from_item(item) if item else None

    def episodes(
        self, tenant: str, show_id: str, *, limit: int = _PAGE, after: str | None = None
    ) -> list[dict[str, Any]]:
        """Briefs of a show's episodes, newest first; `after` is the last brief's `sort`."""
        condition: ConditionBase = Key("list_key").eq(keys.episodes_of(tenant, show_id))
        if after:
            condition &= Key("list_sort").lt(after)
        with translated(f"list episodes of {show_id}"):
            found = self._table.query(
                IndexName=LISTING,
                KeyConditionExpression=condition,
                ScanIndexForward=False,
                Limit=limit,
            )
        return [
            {**json.loads(str(item["brief"])), "sort": item["list_sort"]} for item in found["Items"]
        ]

    def every_episode(self, tenant: str, show_id: str) -> Iterator[EpisodeItem]:
        """All episodes that a show ever had, gone ones too, whole, in no order that means much."""
        condition = Key("pk").eq(keys.show(tenant, show_id)["pk"]) & Key("sk").begins_with(
            keys.EPISODE
        )
        for page in self._query(None, condition):
            yield from map(EpisodeItem.from_item, page)

    def episodes_by_enclosure(self, tenant: str, enclosure_key: str) -> list[EpisodeItem]:
        """The tenant's episodes behind an enclosure (without prefixes and query)."""
        found = [
            {"pk": item["pk"], "sk": item["sk"]}
            for page in self._query(
                LOOKUP, Key("lookup_key").eq(keys.enclosure(tenant, enclosure_key))
            )
            for item in page
        ]
        return [EpisodeItem.from_item(item) for item in read_items(self._table, found)]

    def _query(self, index: str | None, key: ConditionBase) -> Iterator[list[dict[str, Any]]]:
        arguments: dict[str, Any] = {"KeyConditionExpression": key}
        if index:
            arguments["IndexName"] = index
        while True:
            with translated(f"query {index or 'the table'}"):
                page = self._table.query(**arguments)
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _transact(self, puts: Sequence[dict[str, Any]], action: str) -> None:
        with translated(action):
            self._table.meta.client.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": self._table.name, **put}}  # type: ignore[typeddict-item]
                    for put in puts
                ]
            )


def canonical(url: str) -> str:
    """An address as claims compare it: without scheme, fragment, default port and end slash."""
    try:
        parts = urlsplit(url.strip())
        port = "" if parts.port in {None, 80, 443} else f":{parts.port}"
    except ValueError:
        return url.strip()  # no address at all; it is compared as it stands
    query = f"?{parts.query}" if parts.query else ""
    return f"{(parts.hostname or '').lower()}{port}{parts.path.rstrip('/')}{query}"


def _claims(feed: Feed, *, over: str | None = None) -> list[dict[str, Any]]:
    """One conditional put for every address and the guid a feed must own alone.

    `over` names a feed whose claims do not count.
    """
    wanted = [
        keys.feed_url(feed.tenant, address)
        for address in sorted({canonical(url) for url in (feed.url, *feed.addresses)})
    ]
    if feed.podcast_guid:
        wanted.append(keys.podcast_guid(feed.tenant, feed.podcast_guid))
    return [
        {
            "Item": {**key, "kind": "claim", "feed_id": feed.feed_id},
            "ConditionExpression": "attribute_not_exists(pk) OR feed_id IN (:me, :over)",
            "ExpressionAttributeValues": {":me": feed.feed_id, ":over": over or feed.feed_id},
        }
        for key in wanted
    ]
