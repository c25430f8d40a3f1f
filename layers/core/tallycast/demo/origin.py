"""The loopback host that serves the generated shows, each with its own host's habit."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from tallycast.demo.habits import Phase
from tallycast.demo.hosts import Reply, Request, answer, feed_path
from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from tallycast.demo.shows import DemoShow

IDLE_SECONDS = 30.0
MOST_PAGE_DIGITS = 6


class NoMorePhasesError(PermanentError):
    """The demo's last phase has been reached already."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as the host saw it.

    `slug` is None for an unknown show; `sent` counts the body's bytes.
    """

    phase: Phase
    method: str
    path: str
    slug: str | None
    status: int
    conditional: bool
    user_agent: str | None
    sent: int


class DemoOrigin:
    """A threaded HTTP/1.1 host on 127.0.0.1; start and stop it with `with`.

    Args:
        shows: what to serve, as generated; slugs must differ.
        port: 0 for any free port.
        slow_seconds: how long a slow host takes.
        retry_after: seconds a throttling host asks for.
    """

    def __init__(
        self,
        shows: Iterable[DemoShow],
        *,
        port: int = 0,
        slow_seconds: float = 0.5,
        retry_after: int = 1,
    ) -> None:
        self.shows = {show.slug: show for show in shows}
        self._slow_seconds = slow_seconds
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._phase = Phase.REGISTRATION
        self._serials: Counter[str] = Counter()
        self._records: list[RequestRecord] = []
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="demo-origin",
            daemon=True,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_address[1]

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:port`, without an end slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def phase(self) -> Phase:
        """The act that is on."""
        with self._lock:
            return self._phase

    def url(self, slug: str) -> str:
        """The address under which to register the show."""
        return f"{self.base_url}{feed_path(slug)}"

    def advance(self) -> Phase:
        """Go on to the next act and name it.

        Raises:
            NoMorePhasesError: the last one is on already.
        """
        with self._lock:
            if self._phase == max(Phase):
                raise NoMorePhasesError("the demo has no further phase", phase=self._phase.name)
            self._phase = Phase(self._phase + 1)
            return self._phase

    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request answered so far, in the order of the answers."""
        with self._lock:
            return tuple(self._records)

    def respond(self, method: str, target: str, headers: dict[str, str]) -> Reply:
        """Answer one request and write it down. `headers` have names in lower case."""
        parts = urlsplit(target)
        slug, _, tail = parts.path.removeprefix("/").partition("/")
        show = self.shows.get(slug)
        request = Request(tail, _page(parts.query), headers)
        with self._lock:
            phase = self._phase
            serial = self._serials[slug] = self._serials[slug] + 1
        if show is None:
            reply = Reply(404, b"no such show\n", {"Content-Type": "text/plain"})
        else:
            reply = answer(
                show,
                phase,
                request,
                base_url=self.base_url,
                serial=serial,
                retry_after=self._retry_after,
            )
        if reply.slow:
            time.sleep(self._slow_seconds)
        record = RequestRecord(
            phase=phase,
            method=method,
            path=parts.path,
            slug=show.slug if show else None,
            status=reply.status,
            conditional=request.conditional,
            user_agent=headers.get("user-agent"),
            sent=0 if method == "HEAD" else len(reply.body),
        )
        with self._lock:
            self._records.append(record)
        return reply


def _page(query: str) -> int:
    value = parse_qs(query).get("page", ["1"])[0]
    return (
        int(value) if value.isascii() and value.isdigit() and len(value) <= MOST_PAGE_DIGITS else 0
    )


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that leaving ends even the idle ones."""

    daemon_threads = True
    request_queue_size = 128
    server_address: tuple[str, int]

    def __init__(self, address: tuple[str, int], origin: DemoOrigin) -> None:
        self.origin = origin
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._open_lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            with self._open_lock:
                self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._open_lock:
            left = tuple(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "TallycastDemo"
    sys_version = ""
    timeout = IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.origin.respond(self.command, self.path, headers)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:  # noqa: PLR2004 - a 304 has no body and so no length
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are kept in the origin's own record, not written to stderr."""
