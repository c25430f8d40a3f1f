"""What reference data tells the rest of the world, on the event bus."""

from __future__ import annotations

from typing import Literal

from tallycast.kernel.schema import Produced

SOURCE = "tallycast.measurement"


class _Event(Produced):
    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    document: str


class ReferenceActivated(_Event):
    """A document of reference data is in use from now on; counts made before may change.

    `by` is `refresh` or `hand`; `document_before` is None where the built-in one was in use.
    """

    document_version: str
    document_before: str | None
    entries: int
    origin: str
    by: Literal["refresh", "hand"]


class ReferenceRefused(_Event):
    """A fetched document was not taken; the one in use stays in use.

    `in_use` is None where that is the built-in one.
    """

    reason: str
    message: str
    origin: str
    in_use: str | None


ReferenceEvent = ReferenceActivated | ReferenceRefused
EVENTS: tuple[type[ReferenceEvent], ...] = (ReferenceActivated, ReferenceRefused)
