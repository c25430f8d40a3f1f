"""Every bad habit of the hostile origin ends inside the budget, under its name, and alone."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tallycast.feeds.fetching import (
    FetchError,
    FetchRequest,
    FetchResult,
    FetchSettings,
    FetchTimeoutError,
    TlsFailedError,
    fetch,
)
from tests.support.hostile import (
    CASES,
    CONDITIONAL_CASES,
    ETAG,
    LIMIT,
    NEW_ETAG,
    PARSE_CASES,
    RETRY_AFTER,
    ROUTES,
    HostileOrigin,
    bomb,
    feed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLOW_SECONDS = 1.0
DEADLINE_SECONDS = 15.0
# The promise: a fetch is over by its deadline, give or take what a busy machine adds.
GRACE_SECONDS = 1.0
MEBIBYTE = 1024 * 1024

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def origin() -> Iterator[HostileOrigin]:
    with HostileOrigin() as running:
        yield running


def settings_for(origin: HostileOrigin, path: str) -> FetchSettings:
    is_slow = CASES[path] == "FetchTimeoutError"
    return FetchSettings(
        allow=(origin.allow,), deadline_seconds=SLOW_SECONDS if is_slow else DEADLINE_SECONDS
    )


def ending(
    origin: HostileOrigin, path: str, request: FetchRequest | None = None
) -> tuple[str, FetchResult | FetchError]:
    """How a fetch ends, in the words of `CASES`; checks that it keeps to its budget."""
    settings = settings_for(origin, path)
    start = time.monotonic()
    outcome: FetchResult | FetchError
    try:
        outcome = fetch(request or FetchRequest(origin.url(path)), settings=settings)
    except FetchError as error:
        outcome = error
    elapsed = time.monotonic() - start
    assert elapsed < settings.deadline_seconds + GRACE_SECONDS
    if isinstance(outcome, FetchError):
        assert outcome.url == origin.url(path)
        assert outcome.message.isprintable()
        return outcome.code, outcome
    return "ok" if outcome.kind == "fetched" else outcome.kind, outcome


@pytest.mark.parametrize("path", CASES)
def test_each_habit_ends_inside_its_budget_under_its_name(origin, path):
    assert ending(origin, path)[0] == CASES[path]


@pytest.mark.parametrize("path", CONDITIONAL_CASES)
def test_a_second_fetch_with_validators_ends_as_it_must(origin, path):
    first = fetch(FetchRequest(origin.url(path)), settings=settings_for(origin, path))
    again = FetchRequest(origin.url(path), first.etag, first.last_modified, first.final_url)
    assert ending(origin, path, again)[0] == CONDITIONAL_CASES[path]


def test_a_304_with_a_changed_etag_brings_the_new_one(origin):
    request = FetchRequest(origin.url("/304/changed-etag"), etag=ETAG)
    result = fetch(request, settings=settings_for(origin, "/304/changed-etag"))
    assert (result.kind, result.etag) == ("not_modified", NEW_ETAG)


@pytest.mark.parametrize(("path", "seconds"), RETRY_AFTER.items())
def test_retry_after_is_heard_in_every_form(origin, path, seconds):
    _, error = ending(origin, path)
    assert isinstance(error, FetchError)
    assert error.retry_after == seconds


@pytest.mark.parametrize("path", ["/size/limit", "/size/limit-gzip"])
def test_a_document_of_exactly_the_limit_comes_whole(origin, path):
    _, result = ending(origin, path)
    assert isinstance(result, FetchResult)
    assert len(result.body) == LIMIT


def test_a_body_is_as_long_as_its_announced_length(origin):
    _, result = ending(origin, "/length/shorter")
    assert isinstance(result, FetchResult)
    assert result.body == feed()[:-10]


@pytest.mark.parametrize("path", [path for path in CASES if path.startswith("/bomb/")])
def test_a_bomb_is_never_unpacked_in_memory(origin, path):
    # Made beforehand, so that only the fetch is measured: the origin shares our memory.
    for window_bits in (31, 15, -15):
        bomb(window_bits)
    tracemalloc.start()
    try:
        ending(origin, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * MEBIBYTE


def test_neighbours_in_the_batch_are_unharmed(origin):
    bad = [path for path in CASES if path.startswith(("/drip", "/endless", "/reset", "/redirect"))]
    settings = FetchSettings(allow=(origin.allow,), deadline_seconds=DEADLINE_SECONDS)
    impatient = FetchSettings(allow=(origin.allow,), deadline_seconds=SLOW_SECONDS)

    def visit(path: str) -> bytes | None:
        is_good = path == "/ok"
        try:
            return fetch(
                FetchRequest(origin.url(path)),
                settings=settings if is_good else impatient,
            ).body
        except FetchError:
            return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(visit, [path for each in bad for path in (each, "/ok")]))
    assert outcomes[1::2] == [feed()] * len(bad)


def test_every_case_is_served():
    assert set(CASES) <= set(ROUTES)
    assert set(PARSE_CASES) | set(CONDITIONAL_CASES) <= set(CASES)


@pytest.mark.parametrize("path", PARSE_CASES)
def test_each_document_is_parsed_or_refused_by_name(origin, path):
    parsing = pytest.importorskip("tallycast.feeds.parsing", reason="no parser here yet")
    if not hasattr(parsing, "parse"):
        pytest.skip("no parser here yet")
    from tallycast.kernel.errors import TallycastError

    result = fetch(FetchRequest(origin.url(path)), settings=settings_for(origin, path))
    before = len(origin.requests)
    try:
        parsed = parsing.parse(result.body)
    except TallycastError as error:
        ended = error.code
    else:
        ended = "ok"
        # A bounded show, whatever the entities say, and nothing of this machine's in it.
        assert len(repr(parsed)) < MEBIBYTE
        assert "root:" not in repr(parsed)
        assert "secret" not in repr(parsed.show.title)
    assert len(origin.requests) == before
    if PARSE_CASES[path] == "bounded":
        assert ended in {"ok", "NotAFeedError", "FeedTooComplexError"}
    else:
        assert ended == PARSE_CASES[path]


# TLS


def certificate(folder: Path, name: str, issuer: str) -> Path:
    """A self-signed certificate for `name` (a host name or an IP address), with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{issuer}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextmanager
