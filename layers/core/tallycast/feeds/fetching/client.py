"""Fetching one feed: politely, within its budget, and never from inside.

Decisions that the standards leave open:

* A 200 whose *strong* ETag is the one sent ends the fetch before its body. A weak ETag promises
  likeness only, so the body is read and its hash decides; so it is when Last-Modified differs.
* A redirect from https to http is followed, since real feeds do it and no secret is ever sent;
  but it ends the chain of permanent moves: the safer address stays the one remembered.
* 410 retires a feed only when its own address, or where that moved for good, says so. Behind a
  temporary redirect it is no more than "not found".
* The body is as long as Content-Length says; what a server sends beyond it is not part of it.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from tallycast.feeds.fetching import retry_after, urls
from tallycast.feeds.fetching.deadline import Deadline
from tallycast.feeds.fetching.decoding import ACCEPTED, decoded
from tallycast.feeds.fetching.errors import BodyTooLargeError, FetchError, UnexpectedStatusError
from tallycast.feeds.fetching.guard import admitted, system_resolver
from tallycast.feeds.fetching.headers import is_strong, max_age, push_links, validator
from tallycast.feeds.fetching.journey import Journey
from tallycast.feeds.fetching.model import FetchRequest, FetchResult
from tallycast.feeds.fetching.statuses import REDIRECTS, refusal
from tallycast.feeds.fetching.wire import exchange

if TYPE_CHECKING:
    import httpcore

    from tallycast.feeds.fetching.guard import Resolver
    from tallycast.feeds.fetching.model import FetchSettings
    from tallycast.feeds.fetching.wire import Reply

Gate = Callable[[str], AbstractContextManager[None]]
"""What must be held while a host, by its name, is asked for something."""

_ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.5"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _open_gate(_host: str) -> AbstractContextManager[None]:
    return nullcontext()


def fetch(
    request: FetchRequest,
    *,
    settings: FetchSettings,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = _utc_now,
    resolver: Resolver = system_resolver,
    gate: Gate = _open_gate,
    network: httpcore.NetworkBackend | None = None,
) -> FetchResult:
    """Fetch a feed, or learn that it has not changed.

    Args:
        request: the address, and the validators of the last answer.
        settings: the budget and manners.
        clock: monotonic seconds, for the deadline.
        now: the time of day, for dates in headers.
        resolver: host and port to IP addresses, called once per hop.
        gate: held for each hop by the name of its host: bounds how many fetches one host sees.
        network: what makes the connections, in place of plain sockets.

    Returns:
        What came, with everything to remember for the next time.

    Raises:
        FetchError: under the name of its cause, placed: address, host, seconds.
    """
    deadline = Deadline(settings.deadline_seconds, clock)
    journey = Journey(request.url, settings.max_redirects)
    try:
        while True:
            address = journey.arrive()
            asking = _for_this_hop(request, address)
            addresses = admitted(address, settings.allow, resolver, deadline)
            with (
                gate(address.host),
                exchange(
                    address,
                    addresses,
                    _fields(asking, address, settings),
                    settings=settings,
                    deadline=deadline,
                    network=network,
                ) as reply,
            ):
                if reply.status in REDIRECTS:
                    journey.follow(address, reply.status, reply.headers.get("location"))
                    continue
                moment = now()
                error = refusal(
                    reply.status, reply.headers, moment, moved_for_good=journey.moved_for_good
                )
                if error is not None:
                    raise error
                return replace(
                    _result(reply, asking, settings.max_bytes, moment, journey.url),
                    permanent_url=journey.permanent_url,
                    redirects=tuple(journey.redirects),
                    elapsed_seconds=deadline.elapsed(),
                    wire_bytes=reply.meter.received,
                )
    except FetchError as error:
        error.placed(
            url=request.url,
            failed_url=journey.url,
            host=journey.host,
            elapsed_seconds=deadline.elapsed(),
        )
        raise


def _for_this_hop(request: FetchRequest, address: urls.WebAddress) -> FetchRequest:
    """The request with the validators that may be sent to this hop, and no others."""
    origin = request.validators_url
    if origin is not None and origin != address.url:
        return FetchRequest(request.url)
    return FetchRequest(
        request.url, validator(request.etag), validator(request.last_modified), origin
    )


def _fields(
    asking: FetchRequest, address: urls.WebAddress, settings: FetchSettings
) -> list[tuple[str, str]]:
    fields = [
        ("Host", address.authority),
        ("User-Agent", settings.user_agent),
        ("Accept", _ACCEPT),
        ("Accept-Encoding", ACCEPTED),
        ("Connection", "close"),
    ]
    if asking.etag:
        fields.append(("If-None-Match", asking.etag))
    if asking.last_modified:
        fields.append(("If-Modified-Since", asking.last_modified))
    return fields


def _result(
    reply: Reply, asking: FetchRequest, max_bytes: int, now: datetime, final_url: str
) -> FetchResult:
    headers = reply.headers
    common = FetchResult(
        kind="not_modified",
        http_status=reply.status,
        final_url=final_url,
        etag=validator(headers.get("etag")),
        last_modified=validator(headers.get("last-modified")),
        content_type=headers.get("content-type"),
        max_age_seconds=max_age(headers, now),
        links=push_links(headers, final_url),
        retry_after=retry_after.parse(headers.get("retry-after"), now),
    )
    if reply.status == HTTPStatus.NOT_MODIFIED:
        if not (asking.etag or asking.last_modified):
            raise UnexpectedStatusError(
                "says 'not modified' though nothing was asked about (304)", http_status=304
            )
        return replace(
            common,
            reason="status_304",
            etag=common.etag or asking.etag,
            last_modified=common.last_modified or asking.last_modified,
        )
    if _is_the_same(common, asking):
        return replace(common, reason="same_etag")
    return replace(common, kind="fetched", body=_read(reply, max_bytes))


def _is_the_same(answer: FetchResult, asking: FetchRequest) -> bool:
    """Whether a 200 says, against its own status, that nothing changed."""
    if asking.etag is None or answer.etag != asking.etag or not is_strong(asking.etag):
        return False
    return None in (answer.last_modified, asking.last_modified) or (
        answer.last_modified == asking.last_modified
    )


def _read(reply: Reply, max_bytes: int) -> bytes:
    """The whole body, decoded; never more of it in memory than the limit and one piece.

    Raises:
        BodyTooLargeError: announced or turned out to be larger than `max_bytes`.
    """
    encoding = reply.headers.joined("content-encoding")
    announced = reply.headers.get("content-length") or ""
    too_large = BodyTooLargeError(
        f"the document is larger than {max_bytes:,} bytes", http_status=reply.status
    )
    if not encoding and announced.isdigit() and int(announced) > max_bytes:
        raise too_large
    # BytesIO gives its buffer away without a copy: the document is in memory once, not twice.
    body = io.BytesIO()
    for piece in decoded(reply.body, encoding):
        if body.tell() + len(piece) > max_bytes:
            raise too_large
        body.write(piece)
    return body.getvalue()
