"""A whole fetch over scripted connections: redirects, validators, pinning, the deadline."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpcore
import pytest

from tallycast.feeds.fetching import (
    BadUrlError,
    BlockedAddressError,
    ConnectionFailedError,
    FeedGoneError,
    FeedNotFoundError,
    FetchError,
    FetchRequest,
    FetchResult,
    FetchSettings,
    FetchTimeoutError,
    NameLookupFailedError,
    NameNotFoundError,
    PushLinks,
    Redirect,
    RedirectLoopError,
    TooManyRequestsError,
    UnexpectedStatusError,
    fetch,
)
from tallycast.kernel.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FEED = b"<rss/>"
PUBLIC = "93.184.215.14"
URL = "https://feeds.example.org/show.xml"


def answer(*fields: str, status: str = "200 OK", body: bytes = FEED) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def moved(location: str, status: str = "301 Moved Permanently") -> bytes:
    return answer(f"Location: {location}", status=status, body=b"")


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@dataclass
class Stream(httpcore.NetworkStream):
    network: Network
    data: bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.network.waits.append(timeout)
        self.network.clock.time += self.network.seconds_per_read
        taken, self.data = self.data[:max_bytes], self.data[max_bytes:]
        return taken

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.network.asked[-1] += buffer

    def close(self) -> None:
        self.network.closed += 1

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        self.network.server_names.append(server_hostname)
        return self


@dataclass
class Network(httpcore.NetworkBackend):
    """Answers connections with a script, and remembers where they went and what was asked."""

    answers: list[bytes | Exception]
    clock: Clock = field(default_factory=Clock)
    seconds_per_read: float = 0.0
    connected: list[tuple[str, int]] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    waits: list[float | None] = field(default_factory=list)
    closed: int = 0

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.connected.append((host, port))
        self.waits.append(timeout)
        script = self.answers.pop(0)
        if isinstance(script, Exception):
            raise script
        self.asked.append(b"")
        return Stream(self, script)

    def asked_field(self, name: str) -> list[str | None]:
        """The value of one request header in each request."""
        found = []
        for raw in self.asked:
            lines = raw.decode("latin-1").split("\r\n")
            values = [line.partition(": ")[2] for line in lines if line.startswith(f"{name}: ")]
            found.append(values[0] if values else None)
        return found


class Names:
    """A name service that answers from a list, one answer per question."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


def fetched(
    *answers: bytes | Exception,
    url: str = URL,
    names: Callable[[str, int], Sequence[str]] | None = None,
    network: Network | None = None,
    settings: FetchSettings | None = None,
    gate=None,
    **request: str | None,
) -> FetchResult:
    network = network or Network(list(answers))
    return fetch(
        FetchRequest(url, **request),
        settings=settings or FetchSettings(),
        clock=network.clock,
        now=lambda: NOW,
        resolver=names or Names([PUBLIC]),
        **({"gate": gate} if gate else {}),
        network=network,
    )


# What comes back


def test_a_fetch_brings_the_document_and_what_to_remember():
    result = fetched(
        answer(
            'ETag: W/"a,b"',
            "Last-Modified: Tue, 03 Mar 2026 05:06:07 GMT",
            "Content-Type: application/rss+xml; charset=utf-8",
            "Cache-Control: max-age=900",
            'Link: <https://hub.example/>; rel="hub"',
        )
    )
    assert (result.kind, result.body, result.http_status) == ("fetched", FEED, 200)
    assert result.etag == 'W/"a,b"'
    assert result.last_modified == "Tue, 03 Mar 2026 05:06:07 GMT"
    assert result.content_type == "application/rss+xml; charset=utf-8"
    assert result.max_age_seconds == 900
    assert result.links == PushLinks(("https://hub.example/",))
    assert (result.final_url, result.permanent_url, result.redirects) == (URL, None, ())
    assert result.wire_bytes > len(FEED)


def test_the_request_says_honestly_who_asks():
    network = Network([answer()])
    fetched(network=network, settings=FetchSettings(contact_url="https://tallycast.example/bot"))
    (agent,) = network.asked_field("User-Agent")
    assert agent is not None
    assert agent.startswith("Tallycast/")
    assert "(+https://tallycast.example/bot; podcast feed poller)" in agent
    assert network.asked_field("Accept-Encoding") == ["gzip, deflate"]
    assert network.asked_field("Host") == ["feeds.example.org"]


