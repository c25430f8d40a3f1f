"""A host on loopback that answers from a script, and can be made to hold its answers back."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from tests.support.origin import feed, item

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDS_AT_MOST_SECONDS = 60.0
NAMELESS = "<item><description>Nobody can tell item {} from another.</description></item>"


@dataclass(frozen=True)
class Reply:
    """One answer; a 200 has an ETag of its own and becomes a 304 when it is asked for."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:20]}"'


@dataclass
class _Gate:
    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)


class Host:
    """A threaded HTTP/1.1 host; `with Host() as host: host.put("/feed.xml", Reply(body))`.

    Attributes:
        requests: path and status of every answer, in order.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, int]] = []
        self._scripts: dict[str, list[Reply]] = {}
        self._gates: dict[str, _Gate] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self)

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`, as an allow-list names it."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def put(self, path: str, *script: Reply | bytes) -> str:
        """Have a path give these answers in turn, the last one from then on; returns its URL."""
        replies = [Reply(one) if isinstance(one, bytes) else one for one in script]
        with self._lock:
            self._scripts[path] = replies
        return self.url(path)

    @contextmanager
    def holding(self, path: str) -> Iterator[threading.Event]:
        """Let nobody have an answer from a path; the event says that somebody asked."""
        gate = self._gates[path] = _Gate()
        try:
            yield gate.arrived
        finally:
            del self._gates[path]
            gate.opened.set()

    def visits(self, path: str) -> Counter[int]:
        """How often a path was answered, by status."""
        with self._lock:
            return Counter(status for asked, status in self.requests if asked == path)

    def reply(self, path: str, wanted: str | None) -> Reply:
        """The next answer of a path's script, and a note of it."""
        gate = self._gates.get(path)
        if gate is not None:
            gate.arrived.set()
            gate.opened.wait(HOLDS_AT_MOST_SECONDS)
        with self._lock:
            script = self._scripts.get(path, [Reply(b"nothing here", 404)])
            chosen = script.pop(0) if len(script) > 1 else script[0]
            if chosen.status == 200 and wanted == chosen.etag:
                chosen = Reply(status=304, headers={"ETag": chosen.etag})
            elif chosen.status == 200:
                chosen = Reply(chosen.body, 200, {"ETag": chosen.etag, **chosen.headers})
            self.requests.append((path, chosen.status))
        return chosen

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], host: Host) -> None:
        self.host = host
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor that is killed in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        reply = self.server.host.reply(self.path, self.headers.get("If-None-Match"))
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        pass


def document(
    episodes: int, *, nameless: int = 0, edited: tuple[int, ...] = (), title: str = "A show"
) -> bytes:
    """A feed of episodes 1 to `episodes`, newest first, behind items nobody can identify."""
    items = [
        item(number, title=f"Edited {number}" if number in edited else None)
        for number in range(episodes, 0, -1)
    ]
    return feed([*(NAMELESS.format(n) for n in range(nameless)), *items], title=title)
