"""One request and its answer over a connection to a checked address.

httpcore speaks HTTP and TLS; the network beneath it is ours: it connects to the addresses the
guard admitted whatever the name says by now, while the Host header, TLS's server name and the
certificate's check stay with the name. Every read waits only as long as the whole fetch may
still take, and the head of the answer is counted as it comes. Nothing is read from the
environment: no proxies, no credentials.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httpcore

from tallycast.feeds.fetching.errors import (
    BadResponseError,
    BadUrlError,
    BodyTooLargeError,
    ConnectionFailedError,
    FetchTimeoutError,
    HeadersTooLargeError,
    TlsFailedError,
    TruncatedBodyError,
    shown,
)
from tallycast.feeds.fetching.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallycast.feeds.fetching.deadline import Deadline
    from tallycast.feeds.fetching.model import FetchSettings
    from tallycast.feeds.fetching.urls import WebAddress

_ADDRESSES_TRIED = 4
# What chunking may add to a body: more than this is padding, sent to keep us busy.
_WIRE_SLACK = 1024 * 1024


@dataclass(slots=True)
class Meter:
    """Counts what one connection receives, first against the head's limit, then the body's."""

    deadline: Deadline
    max_header_bytes: int
    max_wire_bytes: int
    received: int = 0
    in_head: bool = True

    def room(self, wanted: int) -> int:
        """How many bytes the next read may take; in the head never more than the limit."""
        if not self.in_head:
            return wanted
        left = self.max_header_bytes - self.received
        if left <= 0:
            raise HeadersTooLargeError(
                f"the head of the answer is larger than {self.max_header_bytes:,} bytes"
            )
        return min(wanted, left)

    def count(self, size: int) -> None:
        """Note what a read took."""
        self.received += size
        if self.received > self.max_wire_bytes:
            raise BodyTooLargeError(
                f"sent more than {self.max_wire_bytes:,} bytes for one document"
            )


class GuardedStream(httpcore.NetworkStream):
    """A connection whose every wait is bounded by the deadline, and whose bytes are counted."""

    def __init__(self, inner: httpcore.NetworkStream, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline's
        """Receive; raises our own errors, which httpcore lets through."""
        doing = "waiting for its answer" if self._meter.in_head else "receiving its answer"
        room = self._meter.room(max_bytes)
        wait = self._meter.deadline.left(doing)
        try:
            data = self._inner.read(room, timeout=wait)
        except httpcore.ReadTimeout:
            raise self._meter.deadline.passed(doing) from None
        except httpcore.ReadError as error:
            if self._meter.in_head:
                raise ConnectionFailedError("the connection broke before an answer") from error
            raise TruncatedBodyError("the connection broke in the middle of the answer") from error
        self._meter.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline's
        """Send; a broken pipe is left to httpcore, which looks for an answer first."""
        try:
            self._inner.write(buffer, timeout=self._meter.deadline.left("asking"))
        except httpcore.WriteTimeout:
            raise self._meter.deadline.passed("asking") from None

    def close(self) -> None:
        """Close at once."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline's
    ) -> httpcore.NetworkStream:
        """Shake hands; the certificate is checked for the name, not for the address."""
        wait = self._meter.deadline.left("shaking hands (TLS)")
        try:
            inner = self._inner.start_tls(ssl_context, server_hostname, wait)
        except httpcore.ConnectTimeout:
            raise self._meter.deadline.passed("shaking hands (TLS)") from None
        except httpcore.ConnectError as error:
            raise _tls_error(error) from error
        return GuardedStream(inner, self._meter)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        """Passed through."""
        return self._inner.get_extra_info(info)


