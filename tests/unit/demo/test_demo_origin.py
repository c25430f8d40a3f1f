from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tallycast.demo.habits import Habit, Phase
from tallycast.demo.origin import DemoOrigin, NoMorePhasesError
from tallycast.demo.shows import generate_shows
from tallycast.demo.truth import truth_of
from tests.unit.demo.reference_poller import ReferencePoller

pytestmark = pytest.mark.enable_socket

SHOWS = generate_shows(1, episodes=(3, 6))


@pytest.fixture
def origin():
    with DemoOrigin(SHOWS, slow_seconds=0.0) as started:
        yield started


@pytest.fixture
def connection(origin):
    with closing(HTTPConnection("127.0.0.1", origin.port, timeout=10)) as opened:
        yield opened


def get(connection, path, headers=None, method="GET"):
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    names = {name.lower(): value for name, value in response.getheaders()}
    return response.status, names, response.read()


def path_of(habit):
    return f"/{next(show.slug for show in SHOWS if show.habit is habit)}/feed.xml"


def test_a_304_comes_over_a_connection_that_stays_open(connection):
    path = path_of(Habit.STRONG_ETAG)
    status, headers, body = get(connection, path)
    assert (status, headers["content-length"]) == (200, str(len(body)))
    used = connection.sock
    assert get(connection, path, {"If-None-Match": headers["etag"]})[::2] == (304, b"")
    assert get(connection, path)[::2] == (200, body)
    assert connection.sock is used


def test_every_show_is_served_at_the_address_that_it_is_registered_under(origin, connection):
    for show in SHOWS:
        assert origin.url(show.slug) == f"{origin.base_url}/{show.slug}/feed.xml"
        status = get(connection, f"/{show.slug}/feed.xml")[0]
        assert status == (302 if show.habit is Habit.TEMPORARY_REDIRECT else 200)


@pytest.mark.parametrize("path", ["/", "/nobody/feed.xml", "//", "/%00/feed.xml", "/..//feed.xml"])
def test_an_unknown_show_is_not_found(connection, path):
    assert get(connection, path)[0] == 404


@pytest.mark.parametrize("query", ["page=2", "page=-1", "page=x", "page=" + "9" * 5000])
def test_a_page_that_does_not_exist_is_not_found(connection, query):
    assert get(connection, f"{path_of(Habit.STRONG_ETAG)}?{query}")[0] == 404


def test_head_gives_the_headers_of_get_without_the_body(connection):
    path = path_of(Habit.STRONG_ETAG)
    headers = get(connection, path)[1]
    status, alike, body = get(connection, path, method="HEAD")
    assert (status, body) == (200, b"")
    assert alike["etag"] == headers["etag"]
    assert alike["content-length"] == headers["content-length"]


def test_every_request_is_recorded_with_what_it_asked_and_got(origin, connection):
    path = path_of(Habit.STRONG_ETAG)
    _, headers, body = get(connection, path, {"User-Agent": "probe/1"})
    get(connection, path, {"If-None-Match": headers["etag"]})
    origin.advance()
    get(connection, "/nobody/feed.xml")
    first, second, third = origin.requests()
    assert (first.path, first.status, first.conditional) == (path, 200, False)
    assert (first.user_agent, first.sent, first.phase) == ("probe/1", len(body), Phase.REGISTRATION)
    assert (second.status, second.conditional, second.sent) == (304, True, 0)
    assert (third.slug, third.status, third.phase) == (None, 404, Phase.FIRST_TICK)


def test_phases_follow_each_other_and_end(origin):
    assert origin.phase is Phase.REGISTRATION
    assert [origin.advance() for _ in range(3)] == [*Phase][1:]
    with pytest.raises(NoMorePhasesError) as caught:
        origin.advance()
    assert caught.value.facts == {"phase": "THIRD_TICK"}


def test_no_request_is_lost_when_many_come_at_once(origin):
    def fetch(number):
        with closing(HTTPConnection("127.0.0.1", origin.port, timeout=10)) as connection:
            return get(connection, path_of(Habit.HEAD_CHURN))[2]

    with ThreadPoolExecutor(16) as pool:
        bodies = [*pool.map(fetch, range(64))]
    assert len(origin.requests()) == 64
    assert len(set(bodies)) == 64, "each build date is given out once"


def test_leaving_frees_the_port_even_with_an_idle_connection_open():
    with DemoOrigin(SHOWS) as origin:
        port = origin.port
        idle = HTTPConnection("127.0.0.1", port, timeout=10)
        get(idle, path_of(Habit.STRONG_ETAG))
    with closing(idle), pytest.raises(OSError):
        get(idle, path_of(Habit.STRONG_ETAG))
    with closing(socket.socket()) as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_client_that_leaves_in_the_middle_harms_nobody(origin, connection, capfd):
    for _ in range(3):
        with closing(socket.create_connection(("127.0.0.1", origin.port))) as rude:
            rude.sendall(b"GET /x HT")
    assert get(connection, path_of(Habit.STRONG_ETAG))[0] == 200
    assert capfd.readouterr().err == ""


def test_a_plain_poller_over_http_reports_the_truth_in_every_phase(origin, connection):
    truth = truth_of(SHOWS)
    pollers = {
        show.slug: ReferencePoller(
            lambda path, headers: get(connection, path, headers), f"/{show.slug}/feed.xml"
        )
        for show in SHOWS
    }
    for phase in (Phase.FIRST_TICK, Phase.SECOND_TICK, Phase.THIRD_TICK):
        origin.advance() if origin.phase < phase else None
        for expected in truth.of(phase):
            report = pollers[expected.slug].poll()
            assert (report.kind, len(report.published)) == (expected.kind, expected.new)
            assert (report.updated, report.gone) == (expected.updated, expected.gone)
