"""Requests through the prefix, against a redirect that is sometimes wrong."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.demo.redirect import Redirect
from tallycast.demo.traffic.live import Hit

pytestmark = pytest.mark.enable_socket

HOST = "url-id.lambda-url.eu-west-1.on.aws"
PREFIXES = {"show_1": "/e/shk_1/"}
ENCLOSURES = {
    f"https://media.example.com/{n}.mp3": f"op3.dev/e/media.example.com/{n}.mp3" for n in range(9)
}


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        away = self.path.removeprefix("/e/shk_1/https/")
        status = 404 if away.endswith("/7.mp3") else 302
        host = "https://elsewhere.example/" if away.endswith("/8.mp3") else "https://"
        self.send_response(status)
        self.send_header("location", f"{host}{away}")
        self.send_header("content-length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    running.daemon_threads = True
    running.seen = []
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def a_hit(number, method="GET", **headers):
    return Hit(
        datetime(2026, 11, 2, tzinfo=UTC), method, f"https://media.example.com/{number}.mp3",
        "show_1", headers, "8.8.8.8",
    )  # fmt: skip


def test_each_request_comes_as_from_its_viewer_and_is_led_to_the_feeds_own_address(server):
    redirect = Redirect(f"http://127.0.0.1:{server.server_port}", HOST, "secret")
    hits = [a_hit(0, **{"user-agent": "Grüße/1", "range": "bytes=0-1"}), a_hit(1, "HEAD"), a_hit(2)]
    assert redirect.send(hits, PREFIXES, ENCLOSURES) == []
    assert sorted((method, path) for method, path, _ in server.seen) == [
        ("GET", "/e/shk_1/https/op3.dev/e/media.example.com/0.mp3"),
        ("GET", "/e/shk_1/https/op3.dev/e/media.example.com/2.mp3"),
        ("HEAD", "/e/shk_1/https/op3.dev/e/media.example.com/1.mp3"),
    ]
    [first] = [headers for _, path, headers in server.seen if path.endswith("/0.mp3")]
    assert (first["host"], first["x-tallycast-edge"]) == (HOST, "secret")
    assert first["cloudfront-viewer-address"].startswith("8.8.8.8:")
    assert first["cloudfront-viewer-asn"] == "15169"
    assert first["range"] == "bytes=0-1"
    assert first["user-agent"].encode("latin-1").decode() == "Grüße/1"


def test_a_wrong_status_and_a_wrong_place_are_told(server):
    redirect = Redirect(f"http://127.0.0.1:{server.server_port}", HOST, "secret")
    wrong = redirect.send([a_hit(n) for n in range(9)], PREFIXES, ENCLOSURES)
    assert sorted((one.wanted, one.answer.split()[0]) for one in wrong) == [
        ("https://op3.dev/e/media.example.com/7.mp3", "404"),
        ("https://op3.dev/e/media.example.com/8.mp3", "302"),
    ]


def test_nobody_there_is_told_and_not_raised(server):
    server.shutdown()
    server.server_close()
    redirect = Redirect(f"http://127.0.0.1:{server.server_port}", HOST, "secret")
    [wrong] = redirect.send([a_hit(0)], PREFIXES, ENCLOSURES)
    assert "refused" in wrong.answer.lower()