def test_proxies_in_the_environment_are_ignored(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://10.0.0.9:3128")
    network = Network([answer()])
    fetched(network=network)
    assert network.connected == [(PUBLIC, 443)]


def test_every_connection_is_closed():
    network = Network([moved("/new.xml"), answer()])
    fetched(network=network)
    assert network.closed == 2


# Validators


def test_validators_are_sent_verbatim_and_never_invented():
    network = Network([answer(), answer()])
    fetched(network=network, etag='W/"é"', last_modified="yesterday, I think")
    fetched(network=network)
    assert network.asked_field("If-None-Match") == ['W/"é"', None]
    assert network.asked_field("If-Modified-Since") == ["yesterday, I think", None]


def test_a_validator_that_would_break_the_request_is_not_sent():
    network = Network([answer()])
    assert fetched(network=network, etag='"a"\r\nX-Evil: yes').kind == "fetched"
    assert b"Evil" not in network.asked[0]


def test_a_304_keeps_the_validators():
    result = fetched(answer(status="304 Not Modified", body=b""), etag='"a"', last_modified="x")
    assert (result.kind, result.reason, result.body) == ("not_modified", "status_304", b"")
    assert (result.etag, result.last_modified) == ('"a"', "x")


def test_a_304_may_bring_a_new_etag():
    result = fetched(answer('ETag: "b"', status="304 Not Modified", body=b""), etag='"a"')
    assert (result.kind, result.etag) == ("not_modified", '"b"')


def test_a_304_that_nobody_asked_for_is_an_error():
    with pytest.raises(UnexpectedStatusError):
        fetched(answer(status="304 Not Modified", body=b""))


def test_a_200_with_the_same_strong_etag_is_not_modified_and_its_body_not_read():
    head = b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 1000000\r\n\r\n'
    result = fetched(head, etag='"a"')
    assert (result.kind, result.reason, result.body) == ("not_modified", "same_etag", b"")


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({"etag": 'W/"a"'}, ['ETag: W/"a"']),
        ({"etag": '"a"'}, ['ETag: "b"']),
        ({"etag": '"a"'}, []),
        ({"etag": '"a"', "last_modified": "x"}, ['ETag: "a"', "Last-Modified: y"]),
        ({"last_modified": "x"}, ["Last-Modified: x"]),
    ],
)
def test_a_200_that_may_differ_is_read(sent, fields):
    result = fetched(answer(*fields), **sent)
    assert (result.kind, result.body) == ("fetched", FEED)


def test_validators_go_only_to_the_address_they_came_from_when_that_is_known():
    network = Network([moved("https://new.example/feed", "302 Found"), answer()])
    fetched(network=network, etag='"a"', validators_url="https://new.example/feed")
    assert network.asked_field("If-None-Match") == [None, '"a"']


def test_a_new_host_cannot_say_not_modified_about_the_old_hosts_document():
    network = Network([moved("https://new.example/feed"), answer(status="304 X", body=b"")])
    with pytest.raises(UnexpectedStatusError):
        fetched(network=network, last_modified="x", validators_url=URL)


# Redirects

A, B, C = (f"https://{host}.example/feed" for host in "abc")
PERMANENT, TEMPORARY = "308 Permanent Redirect", "307 Temporary Redirect"


@pytest.mark.parametrize(
    ("hops", "permanent"),
    [
        ([(A, PERMANENT)], A),
        ([(A, "301 Moved"), (B, PERMANENT)], B),
        ([(A, PERMANENT), (B, TEMPORARY)], A),
        ([(A, PERMANENT), (B, TEMPORARY), (C, PERMANENT)], A),
        ([(A, TEMPORARY)], None),
        ([(A, "302 Found"), (B, PERMANENT)], None),
        ([(A, "303 See Other")], None),
        ([("http://a.example/feed", PERMANENT)], None),
        ([("http://a.example/feed", PERMANENT), (B, PERMANENT)], None),
    ],
)
def test_only_an_unbroken_chain_of_permanent_moves_is_remembered(hops, permanent):
    result = fetched(*(moved(url, status) for url, status in hops), answer())
    assert result.permanent_url == permanent
    assert result.final_url == hops[-1][0]
    assert result.redirects == tuple(Redirect(int(status[:3]), url) for url, status in hops)


def test_a_move_from_http_to_https_is_remembered():
    assert fetched(moved(URL), answer(), url=URL.replace("https", "http")).permanent_url == URL


def test_a_not_modified_answer_reports_the_move_too():
    result = fetched(moved(A), answer(status="304 Not Modified", body=b""), etag='"a"')
    assert (result.kind, result.permanent_url) == ("not_modified", A)


def test_a_loop_is_seen_however_it_is_written():
    with pytest.raises(RedirectLoopError):
        fetched(moved(A), moved("HTTPS://FEEDS.example.org:443/show.xml#again"))