def tls_origin(pem: Path) -> Iterator[tuple[int, list[str | None]]]:
    """Serves the blameless feed over TLS; yields its port and the server names asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            if closing.is_set():
                connection.close()
                return
            connection.settimeout(10)
            try:
                with context.wrap_socket(connection, server_side=True) as stream:
                    stream.recv(65536)
                    body = feed()
                    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                    stream.sendall(body)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    try:
        yield port, names
    finally:
        closing.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join(10)
        listener.close()


def fetch_over_tls(port: int, ca_file: Path | None, host: str = "feeds.example.org") -> FetchResult:
    return fetch(
        FetchRequest(f"https://{host}:{port}/feed.xml"),
        settings=FetchSettings(
            allow=(f"127.0.0.1:{port}",), ca_file=str(ca_file) if ca_file else None
        ),
        resolver=lambda _host, _port: ["127.0.0.1"],
    )


def test_the_certificate_is_checked_for_the_name_though_the_connection_goes_to_an_address(tmp_path):
    good = certificate(tmp_path, "feeds.example.org", "good")
    with tls_origin(good) as (port, names):
        assert fetch_over_tls(port, good).body == feed()
        assert names == ["feeds.example.org"]


@pytest.mark.parametrize("name", ["other.example.org", "127.0.0.1"])
def test_a_certificate_for_another_name_or_for_the_bare_address_is_refused(tmp_path, name):
    other = certificate(tmp_path, name, "other")
    with tls_origin(other) as (port, _), pytest.raises(TlsFailedError, match="certificate"):
        fetch_over_tls(port, other)


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path):
    unknown = certificate(tmp_path, "feeds.example.org", "unknown")
    with tls_origin(unknown) as (port, _), pytest.raises(TlsFailedError, match="certificate"):
        fetch_over_tls(port, None)


def test_a_host_that_speaks_no_tls_is_refused(origin):
    request = FetchRequest(origin.url("/ok").replace("http:", "https:"))
    with pytest.raises(FetchError) as caught:
        fetch(request, settings=FetchSettings(allow=(origin.allow,), deadline_seconds=SLOW_SECONDS))
    assert caught.value.code in {"TlsFailedError", "ConnectionFailedError", "FetchTimeoutError"}


def test_a_handshake_that_never_ends_is_cut():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        request = FetchRequest(f"https://127.0.0.1:{port}/")
        settings = FetchSettings(allow=(f"127.0.0.1:{port}",), deadline_seconds=0.3)
        with pytest.raises(FetchTimeoutError, match="TLS"):
            fetch(request, settings=settings)
