"""A web server that does everything a feed poller must survive, on loopback.

`HostileOrigin` serves one bad habit per path. `CASES` says how a first, unconditional fetch of
each must end (an error's name, or `ok`), `CONDITIONAL_CASES` how a second one with the validators
of the first must, and `PARSE_CASES` what parsing says to documents that are fetched well: an error's name, `ok`, or `bounded` where
reading it or refusing it are both right, as long as nothing grows and nothing is fetched.

The expectations hold for an allow-list with exactly the origin's own `allow` entry.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from tallycast.feeds.fetching import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

LIMIT = MAX_BODY_BYTES
BOMB_BYTES = 300 * 1000 * 1000
DRIP_SECONDS = 0.2
ETAG = '"v1"'
NEW_ETAG = '"v2"'
LAST_MODIFIED = "Wed, 04 Mar 2026 05:06:07 GMT"
_MEBIBYTE = 1024 * 1024


def feed(items: int = 2, padding: str = "") -> bytes:
    """A small and blameless RSS feed; `padding` goes into a comment."""
    episodes = "".join(
        f"<item><title>Episode {n}</title><guid isPermaLink='false'>hostile-{n}</guid>"
        f"<pubDate>Wed, {n:02d} Apr 2026 05:00:00 GMT</pubDate>"
        f"<enclosure url='https://media.example.org/{n}.mp3' length='1000' type='audio/mpeg'/>"
        "</item>"
        for n in range(1, items + 1)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>'
        f"<title>A quiet neighbour</title><link>https://example.org/</link>{episodes}"
        f"<!--{padding}--></channel></rss>"
    ).encode()


def feed_of(size: int) -> bytes:
    """The blameless feed, padded to exactly `size` bytes with comments of a kilobyte each.

    One comment of 25 MB would be another case: XML parsers refuse single nodes above 10 MB.
    """
    block = "x" * 1017 + "--><!--"
    blocks, rest = divmod(size - len(feed()), len(block))
    return feed(padding=block * blocks + "x" * rest)


class _Closed(Exception):  # noqa: N818 - a signal, not an error
    """The visitor is gone, or the origin closes."""


@dataclass
class Visitor:
    """One connection: what was asked, and ways to answer it."""

    connection: socket.socket
    origin: HostileOrigin
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, data: bytes) -> None:
        try:
            self.connection.sendall(data)
        except OSError:
            raise _Closed from None

    def pause(self, seconds: float) -> None:
        if self.origin.closing.wait(seconds):
            raise _Closed

    def drip(self, data: bytes) -> None:
        for byte in data:
            self.send(bytes([byte]))
            self.pause(DRIP_SECONDS)

    def hang(self) -> None:
        self.pause(3600)

    def reset(self) -> None:
        """End with an RST instead of a FIN."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise _Closed

    def head(self, *fields: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", "Connection: close", *fields, "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))

    def answer(self, body: bytes, *fields: str, status: str = "200 OK") -> None:
        self.head(f"Content-Length: {len(body)}", *fields, status=status)
        self.send(body)

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def redirect(self, location: str, status: str = "302 Found") -> None:
        self.answer(b"", f"Location: {location}", status=status)


ROUTES: dict[str, Callable[[Visitor], None]] = {}
CASES: dict[str, str] = {}
CONDITIONAL_CASES: dict[str, str] = {}
PARSE_CASES: dict[str, str] = {}


def case(
    path: str, expected: str, *, again: str | None = None, parsed: str | None = None
) -> Callable[[Callable[[Visitor], None]], Callable[[Visitor], None]]:
    """Serve `path` by the decorated function, and note how its fetch and its parse must end."""

    def register(route: Callable[[Visitor], None]) -> Callable[[Visitor], None]:
        ROUTES[path] = route
        CASES[path] = expected
        if again is not None:
            CONDITIONAL_CASES[path] = again
        if parsed is not None:
            PARSE_CASES[path] = parsed
        return route

    return register


def plain(
    path: str,
    expected: str,
    status: str,
    *fields: str,
    body: bytes = b"no",
    again: str | None = None,
) -> None:
    """A case that is no more than a status and some header fields."""
    case(path, expected, again=again)(lambda to: to.answer(body, *fields, status=status))


