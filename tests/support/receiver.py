"""A receiver of webhooks on loopback that answers as a test scripts it, and keeps what came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Said:
    """One answer; `drip` sends the head at once and then nothing for so many seconds."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pause: float = 0.0
    hang_up: bool = False


@dataclass(frozen=True)
class Came:
    """One POST as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str):
        """Its payload, if the library of Standard Webhooks accepts it."""
        return Webhook(secret).verify(self.body, self.headers)


Script = Callable[[Came], Said]


class Receiver:
    """A threaded HTTP host; `answers[path]` is a list used up one by one, then `otherwise`."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.answers: dict[str, list[Said]] = {}
        self.scripts: dict[str, Script] = {}
        self.otherwise = Said()
        self.at_once: dict[str, int] = {}
        self.most_at_once: dict[str, int] = {}
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                came = Came(self.path, headers, body)
                said = receiver._note(came)
                try:
                    time.sleep(said.pause)
                    if said.hang_up:
                        self.close_connection = True
                        return
                    self.send_response(said.status)
                    for name, value in said.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(said.body)))
                    self.end_headers()
                    self.wfile.write(said.body)
                except OSError:
                    self.close_connection = True  # the sender has given up
                finally:
                    receiver._leave(self.path)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def _note(self, came: Came) -> Said:
        with self._lock:
            self.came.append(came)
            now = self.at_once[came.path] = self.at_once.get(came.path, 0) + 1
            self.most_at_once[came.path] = max(now, self.most_at_once.get(came.path, 0))
            if came.path in self.scripts:
                return self.scripts[came.path](came)
            left = self.answers.get(came.path)
            return left.pop(0) if left else self.otherwise

    def _leave(self, path: str) -> None:
        with self._lock:
            self.at_once[path] -= 1

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`, as an allow list names it."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str = "/hook") -> str:
        return f"http://{self.address}{path}"

    def at(self, path: str = "/hook") -> list[Came]:
        """What came to a path, in order."""
        return [each for each in self.came if each.path == path]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
