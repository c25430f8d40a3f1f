"""One poll of one feed: fetch, read, compare, write, and say when to come again.

What the feed or its host does wrong is an *outcome*: it is recorded on the feed and its next poll
backs off. What our own platform fails at (table, bucket) is an *error*: the message goes back to
the queue, and since everything written is keyed by what it is, doing it again changes nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from tallycast.feeds.catalogue import Catalogue, Comparison, compare
from tallycast.feeds.documents import DocumentStore, ObjectMissingError
from tallycast.feeds.feed import FeedStatus, PollMessage
from tallycast.feeds.fetching import (
    BadUrlError,
    FeedGoneError,
    FetchError,
    FetchRequest,
    FetchResult,
    urls,
)
from tallycast.feeds.items import EpisodeItem, ShowItem, episode_id
from tallycast.feeds.outcome import Outcome, PollResult
from tallycast.feeds.parsing import FeedTooComplexError, NotAFeedError
from tallycast.feeds.reading import Reading, read
from tallycast.feeds.standing import (
    after_failure,
    after_retirement,
    after_success,
    described,
)
from tallycast.feeds.store import FeedStore, LeaseLostError, canonical
from tallycast.kernel.errors import PermanentError, RetryableError
from tallycast.kernel.keys import digest
from tallycast.kernel.times import to_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.feeds.feed import Feed


class FeedBusyError(RetryableError):
    """Another poll holds the feed; the message is kept until that one has ended."""


class FeedMoveRefusedError(PermanentError):
    """A feed wants to move to an address that another feed of the tenant already has."""


class DocumentUnreadableError(PermanentError):
    """A document that our reader stumbles over without knowing why."""


MOVE_AGAIN = timedelta(hours=24)

# What a feed or its host does wrong. Everything else is ours, and is tried again.
UNREADABLE = (NotAFeedError, FeedTooComplexError)
FEED_FAULTS = (FetchError, *UNREADABLE, DocumentUnreadableError, FeedMoveRefusedError)


class Fetch(Protocol):
    """Get a document (`fetching.fetch` with its settings filled in)."""

    def __call__(self, request: FetchRequest) -> FetchResult:
        """Fetch, or raise a named error."""


@dataclass(frozen=True, slots=True)
class Poller:
    """The poll use case with what it needs; `spread` gives the jitter, -1 to 1."""

    store: FeedStore
    documents: DocumentStore
    fetch: Fetch
    clock: Callable[[], datetime]
    spread: Callable[[], float]
    lease: timedelta

    def poll(self, message: PollMessage) -> PollResult:
        """Poll the feed a message names.

        Raises:
            FeedBusyError: another poll of the feed is under way.
            HostSlotsTakenError: too many fetches are under way at a host.
            ServiceUnavailableError: table or bucket refuse; nothing is lost, try again.
        """
        feed = self.store.get(message.tenant, message.feed_id)
        now = self.clock()
        if feed.next_poll_at != message.scheduled_for:
            return PollResult(Outcome.VOID)
        lease_id = uuid.uuid4().hex
        if not self.store.lease(message, lease_id=lease_id, now=now, until=now + self.lease):
            if self.store.get(message.tenant, message.feed_id).next_poll_at == feed.next_poll_at:
                raise FeedBusyError("feed is being polled", feed_id=feed.feed_id)
            return PollResult(Outcome.VOID)
        try:
            after, result = self._polled(feed, message, now)
            self.store.commit(after, lease_id=lease_id, scheduled_for=message.scheduled_for)
        except LeaseLostError:
            self.store.release(feed, lease_id=lease_id)
            return PollResult(Outcome.VOID)  # a person or a later poll decided otherwise meanwhile
        except BaseException:
            self.store.release(feed, lease_id=lease_id)
            raise
        if feed.catalogue_key and feed.catalogue_key != after.catalogue_key:
            self.documents.drop(feed.catalogue_key)
        return result

    def _polled(self, feed: Feed, message: PollMessage, now: datetime) -> tuple[Feed, PollResult]:
        """The feed as this poll leaves it, and the result."""
        try:
            if message.reason == "replay" and (stored := self._stored(feed)) is not None:
                return self._absorbed(feed, _kept(feed, stored), now, whole=True)
            again = feed.unfinished or _move_is_due(feed, now)
            got = self.fetch(FetchRequest(url=feed.url) if again else _conditional(feed))
            if got.kind == "not_modified" or (_hash(got.body) == feed.body_hash and not again):
                return self._unchanged(feed, got, now)
            return self._absorbed(feed, got, now, whole=False)
        except FeedGoneError as error:
            retired = after_retirement(feed, error, now=now)
            return retired, PollResult(Outcome.RETIRED, error=error)
        except FEED_FAULTS as error:
            failed = after_failure(feed, error, now=now, spread=self.spread())
            return failed, PollResult(Outcome.FAILED, error=error)

    def _stored(self, feed: Feed) -> bytes | None:
        """The document that last brought a change, if there was one and the bucket still has it."""
        if feed.raw_hash is None:
            return None
        try:
            return self.documents.raw(feed, feed.raw_hash)
        except ObjectMissingError:
            return None

    def _unchanged(self, feed: Feed, got: FetchResult, now: datetime) -> tuple[Feed, PollResult]:
        moved = self._moved(feed, got.permanent_url)
        result = PollResult(
            Outcome.UNCHANGED,
            unchanged=feed.episodes,
            moved_to=moved.url if moved.url != feed.url else None,
            quality=feed.quality,
        )
        after = after_success(moved, got, result.outcome, now=now, spread=self.spread())
        return after.model_copy(update={"last_counts": result.counts()}), result

    def _absorbed(
        self, feed: Feed, got: FetchResult, now: datetime, *, whole: bool
    ) -> tuple[Feed, PollResult]:
        known = self.documents.catalogue(feed.catalogue_key)
        reading = self._read(feed, got, known, now, whole=whole)
        target = got.permanent_url
        wanted = None if whole else _wanted_address(feed, got, reading)
        try_move = wanted is not None and (feed.move_tried_at is None or _move_is_due(feed, now))
        followed = self._followed(feed, wanted, known, now) if wanted and try_move else None
        if followed is not None:
            got, reading = followed
            target = got.permanent_url or wanted
        moved = self._moved(feed, target)
        compared = compare(
            known,
            reading.episodes,
            reading.untouched,
            now=to_text(now),
            head=reading.head,
            whole=reading.whole,
        )
        body_hash, raw_hash = _hash(got.body), feed.raw_hash
        if compared.changes or reading.feed.quarantined or raw_hash is None:
            self.documents.put_raw(feed, body_hash, got.body)
            raw_hash = body_hash
        self._write(moved, reading, compared, to_text(now))
        key = self.documents.put_catalogue(feed, body_hash, compared.catalogue)
        standing = described(moved, reading, compared.catalogue)
        after = after_success(standing, got, Outcome.CHANGED, now=now, spread=self.spread())
        result = PollResult(
            Outcome.CHANGED,
            new=len(compared.new),
            updated=len(compared.updated),
            moved=compared.moved,
            gone=len(compared.gone),
            returned=len(compared.returned),
            unchanged=compared.unchanged,
            quarantined=len(reading.feed.quarantined),
            moved_to=moved.url if moved.url != feed.url else None,
            quality=after.quality,
            imported=not feed.imported,
            newest_published=max(
                (w.episode.published for w in compared.new if w.episode.published), default=None
            ),
        )
        tried_at = now if try_move else feed.move_tried_at
        if wanted is None or followed is not None:
            tried_at = None
        update: dict[str, object] = {
            "body_hash": body_hash,
            "raw_hash": raw_hash,
            "catalogue_key": key,
            "last_counts": result.counts(),
            "imported": feed.imported or (bool(compared.catalogue.entries) and not compared.rest),
            "unfinished": compared.rest > 0,
            "move_tried_at": tried_at,
        }
        after = after.model_copy(update=update)
        return self._going_on(after, result) if compared.rest else (after, result)

    def _going_on(self, feed: Feed, result: PollResult) -> tuple[Feed, PollResult]:
        """The feed due at once again, with the message for the rest of its document."""
        due = self.clock()
        due = due.replace(microsecond=due.microsecond // 1000 * 1000)
        message = PollMessage(
            tenant=feed.tenant, feed_id=feed.feed_id, scheduled_for=due, reason="requested"
        )
        return feed.model_copy(update={"next_poll_at": due}), replace(result, again=message)

    def _read(
        self, feed: Feed, got: FetchResult, known: Catalogue, now: datetime, *, whole: bool
    ) -> Reading:
        try:
            return _read(got, known, now, whole=whole)
        except UNREADABLE as error:
            self._set_aside(feed, got, error.message)
            raise
        except Exception as error:
            # Strangers wrote this document. Whatever it does to our reader is its own trouble and
            # must not come back to the queue; that it could is a bug of ours, kept for a replay.
            problem = DocumentUnreadableError(f"cannot be read: {type(error).__name__}: {error}")
            self._set_aside(feed, got, problem.message)
            raise problem from error

    def _set_aside(self, feed: Feed, got: FetchResult, reason: str) -> None:
        """Keep what cannot be read, with the reason, so that a better reader can replay it."""
        body_hash = _hash(got.body)
        self.documents.put_raw(feed, body_hash, got.body)
        self.documents.quarantine(feed, body_hash, reason, f"raw document {body_hash}")

    def _followed(
        self, feed: Feed, wanted: str, known: Catalogue, now: datetime
    ) -> tuple[FetchResult, Reading] | None:
        """Follow `itunes:new-feed-url`, once, and only to a document that reads as a feed."""
        try:
            got = self.fetch(FetchRequest(url=wanted))
            reading = _read(got, known, now, whole=False)
        except FEED_FAULTS:
            return None
        onward = reading.feed.show.new_feed_url
        if onward and not _same(onward, wanted, got.final_url):
            return None  # feeds that send one another in a circle move nowhere
        owner = self.store.owner(feed.tenant, (got.permanent_url or wanted,), None)
        if owner not in {None, feed.feed_id} and self._is_in_use(feed.tenant, owner):
            return None
        return got, reading

    def _is_in_use(self, tenant: str, feed_id: str | None) -> bool:
        return (
            feed_id is not None and self.store.get(tenant, feed_id).status is not FeedStatus.REMOVED
        )

    def _moved(self, feed: Feed, target: str | None) -> Feed:
        """The feed at its new address, if it has one that no other feed of the tenant owns."""
        if target is None or target == feed.url:
            return feed
        addresses = tuple(dict.fromkeys((*feed.addresses, feed.url, target)))[-20:]
        moved = feed.model_copy(update={"url": target, "addresses": addresses})
        owner = self.store.claim(moved)
        if owner is None:
            return moved
        raise FeedMoveRefusedError(
            f"moved to {target}, which is already registered as {owner}; remove one of the two",
            feed_id=feed.feed_id,
            owner=owner,
        )

    def _write(self, feed: Feed, reading: Reading, compared: Comparison, at: str) -> None:
        imported = not feed.imported
        self.store.put_episodes(
            [
                EpisodeItem.of(
                    feed,
                    write.episode,
                    identity=write.identity,
                    fingerprint=write.entry.fingerprint,
                    first_seen=write.entry.first_seen,
                    imported=imported,
                )
                for write in (*compared.new, *compared.updated)
            ]
        )
        gone = [episode_id(feed.show_id, identity) for identity in compared.gone]
        self.store.mark_gone(feed.tenant, feed.show_id, gone, at)
        returned = [episode_id(feed.show_id, identity) for identity in compared.returned]
        self.store.mark_returned(feed.tenant, feed.show_id, returned)
        for item in reading.feed.quarantined:
            self.documents.quarantine(feed, digest(item.raw), item.reason, item.raw)
        self.store.put_show(ShowItem.of(feed, reading.feed.show, at=at))


def _move_is_due(feed: Feed, now: datetime) -> bool:
    """Whether a new address that gave no feed is to be tried again: once a day."""
    return feed.move_tried_at is not None and now - feed.move_tried_at >= MOVE_AGAIN


def _conditional(feed: Feed) -> FetchRequest:
    return FetchRequest(
        url=feed.url,
        etag=feed.etag,
        last_modified=feed.last_modified,
        validators_url=feed.validators_url,
    )


def _kept(feed: Feed, body: bytes) -> FetchResult:
    """A stored document, as if its host had just sent it."""
    return FetchResult(
        kind="fetched",
        http_status=200,
        final_url=feed.url,
        body=body,
        etag=feed.etag,
        last_modified=feed.last_modified,
    )


def _read(got: FetchResult, known: Catalogue, now: datetime, *, whole: bool) -> Reading:
    return read(
        got.body,
        known,
        url=got.final_url,
        content_type=got.content_type,
        now=now,
        whole=whole,
    )


def _wanted_address(feed: Feed, got: FetchResult, reading: Reading) -> str | None:
    """Where the document says it has moved to, if that is news."""
    wanted = reading.feed.show.new_feed_url
    if wanted is None or _same(wanted, feed.url, got.final_url):
        return None
    try:
        urls.parse(wanted)
    except BadUrlError:
        return None
    return wanted


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _same(url: str, *others: str) -> bool:
    return canonical(url) in {canonical(other) for other in others}
