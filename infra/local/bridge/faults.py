"""A service can be made to refuse the functions for a while, as AWS sometimes does.

`PUT /_tallycast/refuse?service=dynamodb&seconds=3` (from the loopback address, by whoever knows
the administrator's secret) answers every signed call of a *function* to that service with the
error AWS gives when it is unwell: 503 SlowDown from S3, 500 InternalServerError from the others.
The administrator's own calls pass, so a test can watch meanwhile.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ministack import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = "/_tallycast/refuse"
SECRET_HEADER = b"x-tallycast-secret"

_CREDENTIAL = re.compile(rb"Credential=(?P<key>[^/]+)/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")
_FUNCTION_KEY = b"ASIA"  # a role's temporary key; the administrator's begins otherwise


class Refusals:
    """Which services refuse, and until when on the monotonic clock (seconds)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self.refused = 0

    def begin(self, service: str, seconds: float) -> None:
        """Have a service refuse from now on for so many seconds; 0 ends it."""
        self._until[service] = self._clock() + seconds

    def answer(self, authorization: bytes) -> tuple[int, bytes, bytes] | None:
        """Status, content type and body of the refusal; None when the call may pass."""
        found = _CREDENTIAL.search(authorization)
        if found is None or not found["key"].startswith(_FUNCTION_KEY):
            return None
        service = found["service"].decode()
        if self._clock() >= self._until.get(service, 0.0):
            return None
        self.refused += 1
        if service == "s3":
            body = b"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>"
            return 503, b"application/xml", body
        fault = {"__type": "InternalServerError", "message": "Internal server error"}
        return 500, b"application/x-amz-json-1.0", json.dumps(fault).encode()


def wrapped(inner: Application, refusals: Refusals, secret: bytes) -> Application:
    """MiniStack's application with the refusals in front of it."""

    async def _reply(send: Send, status: int, kind: bytes, body: bytes) -> None:
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["path"] == PATH and scope["method"] == "PUT":
            if not hmac.compare_digest(headers.get(SECRET_HEADER, b""), secret):
                await _reply(send, 403, b"text/plain", b"")
                return
            query = parse_qs(scope["query_string"].decode())
            refusals.begin(query["service"][0], float(query["seconds"][0]))
            await _reply(send, 200, b"application/json", json.dumps(refusals.refused).encode())
            return
        refusal = refusals.answer(headers.get(b"authorization", b""))
        if refusal is None:
            await inner(scope, receive, send)
        else:
            await _reply(send, *refusal)

    return application


def apply() -> None:
    """Put the refusals in front of MiniStack's application."""
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "").encode()
    app.app = wrapped(app.app, Refusals(), secret)
