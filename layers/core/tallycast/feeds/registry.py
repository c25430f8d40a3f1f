"""The registry of feeds: what a person may do with them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tallycast.aws.errors import ConditionFailedError, ServiceUnavailableError
from tallycast.feeds.catalogue import Catalogue
from tallycast.feeds.feed import Feed, FeedStatus, PollMessage
from tallycast.feeds.fetching import FetchRequest
from tallycast.feeds.identity import podcast_guid
from tallycast.feeds.queue import Delayed
from tallycast.feeds.reading import read
from tallycast.feeds.store import FeedAlreadyRegisteredError, FeedStore
from tallycast.kernel.errors import PermanentError, RetryableError
from tallycast.kernel.ids import new_id
from tallycast.kernel.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tallycast.feeds.poll import Fetch
    from tallycast.feeds.queue import PollQueue


class FeedBeingChangedError(RetryableError):
    """Polls and people keep changing the feed at the same moment; try again."""


class FeedStatusError(PermanentError):
    """The feed's status does not allow that."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Add, list, pause, resume, remove, pin and poll feeds of a tenant."""

    store: FeedStore
    queue: PollQueue
    fetch: Fetch
    clock: Callable[[], datetime]

    def add(self, tenant: str, url: str, *, pinned: bool = False) -> Feed:
        """Register a feed, after fetching it and reading it as a feed.

        The feed is due at once: its first poll brings its episodes. A feed that was removed
        before comes back with its history.

        Raises:
            FetchError: it cannot be fetched; the error says why.
            NotAFeedError: what is there is something else.
            FeedAlreadyRegisteredError: the tenant has it, under this or another address.
        """
        got = self.fetch(FetchRequest(url=url))
        reading = read(
            got.body,
            Catalogue(),
            url=got.final_url,
            content_type=got.content_type,
            now=self.clock(),
        )
        address = got.permanent_url or url.strip()
        known_as = tuple(dict.fromkeys((url.strip(), address, got.final_url)))
        guid = (reading.feed.show.podcast_guid or podcast_guid(address)).lower()
        now = self.clock()
        feed = Feed(
            tenant=tenant,
            feed_id=new_id("feed", now),
            show_id=new_id("show", now),
            url=address,
            addresses=known_as,
            podcast_guid=guid,
            title=reading.feed.show.title,
            pinned=pinned,
            created_at=to_millis(now),
            next_poll_at=to_millis(now),
        )
        owner = self.store.owner(tenant, known_as, guid)
        if owner is not None:
            return self._revived(feed, owner)
        self.store.add(feed)
        self._send(_requested(feed))
        return feed

    def list(self, tenant: str, *, after: str | None = None) -> Iterator[Feed]:
        """The tenant's feeds, in the order they were added, from behind the feed `after` on."""
        return self.store.of_tenant(tenant, after=after)

    def get(self, tenant: str, feed_id: str) -> Feed:
        """One feed."""
        return self.store.get(tenant, feed_id)

    def pause(self, tenant: str, feed_id: str) -> Feed:
        """Stop polling a feed until it is resumed."""
        paused = {"status": FeedStatus.PAUSED, "next_poll_at": None}
        return self._changed(tenant, feed_id, paused)

    def resume(self, tenant: str, feed_id: str) -> Feed:
        """Poll a paused or retired feed again, at once."""
        return self.poll(tenant, feed_id)

    def remove(self, tenant: str, feed_id: str) -> Feed:
        """Take a feed off the list and stop polling it; its episodes and history are kept."""
        removed = {"status": FeedStatus.REMOVED, "next_poll_at": None}
        return self._changed(tenant, feed_id, removed)

    def pin(self, tenant: str, feed_id: str, *, pinned: bool) -> Feed:
        """Poll a feed at every tick from now on, or leave it to its rhythm again.

        An active feed is polled at once, so that the new rhythm begins now.
        """
        feed = self.store.get(tenant, feed_id)
        if feed.status is FeedStatus.ACTIVE:
            return self._polled_now(tenant, feed_id, {"pinned": pinned})
        return self._changed(tenant, feed_id, {"pinned": pinned})

    def poll(self, tenant: str, feed_id: str, *, replay: bool = False) -> Feed:
        """Poll a feed now, whatever its schedule; a paused or retired one becomes active.

        Args:
            tenant: whose feed.
            feed_id: which feed.
            replay: read the stored document again, whole, without fetching.
        """
        if replay and self.store.get(tenant, feed_id).status is not FeedStatus.ACTIVE:
            raise FeedStatusError("only an active feed is replayed; resume it", feed_id=feed_id)
        return self._polled_now(tenant, feed_id, {}, reason="replay" if replay else "requested")

    def _polled_now(
        self,
        tenant: str,
        feed_id: str,
        update: dict[str, Any],
        *,
        reason: Literal["requested", "replay"] = "requested",
        removed: bool = False,
    ) -> Feed:
        """Change a feed and have it polled at once."""
        due = {"status": FeedStatus.ACTIVE, "next_poll_at": to_millis(self.clock())}
        feed = self._changed(tenant, feed_id, {**update, **due}, removed=removed)
        self._send(_requested(feed).model_copy(update={"reason": reason}))
        return feed

    def _send(self, message: PollMessage) -> None:
        """Ask for a poll. Should the queue refuse, the feed is due all the same: a tick asks."""
        with contextlib.suppress(ServiceUnavailableError):
            self.queue.send([Delayed(message)])

    def _revived(self, found: Feed, feed_id: str) -> Feed:
        """A removed feed comes back with its history, at the address it is added under."""
        feed = self.store.get(found.tenant, feed_id)
        if feed.status is not FeedStatus.REMOVED:
            raise FeedAlreadyRegisteredError(
                f"already registered as {feed_id} ({feed.url})", feed_id=feed_id, url=found.url
            )
        addresses = tuple(dict.fromkeys((*feed.addresses, *found.addresses)))
        revived = feed.model_copy(update={"url": found.url, "addresses": addresses})
        owner = self.store.claim(revived)
        if owner is not None:
            raise FeedAlreadyRegisteredError(
                f"already registered as {owner}", feed_id=owner, url=found.url
            )
        anew = {
            "url": found.url,
            "addresses": addresses,
            "pinned": found.pinned,
            "etag": None,
            "last_modified": None,
            "validators_url": None,
            "body_hash": None,
            "failures": 0,
            "last_error": None,
        }
        return self._polled_now(found.tenant, feed_id, anew, removed=True)

    def _changed(
        self, tenant: str, feed_id: str, update: dict[str, Any], *, removed: bool = False
    ) -> Feed:
        """Change the feed as it is now; a poll under way will find that it has been overtaken.

        It keeps its lease meanwhile, so that the next poll waits until it has ended. Only what
        brings a removed feed back (`removed`) may touch one.
        """
        for _ in range(5):
            before = self.store.get(tenant, feed_id)
            if before.status is FeedStatus.REMOVED and not removed:
                raise FeedStatusError("the feed was removed; add it again", feed_id=feed_id)
            after = before.model_copy(update=update)
            try:
                self.store.change(before, after)
            except ConditionFailedError:
                continue
            return after
        raise FeedBeingChangedError("the feed changes too often right now", feed_id=feed_id)


def _requested(feed: Feed) -> PollMessage:
    if feed.next_poll_at is None:
        raise FeedStatusError("the feed is not due", feed_id=feed.feed_id)
    return PollMessage(
        tenant=feed.tenant,
        feed_id=feed.feed_id,
        scheduled_for=feed.next_poll_at,
        reason="requested",
    )
