"""A host on loopback whose answers a test sets, and small feeds to put there."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass
class Answer:
    """What a path answers; a body gets an ETag of its own, and 304 when asked for it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    conditional: bool = True


class Origin:
    """A threaded HTTP host; `with Origin() as origin: origin.put("/feed.xml", feed(...))`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, int]] = []
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer = origin.answers.get(self.path, Answer(status=404))
                etag = '"' + hashlib.sha256(answer.body).hexdigest()[:16] + '"'
                status, body = answer.status, answer.body
                if answer.conditional and self.headers.get("If-None-Match") == etag:
                    status, body = 304, b""
                origin.requests.append((self.path, status))
                self.send_response(status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.conditional and answer.status == 200:
                    self.send_header("ETag", etag)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`, as an allow-list names it."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def put(self, path: str, body: bytes = b"", **options) -> None:
        self.answers[path] = Answer(body, **options)

    def __enter__(self) -> Self:
        # Ending a server waits for one such pause; the default is half a second.
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def item(
    number: int, *, title: str | None = None, host: str = "media.example.com", **fields
) -> str:
    """One RSS item; `guid=None` leaves the guid out."""
    guid = fields.get("guid", f"guid-{number}")
    tag = "" if guid is None else f'<guid isPermaLink="false">{guid}</guid>'
    return (
        f"<item><title>{title or f'Episode {number}'}</title>{tag}"
        f"<pubDate>{1 + number % 27:02d} Oct 2026 06:00:00 GMT</pubDate>"
        f'<enclosure url="https://{host}/ep/{number}.mp3{fields.get("query", "")}" '
        'length="1000" type="audio/mpeg"/>'
        f"<itunes:duration>{60 + number}</itunes:duration></item>"
    )


def feed(items: Iterable[str], *, title: str = "A show", head: str = "") -> bytes:
    """An RSS document around items."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">'
        f"<channel><title>{title}</title><link>https://example.com/</link>{head}"
        f"{''.join(items)}</channel></rss>"
    ).encode()