def test_gone_behind_a_temporary_redirect_retires_nothing():
    gone = answer(status="410 Gone", body=b"")
    with pytest.raises(FeedGoneError):
        fetched(moved(A), gone)
    with pytest.raises(FeedNotFoundError):
        fetched(moved(A, TEMPORARY), gone)


def test_an_error_says_where_and_when():
    network = Network([moved(A), answer("Retry-After: 60", status="503 Busy", body=b"")])
    network.seconds_per_read = 0.5
    with pytest.raises(TooManyRequestsError) as caught:
        fetched(network=network)
    error = caught.value
    assert (error.url, error.failed_url, error.host) == (URL, A, "a.example")
    assert (error.http_status, error.retry_after) == (503, 60.0)
    assert error.elapsed_seconds == 1.0
    assert str(error).startswith("a.example: ")
    assert error.facts["url"] == URL


@pytest.mark.parametrize(
    ("status", "name", "retryable"),
    [
        ("408 Timeout", "ServerError", True),
        ("500 Oops", "ServerError", True),
        ("503 Busy", "ServerError", True),
        ("429 Slow", "TooManyRequestsError", True),
        ("401 No", "AccessRefusedError", False),
        ("404 No", "FeedNotFoundError", False),
        ("410 No", "FeedGoneError", False),
        ("418 Teapot", "UnexpectedStatusError", False),
    ],
)
def test_a_status_has_a_name_and_is_worth_another_try_or_not(status, name, retryable):
    with pytest.raises(FetchError) as caught:
        fetched(answer(status=status, body=b""))
    assert caught.value.code == name
    assert isinstance(caught.value, RetryableError) is retryable
    assert isinstance(caught.value, PermanentError) is not retryable


# The guard


def test_the_connection_goes_to_the_address_that_was_checked_and_tls_to_the_name():
    names = Names([PUBLIC], ["127.0.0.1"])
    network = Network([answer()])
    fetched(network=network, names=names)
    assert names.asked == ["feeds.example.org"]
    assert network.connected == [(PUBLIC, 443)]
    assert network.server_names == ["feeds.example.org"]


def test_a_name_that_turns_inside_between_two_hops_is_refused_at_the_second():
    names = Names([PUBLIC], ["169.254.169.254"])
    network = Network([moved("/elsewhere.xml"), answer()])
    with pytest.raises(BlockedAddressError):
        fetched(network=network, names=names)
    assert names.asked == ["feeds.example.org", "feeds.example.org"]
    assert network.connected == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        [PUBLIC, "::1"],
        ["::ffff:93.184.215.14"],
        ["fe80::1%eth0"],
        ["what"],
    ],
)
def test_a_name_with_any_address_inside_is_refused_before_connecting(answers):
    network = Network([answer()])
    with pytest.raises(BlockedAddressError) as caught:
        fetched(network=network, names=Names(answers))
    assert network.connected == []
    assert "10.0.0.1" not in str(caught.value)


def test_the_next_address_is_tried_when_one_does_not_connect():
    network = Network([httpcore.ConnectError("refused"), httpcore.ConnectTimeout("?"), answer()])
    result = fetched(network=network, names=Names(["2606:4700::1", PUBLIC, "1.1.1.1"]))
    assert result.kind == "fetched"
    assert [host for host, _ in network.connected] == ["2606:4700::1", PUBLIC, "1.1.1.1"]


