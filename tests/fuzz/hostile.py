"""Requests that no generator of valid or invalid data thinks of: bytes, numbers, headers, depths."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final
from urllib.parse import quote, urlsplit

from tests.fuzz.stock import Stock

Json = dict[str, Any]
TIMEOUT_SECONDS: Final = 60
_LONG: Final = "x" * 300_000

# In the place of an id of the path, as they stand in the request line. Not `%2F` alone: MiniStack reads
# it as the end of the address, so that another route answers; to AWS it is a character of the id.
PATHS: Final = (
    "%00", "a%00b", "%ff%fe", "%ed%a0%80", "%2e%2e", "..%2f..%2fetc%2fpasswd", "a%0d%0aX-Evil:%201",
    "%F0%9F%8E%99", "x" * 3000, "%", "%zz", "*", "%7B%7D", "-1", "NaN", "null", "%20", "a;b=c", "a%2Fb",
)  # fmt: skip
# Behind the question mark.
QUERIES: Final = (
    "limit=99999999999999999999999999", "limit=-1", "limit=1e2", "limit=NaN", "limit=%00", "limit=",
    "limit=1&limit=2", "limit[]=1", "limit=%EF%BC%91", "cursor=%00", "cursor=%ff%fe", "cursor=MQ",
    "cursor=MWE", "cursor=MXsicGsiOiJ4In0", "cursor=" + "A" * 599, "cursor=" + "A" * 5000,
    "cursor=MfCfmYk", "first=0000-00-00&last=9999-12-31", "first=%00", "day=99999-01-01",
    "%00=1", "%ff=1", "=1", "&&&", "a" * 4000 + "=1", "since=-1e400", "since=9999-12-31T23:59:59-23:59",
    "show_id=%00&episode_id=%ff", "expires=99999999999999999999&signature=%00&tenant=%00",
)  # fmt: skip
# In the place of a text in a body that was accepted, as JSON.
TEXTS: Final = (
    rb'"\u0000"', rb'"a\u0000b"', rb'"\ud800"', rb'"\udc00\ud800"', b'"\xff\xfe"', b'"\xed\xa0\x80"',
    rb'"\u202e\ufeff\u2028"', b'"' + _LONG.encode() + b'"', b'"=cmd()"', b'"#"', b"0", b"[]", b'{"a":1}',
)  # fmt: skip
# In the place of a number.
NUMBERS: Final = (
    b"1" + b"0" * 400, b"-" + b"9" * 5000, b"1e999", b"-1e999", b"NaN", b"Infinity", b"-0", b"-0.0",
    b"0.1", b"true", b"9223372036854775808", b"1e-400",
)  # fmt: skip
# In the place of the whole body.
BODIES: Final = (
    b"", b" ", b"null", b"[]", b"0", b'""', b"{", b"}", b"[" * 100_000, b'{"a":' * 20_000,
    b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"\x00", b'{"a":1}{"a":1}', b'{"a":1,"a":2}',
    b'{"\\u0000":1}', b'{"\\ud800":1}', b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", b"NaN",
    b'{"__proto__":{"a":1}}', b'{"a":' + b"9" * 10_000 + b"}", b'"' + b"x" * 1_100_000 + b'"',
)  # fmt: skip
HEADERS: Final[tuple[Mapping[str, str], ...]] = (
    {"Idempotency-Key": ""}, {"Idempotency-Key": "\xe9\xff"}, {"Idempotency-Key": "k" * 256},
    {"Idempotency-Key": "a b"}, {"Idempotency-Key": "k" * 7000}, {"Idempotency-Key": "\x7f"},
    {"If-Match": ""}, {"If-Match": '"999999999999999999999999"'}, {"If-Match": "\xff"},
    {"If-Match": "W/" * 1000}, {"If-Match": '"-1"'}, {"If-Match": '"\xb2"'}, {"If-Match": '"1", "2"'},
    {"If-None-Match": '"1", *, \xff'}, {"Content-Type": ""}, {"Content-Type": "application/json;;;"},
    {"Content-Type": "application/json; charset=utf-16"}, {"Content-Type": "\xff/\xff"},
    {"Content-Type": "text/plain"}, {"Content-Type": "x" * 5000}, {"Content-Encoding": "gzip"},
    {"Accept": ""}, {"Accept": "text/csv;q=\xff"}, {"Accept": ",,,;;;"}, {"Accept-Encoding": "\xff"},
    {"Range": "bytes=0-"}, {"Origin": "null"}, {"Origin": "https://\xff"}, {"Host": "evil.example"},
    {"X-Forwarded-Proto": "javascript"}, {"X-Forwarded-For": "\xff, " * 200},
    {"X-HTTP-Method-Override": "DELETE"}, {"Cookie": "a=\xff; b"}, {"Authorization": ""},
    {"Authorization": "Bearer"}, {"Authorization": "Bearer \xff\xfe"}, {"Authorization": "Basic Og=="},
    {"Authorization": "Bearer tc_live_" + "x" * 5000}, {"Authorization": "Bearer a.b.c"},
    {"Authorization": "AWS4-HMAC-SHA256 Credential=a"},
    {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
)  # fmt: skip


@dataclass(frozen=True)
class Probe:
    """One request, as it goes over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None
    why: str


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Hostile:
    """Makes and sends hostile requests for every operation of a document.

    Args:
        url: of the door.
        stock: real ids, and bodies that were accepted, to be made odd in one place.
    """

    def __init__(self, url: str, stock: Stock) -> None:
        self._parts = urlsplit(url)
        self._stock = stock
        self._keys = count()

    def probes(self, path: str, method: str, operation: Json) -> Iterator[Probe]:
        """Every hostile request for one operation, each with one thing odd."""
        parameters = re.findall(r"\{(\w+)\}", path)
        plain = self._filled(path, {})
        body = self._stock.bodies.get(operation["operationId"])
        base = None if body is None else json.dumps(body).encode()
        has_body = "requestBody" in operation
        if has_body and base is None:
            base = b"{}"

        def made(why: str, target: str = plain, content: bytes | None = base, **odd: str) -> Probe:
            return Probe(method, target, self._headers(odd, has_body=has_body), content, why)

        for name in parameters:
            for odd in PATHS:
                yield made(f"{name}={odd[:20]}", self._filled(path, {name: odd}))
        for odd in QUERIES:
            yield made(f"?{odd[:30]}", f"{plain}?{odd}")
        for headers in HEADERS:
            yield Probe(
                method, plain, self._headers(headers, has_body=has_body), base,
                f"{next(iter(headers))}: {next(iter(headers.values()))[:20]!a}",
            )  # fmt: skip
        if not has_body:
            return
        for odd_body in BODIES:
            yield made(f"body {odd_body[:20]!a}", content=odd_body)
        if isinstance(body, dict):
            for place, value in _leaves(body):
                for odd_value in TEXTS if isinstance(value, str) else NUMBERS:
                    yield made(
                        f"{'/'.join(map(str, place))}={odd_value[:20]!a}",
                        content=_with(body, place, odd_value),
                    )

    def send(self, probe: Probe) -> Answered | None:
        """What comes back; None where the connection was closed without an answer."""
        connection = http.client.HTTPConnection(self._parts.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.putrequest(
                probe.method, self._parts.path + probe.target, skip_host="Host" in probe.headers,
                skip_accept_encoding=True,
            )  # fmt: skip
            for name, value in probe.headers.items():
                connection.putheader(name, value.encode("latin-1"))
            if probe.body is not None:
                connection.putheader("Content-Length", str(len(probe.body)))
            connection.endheaders(probe.body)
            reply = connection.getresponse()
            headers = {name.lower(): value for name, value in reply.getheaders()}
            return Answered(reply.status, headers, reply.read())
        except (http.client.HTTPException, ConnectionError):
            return None
        finally:
            connection.close()

    def _headers(self, odd: Mapping[str, str], *, has_body: bool) -> dict[str, str]:
        made = {
            "Authorization": f"Bearer {self._stock.credential}",
            "Idempotency-Key": f"hostile-{next(self._keys)}",
            "If-Match": "*",
        }
        if has_body:
            made["Content-Type"] = "application/json"
        return {**made, **odd}

    def _filled(self, path: str, odd: Mapping[str, str]) -> str:
        return re.sub(
            r"\{(\w+)\}",
            lambda found: (
                odd.get(found[1]) or quote(self._stock.one(found[1], 0) or "none", safe="")
            ),
            path,
        )


def _leaves(
    body: Any, place: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Places of texts and numbers."""
    items = body.items() if isinstance(body, dict) else enumerate(body)
    for name, value in items:
        if isinstance(value, dict | list):
            yield from _leaves(value, (*place, name))
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            yield (*place, name), value


def _with(body: Any, place: tuple[str | int, ...], odd: bytes) -> bytes:
    """The body with other JSON at a place."""
    mark = "here-stands-what-is-odd"
    copy = json.loads(json.dumps(body))
    at = copy
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = mark
    return json.dumps(copy).encode().replace(f'"{mark}"'.encode(), odd)
