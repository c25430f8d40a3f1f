"""What each HTTP status means for a feed."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from tallycast.feeds.fetching import retry_after
from tallycast.feeds.fetching.errors import (
    AccessRefusedError,
    FeedGoneError,
    FeedNotFoundError,
    FetchError,
    ServerError,
    TooManyRequestsError,
    UnexpectedStatusError,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.feeds.fetching.headers import Headers

REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT_REDIRECTS = frozenset({301, 308})
_REFUSALS = frozenset({401, 402, 403, 407, 451})


def refusal(
    status: int, headers: Headers, now: datetime, *, moved_for_good: bool
) -> FetchError | None:
    """The error that an answer with this status is; None for 200, 203 and 304.

    Args:
        status: of an answer that is no redirect.
        headers: of the same answer; only Retry-After matters.
        now: what a date in Retry-After counts from.
        moved_for_good: whether only permanent redirects, or none, led here.
    """
    wait = retry_after.parse(headers.get("retry-after"), now)
    if status in {HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION, HTTPStatus.NOT_MODIFIED}:
        return None
    kind, message = _named(status, moved_for_good=moved_for_good, asks_to_wait=wait is not None)
    return kind(message, http_status=status, retry_after=wait)


def _named(
    status: int, *, moved_for_good: bool, asks_to_wait: bool
) -> tuple[type[FetchError], str]:
    if status == HTTPStatus.GONE and moved_for_good:
        return FeedGoneError, "the feed is gone for good (410)"
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return FeedNotFoundError, f"nothing found at this address ({status})"
    if status in _REFUSALS:
        return AccessRefusedError, f"access refused ({status}); the feed may need a private address"
    if status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and asks_to_wait
    ):
        return TooManyRequestsError, f"asks to be left alone for a while ({status})"
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError, f"the server has trouble ({status})"
    return UnexpectedStatusError, f"an answer that is no feed (status {status})"