def test_a_host_that_takes_no_connection_has_a_name_for_it():
    with pytest.raises(ConnectionFailedError):
        fetched(httpcore.ConnectError("refused"))
    with pytest.raises(FetchTimeoutError):
        fetched(httpcore.ConnectTimeout("slow"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), NameNotFoundError),
        (socket.gaierror(socket.EAI_AGAIN, "x"), NameLookupFailedError),
        (OSError("x"), NameLookupFailedError),
        ([], NameNotFoundError),
    ],
)
def test_a_name_that_does_not_resolve_says_how(error, kind):
    with pytest.raises(kind):
        fetched(answer(), names=Names(error))


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://127.0.0.1:8091/", "127.0.0.1:8091"),
        ("http://2130706433:8091/", "127.0.0.1:8091"),
        ("http://127.9.9.9:1/", "127.0.0.0/8:*"),
        ("http://[::1]:8091/", "[::1]:8091"),
        ("http://localhost:8091/", "localhost:8091"),
        ("http://LOCALHOST:8091/", "Localhost:*"),
        ("http://loop.example:8091/", "127.0.0.1:8091"),
    ],
)
def test_the_allow_list_opens_exactly_what_it_names(url, allow):
    names = Names(["127.0.0.1"])
    assert fetched(answer(), url=url, names=names, settings=FetchSettings(allow=(allow,))).body


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://127.0.0.1:8092/", "127.0.0.1:8091"),
        ("http://127.0.0.1/", "127.0.0.1:8091"),
        ("http://127.0.0.2:8091/", "127.0.0.1:8091"),
        ("http://[::1]:8091/", "127.0.0.1:8091"),
        ("http://[::ffff:127.0.0.1]:8091/", "127.0.0.1:8091"),
        ("http://evil.example:8091/", "localhost:8091"),
        ("http://93.184.215.14:8091/", "127.0.0.1:8091"),
        ("http://169.254.169.254/", "0.0.0.0/0:*"),
        ("http://[fd00:ec2::254]/", "::/0:*"),
    ],
)
def test_the_allow_list_opens_nothing_else(url, allow):
    network = Network([answer()])
    with pytest.raises(BlockedAddressError):
        fetched(
            network=network,
            url=url,
            names=Names(["127.0.0.1"]),
            settings=FetchSettings(allow=(allow,)),
        )
    assert network.connected == []


def test_a_redirect_to_a_port_not_on_the_list_is_refused():
    network = Network([moved("http://127.0.0.1:9000/admin"), answer()])
    with pytest.raises(BlockedAddressError):
        fetched(
            network=network,
            url="http://127.0.0.1:8091/",
            settings=FetchSettings(allow=("127.0.0.1:8091",)),
        )
    assert network.connected == [("127.0.0.1", 8091)]


@pytest.mark.parametrize("allow", ["127.0.0.1", "", ":80", "127.0.0.0/33:*", "x/y:1", "a:b"])
def test_an_allow_list_entry_that_cannot_be_read_is_an_error_at_once(allow):
    with pytest.raises(ValueError, match="not a"):
        FetchSettings(allow=(allow,))


def test_an_address_that_is_none_is_refused_before_anything_happens():
    names = Names([PUBLIC])
    with pytest.raises(BadUrlError):
        fetched(answer(), url="http://user@example.org/", names=names)
    assert names.asked == []


# The deadline


def test_each_read_waits_no_longer_than_the_whole_fetch_may_still_take():
    network = Network([b"HTTP/1.1 200 OK\r\n\r\n" + bytes(10**7)], seconds_per_read=4.0)
    with pytest.raises(FetchTimeoutError):
        fetched(network=network, settings=FetchSettings(deadline_seconds=10.0))
    connecting, *reading = network.waits
    assert connecting == 5.0
    assert reading == [10.0, 6.0, 2.0]


def test_the_deadline_counts_over_all_redirects():
    network = Network([moved(f"/{n}") for n in range(6)], seconds_per_read=3.0)
    with pytest.raises(FetchTimeoutError) as caught:
        fetched(network=network, settings=FetchSettings(deadline_seconds=10.0))
    assert len(network.connected) == 4
    assert caught.value.elapsed_seconds == 12.0


def test_a_name_service_that_hangs_is_left_behind():
    released = threading.Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        released.wait(30)
        return [PUBLIC]

    try:
        with pytest.raises(FetchTimeoutError, match="looking up the name"):
            fetch(
                FetchRequest(URL),
                settings=FetchSettings(deadline_seconds=0.05),
                resolver=hanging,
                network=Network([answer()]),
            )
        assert not released.is_set()
    finally:
        released.set()


def test_a_redirect_leaves_one_host_before_it_enters_the_next():
    path = []

    @contextmanager
    def gate(host):
        path.append(f"in {host}")
        yield
        path.append(f"out {host}")

    assert fetched(moved("/a"), moved(A), answer(), gate=gate).kind == "fetched"
    home = ["in feeds.example.org", "out feeds.example.org"]
    assert path == [*home, *home, "in a.example", "out a.example"]


def test_a_gate_that_lets_nobody_in_stops_the_fetch_before_it_connects():
    def closed(host):
        raise KeyError(host)

    network = Network([answer()])
    with pytest.raises(KeyError):
        fetch(
            FetchRequest(URL),
            settings=FetchSettings(),
            resolver=Names([PUBLIC]),
            gate=closed,
            network=network,
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline_seconds": 0},
        {"connect_timeout_seconds": -1},
        {"max_bytes": 0},
        {"max_redirects": -1},
        {"contact_url": "https://x.example/\r\nX-Evil: 1"},
        {"contact_url": "https://x.example/ (hi)"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        FetchSettings(**wrong)
