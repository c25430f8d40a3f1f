"""One poll of one feed: fetch, read, compare, write, and say when to come again.

What the feed or its host does wrong is an *outcome*: it is recorded on the feed and its next poll
backs off. What our own platform fails at (table, bucket) is an *error*: the message goes back to
the queue, and since everything written is keyed by what it is, doing it again changes nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from tallycast.feeds import rhythm
from tallycast.feeds.catalogue import Catalogue, Comparison, compare
from tallycast.feeds.documents import DocumentStore, ObjectMissingError
from tallycast.feeds.feed import Feed, FeedStatus, PollMessage
from tallycast.feeds.fetching import FeedGoneError, FetchError, FetchRequest, FetchResult
from tallycast.feeds.items import EpisodeItem, ShowItem, episode_id
from tallycast.feeds.parsing import FeedTooComplexError, NotAFeedError
from tallycast.feeds.reading import Reading, read
from tallycast.feeds.store import FeedStore, LeaseLostError, canonical
from tallycast.kernel.errors import PermanentError, RetryableError, TallycastError
from tallycast.kernel.keys import digest
from tallycast.kernel.times import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Callable


class Outcome(StrEnum):
    """How a poll ended."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    RETIRED = "retired"
    VOID = "void"


COUNTS = ("new", "updated", "moved", "gone", "returned", "unchanged", "quarantined")


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll found. Counts are of episodes; `unchanged` includes those not parsed again.

    `imported` says that this was the feed's first reading: its episodes are a back catalogue.
    """

    outcome: Outcome
    new: int = 0
    updated: int = 0
    moved: int = 0
    gone: int = 0
    returned: int = 0
    unchanged: int = 0
    quarantined: int = 0
    moved_to: str | None = None
    error: TallycastError | None = None
    quality: float | None = None
    newest_published: datetime | None = None
    imported: bool = False

    def counts(self) -> dict[str, int]:
        """The numbers of episodes, by what became of them."""
        return {name: getattr(self, name) for name in COUNTS}


class FeedBusyError(RetryableError):
    """Another poll holds the feed; the message is kept until that one has ended."""


class FeedMoveRefusedError(PermanentError):
    """A feed wants to move to an address that another feed of the tenant already has."""


# What a feed or its host does wrong. Everything else is ours, and is tried again.
UNREADABLE = (NotAFeedError, FeedTooComplexError)
FEED_FAULTS = (FetchError, *UNREADABLE, FeedMoveRefusedError)


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
            after, result, superseded = self._polled(feed, message, now)
        except BaseException:
            self.store.release(feed, lease_id=lease_id)
            raise
        if result.error is None:
            after = after.model_copy(update={"last_counts": result.counts()})
        try:
            self.store.commit(after, lease_id=lease_id)
        except LeaseLostError:
            return PollResult(Outcome.VOID)  # a person or a later poll decided otherwise meanwhile
        if superseded:
            self.documents.delete(superseded)
        return result

    def _polled(
        self, feed: Feed, message: PollMessage, now: datetime
    ) -> tuple[Feed, PollResult, str | None]:
        """The feed as this poll leaves it, the result, and the catalogue key it supersedes."""
        try:
            if message.reason == "replay" and (stored := self._stored(feed)) is not None:
                return self._absorbed(feed, stored, _kept(feed), now, whole=True)
            got = self.fetch(_conditional(feed))
            if got.kind == "not_modified" or _hash(got.body) == feed.body_hash:
                return self._unchanged(feed, got, now)
            return self._absorbed(feed, got.body, got, now, whole=False)
        except FeedGoneError as error:
            return self._retired(feed, error, now), PollResult(Outcome.RETIRED, error=error), None
        except FEED_FAULTS as error:
            return self._failed(feed, error, now), PollResult(Outcome.FAILED, error=error), None

    def _stored(self, feed: Feed) -> bytes | None:
        """The document as last read, if there was one and the bucket still has it."""
        if feed.body_hash is None:
            return None
        try:
            return self.documents.raw(feed, feed.body_hash)
        except ObjectMissingError:
            return None

    def _unchanged(
        self, feed: Feed, got: FetchResult, now: datetime
    ) -> tuple[Feed, PollResult, str | None]:
        moved = self._moved(feed, got.permanent_url)
        after = self._scheduled(moved, now, got, Outcome.UNCHANGED)
        result = PollResult(
            Outcome.UNCHANGED,
            unchanged=feed.episodes,
            moved_to=moved.url if moved.url != feed.url else None,
            quality=feed.quality,
        )
        return after.model_copy(update=_validators(got, feed)), result, None

    def _absorbed(
        self, feed: Feed, body: bytes, got: FetchResult, now: datetime, *, whole: bool
    ) -> tuple[Feed, PollResult, str | None]:
        known = self.documents.catalogue(feed.catalogue_key)
        reading = self._read(feed, body, known, got, now, whole=whole)
        wanted = reading.feed.show.new_feed_url
        target = got.permanent_url
        if wanted and not whole and not _same(wanted, feed.url, got.final_url):
            body, got, reading, target = self._followed(feed, wanted, known, now) or (
                body, got, reading, target,
            )  # fmt: skip
        body_hash = _hash(body)
        self.documents.put_raw(feed, body_hash, body)
        moved = self._moved(feed, target)
        compared = compare(
            known,
            reading.episodes,
            reading.untouched,
            now=to_text(now),
            head=reading.head,
            whole=reading.whole,
        )
        self._write(moved, reading, compared, to_text(now))
        key = self.documents.put_catalogue(feed, body_hash, compared.catalogue)
        described = _described(moved, reading, compared.catalogue)
        after = self._scheduled(described, now, got, Outcome.CHANGED).model_copy(
            update={**_validators(got, feed), "body_hash": body_hash, "catalogue_key": key}
        )
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
            imported=feed.catalogue_key is None,
            newest_published=max(
                (w.episode.published for w in compared.new if w.episode.published), default=None
            ),
        )
        superseded = feed.catalogue_key if feed.catalogue_key != key else None
        return after, result, superseded

    def _read(
        self,
        feed: Feed,
        body: bytes,
        known: Catalogue,
        got: FetchResult,
        now: datetime,
        *,
        whole: bool,
    ) -> Reading:
        try:
            return read(
                body,
                known,
                url=got.final_url,
                content_type=got.content_type,
                now=now,
                whole=whole,
            )
        except UNREADABLE as error:
            # What cannot be read is kept with its reason, so that a better reader can replay it.
            self.documents.put_raw(feed, _hash(body), body)
            self.documents.quarantine(
                feed, _hash(body), error.message, f"raw document {_hash(body)}"
            )
            raise

    def _followed(
        self, feed: Feed, wanted: str, known: Catalogue, now: datetime
    ) -> tuple[bytes, FetchResult, Reading, str] | None:
        """Follow `itunes:new-feed-url`, once, and only to a document that reads as a feed."""
        try:
            got = self.fetch(FetchRequest(url=wanted))
            reading = read(
                got.body, known, url=got.final_url, content_type=got.content_type, now=now
            )
        except FEED_FAULTS:
            return None
        back = reading.feed.show.new_feed_url
        if back and _same(back, feed.url):
            return None  # two feeds that point at each other move nowhere
        return got.body, got, reading, got.permanent_url or wanted

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
        imported = feed.catalogue_key is None
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
        for mark, identities in (("gone", compared.gone), ("returned", compared.returned)):
            ids = [episode_id(feed.show_id, identity) for identity in identities]
            if mark == "gone":
                self.store.mark_gone(feed.tenant, feed.show_id, ids, at)
            else:
                self.store.mark_returned(feed.tenant, feed.show_id, ids)
        for item in reading.feed.quarantined:
            self.documents.quarantine(feed, digest(item.raw), item.reason, item.raw)
        self.store.put_show(ShowItem.of(feed, reading.feed.show, at=at))

    def _scheduled(self, feed: Feed, now: datetime, got: FetchResult, outcome: Outcome) -> Feed:
        """The feed after a poll that went well, with its next poll."""
        wishes = rhythm.Wishes(
            ttl=timedelta(minutes=feed.ttl_minutes) if feed.ttl_minutes else None,
            max_age=timedelta(seconds=got.max_age_seconds) if got.max_age_seconds else None,
            complete=feed.complete,
        )
        pause = rhythm.interval(now, feed.recent_episodes, wishes, pinned=feed.pinned)
        spread = 0.0 if feed.pinned else self.spread()
        return _freed(feed).model_copy(
            update={
                "status": FeedStatus.ACTIVE,
                "note": None,
                "interval_seconds": int(pause.total_seconds()),
                "next_poll_at": rhythm.next_poll(now, pause, spread=spread),
                "last_polled_at": now,
                "last_success_at": now,
                "last_outcome": outcome.value,
                "last_error": None,
                "failures": 0,
            }
        )

    def _failed(self, feed: Feed, error: TallycastError, now: datetime) -> Feed:
        """The feed after a poll that failed by its own fault: it backs off, its data stays."""
        failures = feed.failures + 1
        usual = timedelta(seconds=feed.interval_seconds or 0)
        asked = error.retry_after if isinstance(error, FetchError) else None
        retry_after = None if asked is None else timedelta(seconds=asked)
        pause = rhythm.back_off(usual, failures)
        return _freed(feed).model_copy(
            update={
                "next_poll_at": rhythm.next_poll(
                    now, pause, spread=self.spread(), retry_after=retry_after
                ),
                "last_polled_at": now,
                "last_outcome": Outcome.FAILED.value,
                "last_error": f"{error.code}: {error.message}"[:500],
                "failures": failures,
            }
        )

    def _retired(self, feed: Feed, error: TallycastError, now: datetime) -> Feed:
        """The feed after a 410: no more polls until somebody asks for one."""
        return _freed(feed).model_copy(
            update={
                "status": FeedStatus.RETIRED,
                "note": error.message[:500],
                "next_poll_at": None,
                "last_polled_at": now,
                "last_outcome": Outcome.RETIRED.value,
                "last_error": f"{error.code}: {error.message}"[:500],
                "failures": feed.failures + 1,
            }
        )


def _conditional(feed: Feed) -> FetchRequest:
    return FetchRequest(
        url=feed.url,
        etag=feed.etag,
        last_modified=feed.last_modified,
        validators_url=feed.validators_url,
    )


def _kept(feed: Feed) -> FetchResult:
    """A stored document, as if its host had just sent it."""
    return FetchResult(
        kind="fetched",
        http_status=200,
        final_url=feed.url,
        etag=feed.etag,
        last_modified=feed.last_modified,
    )


def _validators(got: FetchResult, feed: Feed) -> dict[str, str | None]:
    """What to send next time. A 304 may leave them out, and then means the ones we sent."""
    if got.kind == "not_modified":
        return {
            "etag": got.etag or feed.etag,
            "last_modified": got.last_modified or feed.last_modified,
            "validators_url": got.final_url,
        }
    return {
        "etag": got.etag,
        "last_modified": got.last_modified,
        "validators_url": got.final_url,
    }


def _described(feed: Feed, reading: Reading, catalogue: Catalogue) -> Feed:
    """The feed with what its document says of it."""
    show = reading.feed.show
    dated = sorted(entry.published for entry in catalogue.entries.values() if entry.published)
    facts: dict[str, object] = {
        "title": show.title or feed.title,
        "episodes": sum(entry.gone_at is None for entry in catalogue.entries.values()),
        "recent_episodes": tuple(from_text(text) for text in reversed(dated[-rhythm.RECENT :])),
        "ttl_minutes": show.ttl_minutes,
        "complete": show.complete,
    }
    if reading.whole:
        facts["quality"] = reading.feed.quality
        facts["warnings"] = tuple(warning.code for warning in reading.feed.warnings)
    return feed.model_copy(update=facts)


def _freed(feed: Feed) -> Feed:
    return feed.model_copy(update={"lease_id": None, "lease_until": None})


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _same(url: str, *others: str) -> bool:
    return canonical(url) in {canonical(other) for other in others}