def document(path: str, body: Callable[[], bytes], parsed: str, kind: str = "text/xml") -> None:
    """A case that is fetched well, and whose trouble is in the document."""
    case(path, "ok", parsed=parsed)(lambda to: to.answer(body(), f"Content-Type: {kind}"))


# Good neighbours


@case("/ok", "ok", again="not_modified", parsed="ok")
def _ok(to: Visitor) -> None:
    if to.headers.get("if-none-match") == ETAG:
        return to.head(f"ETag: {ETAG}", status="304 Not Modified")
    return to.answer(
        feed(),
        f"ETag: {ETAG}",
        f"Last-Modified: {LAST_MODIFIED}",
        "Content-Type: application/rss+xml",
    )


@case("/ok/gzip", "ok", parsed="ok")
def _ok_gzip(to: Visitor) -> None:
    to.answer(gzipped(feed()), "Content-Encoding: gzip")


@case("/ok/chunked", "ok", parsed="ok")
def _ok_chunked(to: Visitor) -> None:
    to.head("Transfer-Encoding: chunked")
    body = feed()
    for start in range(0, len(body), 100):
        to.chunk(body[start : start + 100])
    to.send(b"0\r\n\r\n")


@case("/ok/until-close", "ok", parsed="ok")
def _ok_until_close(to: Visitor) -> None:
    to.head()
    to.send(feed())


# Bombs


def gzipped(body: bytes) -> bytes:
    return _deflated(body, zlib.MAX_WBITS | 16)


def _deflated(body: bytes, window_bits: int) -> bytes:
    engine = zlib.compressobj(6, zlib.DEFLATED, window_bits)
    return engine.compress(body) + engine.flush()


