"""Sending something to a stranger: under the same guard and budget as a fetch, never redirected.

A body that was meant for one address (a secret, a signed message) is not carried to another: a
redirect is an answer like any other, and its status says so.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast import __version__
from tallycast.feeds.fetching import urls
from tallycast.feeds.fetching.deadline import Deadline
from tallycast.feeds.fetching.decoding import ACCEPTED, decoded
from tallycast.feeds.fetching.errors import BodyTooLargeError, FetchError
from tallycast.feeds.fetching.guard import admitted, system_resolver
from tallycast.feeds.fetching.wire import exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpcore

    from tallycast.feeds.fetching.guard import Resolver
    from tallycast.feeds.fetching.headers import Headers
    from tallycast.feeds.fetching.model import FetchSettings


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent where: a POST.

    Attributes:
        headers: beside Host, Content-Length and the like; values are latin-1 without line ends.
    """

    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer, whatever its status; `body` is decoded, `elapsed_seconds` of all of it."""

    status: int
    headers: Headers
    body: bytes
    elapsed_seconds: float


def send(
    parcel: Parcel,
    *,
    settings: FetchSettings,
    clock: Callable[[], float] = time.monotonic,
    resolver: Resolver = system_resolver,
    network: httpcore.NetworkBackend | None = None,
    whole: bool = True,
) -> Receipt:
    """POST something once; the caller decides what the answer's status means.

    Args:
        parcel: what is sent where.
        settings: the budget; `max_bytes` bounds the answer, and one that is larger is an error.
        clock: monotonic seconds, for the deadline.
        resolver: host and port to IP addresses.
        network: what makes the connection, in place of plain sockets.
        whole: read all of the answer; else only its first `max_bytes`, or what came of them
            before it broke: the status has been said by then.

    Raises:
        FetchError: there was no answer, or none that could be read; under the name of its cause.
    """
    deadline = Deadline(settings.deadline_seconds, clock)
    host = ""
    try:
        address = urls.parse(parcel.url)
        host = address.host
        addresses = admitted(address, settings.allow, resolver, deadline)
        with exchange(
            address,
            addresses,
            _fields(parcel, address),
            settings=settings,
            deadline=deadline,
            network=network,
            method="POST",
            content=parcel.body,
        ) as reply:
            pieces = decoded(reply.body, reply.headers.joined("content-encoding"))
            if whole:
                body = _within(pieces, settings.max_bytes, reply.status)
            else:
                body = _start(pieces, settings.max_bytes)
            return Receipt(reply.status, reply.headers, body, deadline.elapsed())
    except FetchError as error:
        error.placed(
            url=parcel.url, failed_url=parcel.url, host=host, elapsed_seconds=deadline.elapsed()
        )
        raise


def _fields(parcel: Parcel, address: urls.WebAddress) -> list[tuple[str, str]]:
    return [
        ("Host", address.authority),
        ("User-Agent", f"Tallycast/{__version__}"),
        ("Accept-Encoding", ACCEPTED),
        ("Content-Length", str(len(parcel.body))),
        ("Connection", "close"),
        *parcel.headers,
    ]


def _within(pieces: Iterator[bytes], max_bytes: int, status: int) -> bytes:
    body = io.BytesIO()
    for piece in pieces:
        if body.tell() + len(piece) > max_bytes:
            raise BodyTooLargeError(
                f"the answer is larger than {max_bytes:,} bytes", http_status=status
            )
        body.write(piece)
    return body.getvalue()


def _start(pieces: Iterator[bytes], most: int) -> bytes:
    body = io.BytesIO()
    with suppress(FetchError):
        for piece in pieces:
            body.write(piece)
            if body.tell() >= most:
                break
    return body.getvalue()[:most]
