"""Fetching documents from where their makers publish them, and taking those that are sound."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tallycast.aws.errors import RequestRefusedError, ServiceUnavailableError
from tallycast.feeds.fetching import FetchError, FetchRequest, FetchResult
from tallycast.kernel.errors import PermanentError, RetryableError, TallycastError
from tallycast.kernel.times import to_text
from tallycast.measurement.reference.events import (
    ReferenceActivated,
    ReferenceEvent,
    ReferenceRefused,
)
from tallycast.measurement.reference.model import Origin, Source
from tallycast.measurement.reference.names import known

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.measurement.reference.activation import Activation, Activator
    from tallycast.measurement.reference.model import Document
    from tallycast.measurement.reference.store import ReferenceStore

Fetch = Callable[[FetchRequest], FetchResult]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of one document.

    Attributes:
        name: the document.
        outcome: `activated`; `unchanged`; `held` by a person; `refused`: fetched, and no good;
            `failed`: not fetched.
        version: of the document in use afterwards; None: the built-in one.
        error: why it was refused or failed.
        event: to be told; None when nothing happened.
    """

    name: str
    outcome: Literal["activated", "unchanged", "held", "refused", "failed"]
    version: str | None
    error: TallycastError | None = None
    event: ReferenceEvent | None = None


class Refresher:
    """Fetches each document that has a source, and takes it into use if it is sound.

    One document's failure is no other's: whatever cannot be taken leaves in use what was.
    """

    def __init__(
        self,
        store: ReferenceStore,
        activator: Activator,
        fetch: Fetch,
        sources: Mapping[str, Source],
    ) -> None:
        for name in sources:
            known(name)
        self._store = store
        self._activator = activator
        self._fetch = fetch
        self._sources = sources

    def refresh(self, now: datetime) -> list[Refreshed]:
        """Every document in the order of the names.

        Raises:
            ServiceUnavailableError: our own bucket does not answer.
            RequestRefusedError: our own bucket refuses.
        """
        return [self._refresh(name, self._sources[name], now) for name in sorted(self._sources)]

    def _refresh(self, name: str, source: Source, now: datetime) -> Refreshed:
        active = self._store.pointer().manifest.documents.get(name)
        in_use = None if active is None else active.document
        version = None if in_use is None else in_use.version
        if active is not None and active.held:
            return Refreshed(name, "held", version)
        digest = ""
        try:
            result = self._fetch(_request(source, in_use))
            if result.kind == "not_modified":
                return Refreshed(name, "unchanged", version)
            digest = hashlib.sha256(result.body).hexdigest()
            origin = Origin(
                source=source.url,
                licence=source.licence,
                url=source.url,
                validators_url=result.final_url,
                etag=result.etag,
                last_modified=result.last_modified,
            )
            taken = self._activator.take(name, result.body, origin, now)
        except (ServiceUnavailableError, RequestRefusedError):
            raise
        except (FetchError, RetryableError) as error:
            return Refreshed(name, "failed", version, error)
        except PermanentError as error:
            event = ReferenceRefused(
                event_id=_event_id("refused", name, digest, version or ""),
                occurred_at=to_text(now),
                document=name,
                reason=error.code,
                message=error.message[:1000],
                origin=source.url,
                in_use=version,
            )
            return Refreshed(name, "refused", version, error, event)
        return _taken(taken, now)


def activated(taken: Activation, now: datetime, *, by_hand: bool) -> ReferenceActivated:
    """The event of a document that was taken into use."""
    document = taken.document
    return ReferenceActivated(
        event_id=_event_id("activated", document.name, document.digest, taken.before or ""),
        occurred_at=to_text(now),
        document=document.name,
        document_version=document.version,
        document_before=taken.before,
        entries=document.entries,
        origin=document.origin.source,
        by="hand" if by_hand else "refresh",
    )


def _taken(taken: Activation, now: datetime) -> Refreshed:
    document = taken.document
    event = activated(taken, now, by_hand=False) if taken.taken == "activated" else None
    return Refreshed(document.name, taken.taken, document.version, event=event)


def _request(source: Source, in_use: Document | None) -> FetchRequest:
    """Ask with the validators of the document in use, if it came from the same address."""
    if in_use is None or in_use.origin.url != source.url:
        return FetchRequest(source.url)
    origin = in_use.origin
    return FetchRequest(source.url, origin.etag, origin.last_modified, origin.validators_url)


def _event_id(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