@lru_cache
def bomb(window_bits: int = zlib.MAX_WBITS | 16) -> bytes:
    """300 MB of spaces behind a feed's first line, in about 300 kB."""
    engine = zlib.compressobj(9, zlib.DEFLATED, window_bits)
    block = b" " * 1_000_000
    parts = [engine.compress(b"<rss><channel><title>")]
    parts += [engine.compress(block) for _ in range(BOMB_BYTES // len(block))]
    return b"".join([*parts, engine.flush()])


@case("/bomb/gzip", "BodyTooLargeError")
def _gzip_bomb(to: Visitor) -> None:
    to.answer(bomb(), "Content-Encoding: gzip")


@case("/bomb/deflate", "BodyTooLargeError")
def _deflate_bomb(to: Visitor) -> None:
    to.answer(bomb(zlib.MAX_WBITS), "Content-Encoding: deflate")


@case("/bomb/raw-deflate", "BodyTooLargeError")
def _raw_deflate_bomb(to: Visitor) -> None:
    to.answer(bomb(-zlib.MAX_WBITS), "Content-Encoding: deflate")


@case("/bomb/members", "BodyTooLargeError")
def _members_bomb(to: Visitor) -> None:
    to.answer(gzipped(b" " * _MEBIBYTE) * 300, "Content-Encoding: gzip")


@case("/bomb/twice", "ContentDecodingError")
def _twice_bomb(to: Visitor) -> None:
    to.answer(gzipped(bomb()), "Content-Encoding: gzip, gzip")


# Encodings that are not what they say


@case("/gzip/endless-name", "BodyTooLargeError")
def _gzip_endless_name(to: Visitor) -> None:
    to.head("Content-Encoding: gzip")
    to.send(b"\x1f\x8b\x08\x08" + bytes(6))
    while True:
        to.send(b"n" * _MEBIBYTE)


@case("/gzip/empty-members", "BodyTooLargeError")
def _gzip_empty_members(to: Visitor) -> None:
    to.head("Content-Encoding: gzip")
    members = gzipped(b"") * 50_000
    to.send(gzipped(feed()))
    to.send(gzipped(b" " * (LIMIT - len(feed()))))
    to.send(members)
    to.send(gzipped(b"  "))


@case("/gzip/members", "ok", parsed="ok")
def _gzip_members(to: Visitor) -> None:
    body = feed()
    to.answer(gzipped(body[:50]) + gzipped(body[50:]), "Content-Encoding: gzip")


@case("/gzip/padding", "ok", parsed="ok")
def _gzip_padding(to: Visitor) -> None:
    to.answer(gzipped(feed()) + bytes(512), "Content-Encoding: gzip")


@case("/gzip/cut", "TruncatedBodyError")
def _gzip_cut(to: Visitor) -> None:
    to.answer(gzipped(feed())[:-12], "Content-Encoding: gzip")


@case("/gzip/damaged", "ContentDecodingError")
def _gzip_damaged(to: Visitor) -> None:
    body = bytearray(gzipped(feed()))
    body[len(body) // 2] ^= 0xFF
    to.answer(bytes(body), "Content-Encoding: gzip")


plain("/gzip/not-gzip", "ContentDecodingError", "200 OK", "Content-Encoding: gzip", body=feed())
plain("/encoding/unknown", "ContentDecodingError", "200 OK", "Content-Encoding: br")
plain("/encoding/misused", "ok", "200 OK", "Content-Encoding: UTF-8", body=feed())


# Slow ones


@case("/drip/body", "FetchTimeoutError")
def _drip_body(to: Visitor) -> None:
    to.head("Content-Length: 100000")
    to.drip(b" " * 100_000)


@case("/drip/head", "FetchTimeoutError")
def _drip_head(to: Visitor) -> None:
    to.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    to.drip(b"a" * 100_000)


@case("/drip/status-line", "FetchTimeoutError")
def _drip_status_line(to: Visitor) -> None:
    to.drip(b"HTTP/1.1 200 " + b"K" * 100_000)


@case("/drip/chunks", "FetchTimeoutError")
def _drip_chunks(to: Visitor) -> None:
    to.head("Transfer-Encoding: chunked")
    while True:
        to.chunk(b" ")
        to.pause(DRIP_SECONDS)


@case("/drip/behind-redirect", "FetchTimeoutError")
def _drip_behind_redirect(to: Visitor) -> None:
    to.pause(DRIP_SECONDS)
    to.redirect("/drip/body")


@case("/silence", "FetchTimeoutError")
def _silence(to: Visitor) -> None:
    to.hang()


# Endless and oversized ones


@case("/endless/chunks", "BodyTooLargeError")
def _endless_chunks(to: Visitor) -> None:
    to.head("Transfer-Encoding: chunked")
    while True:
        to.chunk(b" " * _MEBIBYTE)


@case("/endless/body", "BodyTooLargeError")
def _endless_body(to: Visitor) -> None:
    to.head()
    while True:
        to.send(b" " * _MEBIBYTE)


@case("/endless/chunk-extension", "TruncatedBodyError")
def _endless_chunk_extension(to: Visitor) -> None:
    to.head("Transfer-Encoding: chunked")
    to.send(b"1;")
    while True:
        to.send(b"e" * 10_000)


@case("/endless/trailers", "TruncatedBodyError")
def _endless_trailers(to: Visitor) -> None:
    to.head("Transfer-Encoding: chunked")
    to.chunk(feed())
    to.send(b"0\r\n")
    while True:
        to.send(b"X-Trailer: on and on\r\n" * 100)


@case("/endless/headers", "HeadersTooLargeError")
def _endless_headers(to: Visitor) -> None:
    to.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        to.send(b"X-Header: on and on\r\n" * 100)


@case("/endless/interim", "HeadersTooLargeError")
def _endless_interim(to: Visitor) -> None:
    while True:
        to.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)


@case("/huge/header", "HeadersTooLargeError")
def _huge_header(to: Visitor) -> None:
    to.answer(feed(), f"X-Huge: {'h' * 10 * _MEBIBYTE}")


@case("/huge/status-line", "HeadersTooLargeError")
def _huge_status_line(to: Visitor) -> None:
    to.answer(feed(), status="200 " + "K" * _MEBIBYTE)


@case("/huge/header-count", "HeadersTooLargeError")
def _huge_header_count(to: Visitor) -> None:
    to.answer(feed(), *(f"X-{n}: y" for n in range(1000)))


@lru_cache(maxsize=2)
def _sized(size: int) -> bytes:
    return feed_of(size)


@case("/size/limit", "ok", parsed="ok")
def _size_limit(to: Visitor) -> None:
    to.answer(_sized(LIMIT))


@case("/size/over", "BodyTooLargeError")
def _size_over(to: Visitor) -> None:
    to.answer(_sized(LIMIT + 1))


@case("/size/over-unannounced", "BodyTooLargeError")
def _size_over_unannounced(to: Visitor) -> None:
    to.head()
    to.send(_sized(LIMIT + 1))


@case("/size/limit-gzip", "ok", parsed="ok")
def _size_limit_gzip(to: Visitor) -> None:
    to.answer(gzipped(_sized(LIMIT)), "Content-Encoding: gzip")


@case("/size/over-gzip", "BodyTooLargeError")
def _size_over_gzip(to: Visitor) -> None:
    to.answer(gzipped(_sized(LIMIT + 1)), "Content-Encoding: gzip")


@case("/size/announced", "BodyTooLargeError")
def _size_announced(to: Visitor) -> None:
    to.head(f"Content-Length: {10**15}")
    to.hang()


# Redirects


@case("/redirect/loop", "RedirectLoopError")
def _redirect_loop(to: Visitor) -> None:
    to.redirect("/redirect/loop-back")


ROUTES["/redirect/loop-back"] = lambda to: to.redirect("/redirect/loop", "301 Moved Permanently")


def _countdown(to: Visitor) -> None:
    *_, left = to.path.split("/")
    to.redirect(f"/redirect/steps/{int(left) - 1}" if int(left) > 1 else "/ok", "301 Moved")


for _left in range(1, 7):
    ROUTES[f"/redirect/steps/{_left}"] = _countdown
CASES["/redirect/steps/5"] = "ok"
CASES["/redirect/steps/6"] = "TooManyRedirectsError"

for _name, _target, _expected in (
    ("self", "/redirect/self", "RedirectLoopError"),
    ("private", "http://10.0.0.1/feed.xml", "BlockedAddressError"),
    ("private-decimal", "http://167772161/feed.xml", "BlockedAddressError"),
    ("private-hex", "http://0xa.0x0.0x0.0x1/feed.xml", "BlockedAddressError"),
    ("private-octal", "http://0300.0250.01/feed.xml", "BlockedAddressError"),
    ("mapped", "http://[::ffff:127.0.0.1]/feed.xml", "BlockedAddressError"),
    ("ipv6-loopback", "http://[::1]/feed.xml", "BlockedAddressError"),
    ("metadata", "http://169.254.169.254/latest/meta-data/", "BlockedAddressError"),
    ("metadata-ipv6", "http://[fd00:ec2::254]/latest/meta-data/", "BlockedAddressError"),
    ("other-port", "http://127.0.0.1:22/", "BlockedAddressError"),
    ("default-port", "http://127.0.0.1/", "BlockedAddressError"),
    ("public-port", "http://93.184.215.14:8080/", "BlockedAddressError"),
    ("file", "file:///etc/passwd", "BadUrlError"),
    ("ftp", "ftp://example.org/feed.xml", "BadUrlError"),
    ("user", "http://user:secret@example.org/feed.xml", "BadUrlError"),
    ("backslash", "http://example.org\\@127.0.0.1/", "BadUrlError"),
    ("no-host", "http:///feed.xml", "BadUrlError"),
    ("zone", "http://[fe80::1%25lo]/", "BadUrlError"),
):
    plain(f"/redirect/{_name}", _expected, "302 Found", f"Location: {_target}")
plain("/redirect/nowhere", "BadRedirectError", "301 Moved Permanently")
plain("/redirect/space", "ok", "302 Found", "Location: /ok?a b=\xc3\xbc#part")


# Lengths and connections that lie


@case("/length/longer", "TruncatedBodyError")
def _length_longer(to: Visitor) -> None:
    to.head(f"Content-Length: {len(feed()) + 100}")
    to.send(feed())


@case("/length/shorter", "ok")
def _length_shorter(to: Visitor) -> None:
    to.head(f"Content-Length: {len(feed()) - 10}")
    to.send(feed())


@case("/length/two", "BadResponseError")
def _length_two(to: Visitor) -> None:
    to.answer(feed(), "Content-Length: 5")


plain("/length/negative", "BadResponseError", "200 OK", "Content-Length: -1")


@case("/chunk/broken", "TruncatedBodyError")
def _chunk_broken(to: Visitor) -> None:
    to.head("Transfer-Encoding: chunked")
    to.chunk(feed())
    to.send(b"what?\r\n")


@case("/chunk/cut", "TruncatedBodyError")
def _chunk_cut(to: Visitor) -> None:
    to.head("Transfer-Encoding: chunked")
    to.send(b"ffff\r\n" + feed())


@case("/reset/at-once", "ConnectionFailedError")
def _reset_at_once(to: Visitor) -> None:
    to.reset()


@case("/reset/mid-body", "TruncatedBodyError")
def _reset_mid_body(to: Visitor) -> None:
    to.head("Content-Length: 100000")
    to.send(feed())
    # The head must have been read before the reset throws away what is still on its way.
    to.pause(DRIP_SECONDS)
    to.reset()


@case("/close/at-once", "ConnectionFailedError")
def _close_at_once(to: Visitor) -> None:
    raise _Closed


@case("/close/mid-head", "ConnectionFailedError")
def _close_mid_head(to: Visitor) -> None:
    to.send(b"HTTP/1.1 200 OK\r\nContent-")


@case("/status-line/garbage", "BadResponseError")
def _garbage(to: Visitor) -> None:
    to.send(b"\x00\xff what is this\r\n\r\n")


@case("/status-line/http-0.9", "BadResponseError")
def _http_09(to: Visitor) -> None:
    to.send(feed() + b"\r\n\r\n")


@case("/status-line/icy", "BadResponseError")
def _icy(to: Visitor) -> None:
    to.send(b"ICY 200 OK\r\nicy-name: radio\r\n\r\n")


# Statuses

for _status, _expected in (
    ("204 No Content", "UnexpectedStatusError"),
    ("206 Partial Content", "UnexpectedStatusError"),
    ("300 Multiple Choices", "UnexpectedStatusError"),
    ("400 Bad Request", "UnexpectedStatusError"),
    ("401 Unauthorized", "AccessRefusedError"),
    ("403 Forbidden", "AccessRefusedError"),
    ("404 Not Found", "FeedNotFoundError"),
    ("410 Gone", "FeedGoneError"),
    ("451 Unavailable", "AccessRefusedError"),
    ("500 Internal Server Error", "ServerError"),
    ("502 Bad Gateway", "ServerError"),
    ("599 Whatever", "ServerError"),
    ("999 Request Denied", "ServerError"),
):
    plain(f"/status/{_status[:3]}", _expected, _status, body=b"" if _status[:3] == "204" else b"no")


@case("/status/410-behind-temporary", "FeedNotFoundError")
def _gone_behind_temporary(to: Visitor) -> None:
    to.redirect("/status/410", "302 Found")


@case("/status/410-behind-permanent", "FeedGoneError")
def _gone_behind_permanent(to: Visitor) -> None:
    to.redirect("/status/410", "301 Moved Permanently")


# Retry-After in every form, with the seconds it means. The dates are long past: 0 seconds.
RETRY_AFTER: dict[str, float | None] = {}
for _name, _value, _seconds in (
    ("seconds", "120", 120.0),
    ("zero", "0", 0.0),
    ("date", "Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
    ("date-rfc850", "Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
    ("date-asctime", "Sun Nov  6 08:49:37 1994", 0.0),
    ("far-date", "Fri, 31 Dec 9999 23:59:59 GMT", 7 * 86400.0),
    ("huge", "9" * 5000, 7 * 86400.0),
    ("negative", "-5", None),
    ("fraction", "1.5", None),
    ("garbage", "soon", None),
    ("bad-date", "Sun, 99 Nov 1994 08:49:37 GMT", None),
    ("empty", "", None),
):
    RETRY_AFTER[f"/429/{_name}"] = _seconds
    plain(f"/429/{_name}", "TooManyRequestsError", "429 Slow Down", f"Retry-After: {_value}")
RETRY_AFTER["/429/missing"] = None
plain("/429/missing", "TooManyRequestsError", "429 Too Many Requests")
RETRY_AFTER["/503/seconds"] = 60.0
plain("/503/seconds", "TooManyRequestsError", "503 Service Unavailable", "Retry-After: 60")
RETRY_AFTER["/503/missing"] = None
plain("/503/missing", "ServerError", "503 Service Unavailable")


# Conditional requests

plain("/304/unasked", "UnexpectedStatusError", "304 Not Modified", body=b"")


@case("/304/changed-etag", "ok", again="not_modified")
def _changed_etag(to: Visitor) -> None:
    if "if-none-match" in to.headers:
        return to.head(f"ETag: {NEW_ETAG}", status="304 Not Modified")
    return to.answer(feed(), f"ETag: {ETAG}")


@case("/200/same-etag", "ok", again="not_modified")
def _same_etag(to: Visitor) -> None:
    if "if-none-match" in to.headers:
        # The body never comes: who waits for it has not looked at the ETag.
        to.head(f"ETag: {ETAG}", "Content-Length: 100000")
        return to.hang()
    return to.answer(feed(), f"ETag: {ETAG}")


plain("/200/same-weak-etag", "ok", "200 OK", 'ETag: W/"v1"', body=feed(), again="ok")


# Documents: fetched well, and then


def nested(depth: int = 200_000) -> bytes:
    return b"<rss><channel>" + b"<a>" * depth + b"</a>" * depth + b"</channel></rss>"


def _with_dtd(declarations: str, title: str) -> bytes:
    return (
        f'<?xml version="1.0"?><!DOCTYPE rss [{declarations}]><rss version="2.0"><channel>'
        f"<title>{title}</title><item><guid>1</guid><title>{title}</title></item>"
        "</channel></rss>"
    ).encode()


def billion_laughs() -> bytes:
    laughs = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))
    return _with_dtd(f'<!ENTITY lol0 "lol">{laughs}', "&lol9;")


def quadratic_blowup() -> bytes:
    return _with_dtd(f'<!ENTITY a "{"a" * 50_000}">', "&a;" * 50_000)


HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Hello<br></body></html>"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n%%EOF\n"

document("/parse/html", lambda: HTML, "NotAFeedError", "text/html")
document("/parse/pdf", lambda: PDF, "NotAFeedError", "application/pdf")
document("/parse/empty", lambda: b"", "NotAFeedError")
document("/parse/nested", nested, "FeedTooComplexError")
document("/parse/billion-laughs", billion_laughs, "bounded")
document("/parse/quadratic", quadratic_blowup, "bounded")
document(
    "/parse/external-file",
    lambda: _with_dtd('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;"),
    "bounded",
)
document("/parse/nul", lambda: feed().replace(b"quiet", b"qui\x00et"), "bounded")
document("/parse/nul-only", lambda: bytes(10_000), "NotAFeedError")


@case("/parse/external-http", "ok", parsed="bounded")
def _external_http(to: Visitor) -> None:
    secret = to.origin.url("/secret")
    to.answer(_with_dtd(f'<!ENTITY x SYSTEM "{secret}">', "&x;"), "Content-Type: text/xml")


# What /parse/external-http points at: a request for it shows a parser that fetches.
ROUTES["/secret"] = lambda to: to.answer(b"secret")


class HostileOrigin:
    """Serves the kit on 127.0.0.1, a thread for each visitor, until the `with` block ends.

    Attributes:
        port: the port it listens on; a free one unless given.
        requests: path and headers (names in lower case) of every request, in order.
        closing: set when it ends; every slow route listens to it.
    """

    def __init__(self, port: int = 0) -> None:
        self.closing = threading.Event()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._wanted_port = port

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self._wanted_port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        # A blocked accept only wakes up for a visitor.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._accepting.join()
        self._listener.close()
        until = time.monotonic() + 5
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    @property
    def allow(self) -> str:
        """The allow-list entry that opens exactly this origin."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _accept(self) -> None:
        while not self.closing.is_set():
            connection, _ = self._listener.accept()
            # A visitor who stops reading must not hold a thread beyond the end.
            connection.settimeout(30)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads = [old for old in self._threads if old.is_alive()]
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        visitor = Visitor(connection, self)
        try:
            if self._read_request(visitor):
                route = ROUTES.get(visitor.path.partition("?")[0], _not_found)
                route(visitor)
                _finish(connection)
        except _Closed:
            pass
        finally:
            connection.close()

    def _read_request(self, visitor: Visitor) -> bool:
        raw = b""
        while b"\r\n\r\n" not in raw:
            try:
                data = visitor.connection.recv(65536)
            except OSError:
                return False
            if not data:
                return False
            raw += data
        request_line, *lines = raw.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        visitor.path = request_line.split(" ")[1]
        pairs: Iterator[tuple[str, str, str]] = (line.partition(":") for line in lines)
        visitor.headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.requests.append((visitor.path, visitor.headers))
        return True


def _not_found(to: Visitor) -> None:
    to.answer(b"no such case", status="404 Not Found")


def _finish(connection: socket.socket) -> None:
    """Close without a reset, which unread input would cause."""
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        return