def _tls_error(error: httpcore.ConnectError) -> TlsFailedError | ConnectionFailedError:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TlsFailedError(f"its certificate is not valid: {shown(cause.verify_message)}")
    if isinstance(cause, ssl.SSLError):
        return TlsFailedError(f"TLS failed: {shown(cause.reason or str(cause))}")
    return ConnectionFailedError("the connection broke while shaking hands (TLS)")


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to the admitted addresses, in order, whatever host it is asked for."""

    def __init__(
        self,
        addresses: tuple[str, ...],
        meter: Meter,
        connect_timeout: float,
        inner: httpcore.NetworkBackend,
    ) -> None:
        self._addresses = addresses
        self._meter = meter
        self._connect_timeout = connect_timeout
        self._inner = inner

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - resolved and checked already: this is the point
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """The first of the addresses that takes the connection."""
        timed_out = False
        for address in self._addresses[:_ADDRESSES_TRIED]:
            wait = min(self._connect_timeout, self._meter.deadline.left("connecting"))
            try:
                stream = self._inner.connect_tcp(address, port, wait, local_address, socket_options)
            except httpcore.ConnectTimeout:
                timed_out = True
            except httpcore.ConnectError:
                continue
            else:
                return GuardedStream(stream, self._meter)
        if timed_out:
            self._meter.deadline.left("connecting")
            raise FetchTimeoutError(f"no connection within {self._connect_timeout:g} s")
        raise ConnectionFailedError("the connection was refused or cannot be made")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose head is read and whose body is still on the wire.

    `body` gives the bytes after transfer decoding, before content decoding; it can be read once.
    """

    status: int
    headers: Headers
    body: Iterator[bytes]
    meter: Meter


@contextmanager
def exchange(
    address: WebAddress,
    addresses: tuple[str, ...],
    fields: list[tuple[str, str]],
    *,
    settings: FetchSettings,
    deadline: Deadline,
    network: httpcore.NetworkBackend | None = None,
    method: str = "GET",
    content: bytes | None = None,
) -> Iterator[Reply]:
    """Ask one of `addresses` and hand over the answer; the connection ends with it.

    Raises:
        FetchError: whichever names what went wrong, up to the end of the head; and from
            `Reply.body` up to the end of the body.
    """
    meter = Meter(deadline, settings.max_header_bytes, 2 * settings.max_bytes + _WIRE_SLACK)
    connection = httpcore.HTTPConnection(
        httpcore.Origin(address.scheme.encode(), address.host.encode(), address.port),
        ssl_context=_tls_context(settings.ca_file) if address.scheme == "https" else None,
        network_backend=PinnedBackend(
            addresses,
            meter,
            settings.connect_timeout_seconds,
            network or httpcore.SyncBackend(),
        ),
    )
    request = httpcore.Request(
        method.encode(),
        httpcore.URL(
            scheme=address.scheme.encode(),
            host=address.host.encode(),
            port=address.port,
            target=address.target.encode(),
        ),
        headers=[(name.encode(), value.encode("latin-1")) for name, value in fields],
        content=content,
    )
    with connection:
        response = _head(connection, request)
        meter.in_head = False
        if len(response.headers) > settings.max_header_count:
            raise HeadersTooLargeError(
                f"the head of the answer has more than {settings.max_header_count} lines"
            )
        yield Reply(response.status, Headers(response.headers), _body(response), meter)


def _head(connection: httpcore.HTTPConnection, request: httpcore.Request) -> httpcore.Response:
    try:
        return connection.handle_request(request)
    except httpcore.RemoteProtocolError as error:
        if "without sending a response" in str(error):
            raise ConnectionFailedError("the connection closed before an answer") from error
        raise BadResponseError(f"the answer is not HTTP: {shown(str(error))}") from error
    except httpcore.LocalProtocolError as error:
        raise BadUrlError(f"cannot be asked for: {shown(str(error))}") from error
    except httpcore.NetworkError as error:
        raise ConnectionFailedError("the connection broke before an answer") from error


def _body(response: httpcore.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_stream()
    except httpcore.RemoteProtocolError as error:
        raise TruncatedBodyError(f"the body is cut or broken: {shown(str(error))}") from error


@lru_cache(maxsize=4)
def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificates checked, names checked, TLS 1.2 at least; made once, as it takes its time."""
    if ca_file is not None:
        return ssl.create_default_context(cafile=ca_file)
    return httpcore.default_ssl_context()
