"""Why a document is not read: it is no feed, or it is made to exhaust whoever reads it."""

from __future__ import annotations

from tallycast.kernel.errors import PermanentError


class NotAFeedError(PermanentError):
    """The document is something else; `kind` says what in words a person knows.

    Args:
        kind: completes “not a feed: …”, e.g. `HTML page`, `PDF document`, `XML document (opml)`.
        facts: what else is known.
    """

    def __init__(self, kind: str, **facts: object) -> None:
        super().__init__(f"not a feed: {kind}", kind=kind, **facts)
        self.kind = kind


class FeedTooComplexError(PermanentError):
    """The document passes a limit on its structure; `limit` names it, `allowed` is its value."""

    def __init__(self, limit: str, allowed: int, **facts: object) -> None:
        super().__init__(
            f"feed too complex: more than {allowed:,} {limit}",
            limit=limit,
            allowed=allowed,
            **facts,
        )
        self.limit = limit
        self.allowed = allowed
