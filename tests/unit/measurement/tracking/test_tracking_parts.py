"""The small parts: ranges, viewers, hosts of feeds, the cache, the month keys."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.privacy import KeyMissingError, KeyRing
from tallycast.measurement.tracking import directory as directory_module
from tallycast.measurement.tracking.directory import Directory, LookupFailedError
from tallycast.measurement.tracking.hashing import AddressHasher, ring_of
from tallycast.measurement.tracking.hit import NO_RANGE, asked_range, time_text
from tallycast.measurement.tracking.hosts import hosts_of
from tallycast.measurement.tracking.shows import Policy, show_of
from tallycast.measurement.tracking.viewer import Viewer, viewer
from tests.unit.measurement.tracking.builders import EDGE, KEY, Clock, a_policy, a_show

# ── ranges ──


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("bytes=0-1", (0, 1, None)),
        ("bytes=0-", (0, None, None)),
        ("bytes=500-999", (500, 999, None)),
        ("Bytes = 500 - 999", (500, 999, None)),
        ("bytes=-500", (-500, None, None)),
        ("bytes=0-1,500-999,-5", (0, 1, "500-999,-5")),
        ("bytes=0-1, 500-999", (0, 1, "500-999")),
        ("bytes=7-7", (7, 7, None)),
        ("bytes=9-7", NO_RANGE), ("bytes=-", NO_RANGE), ("bytes=", NO_RANGE), ("", NO_RANGE),
        ("bytes", NO_RANGE), ("items=0-1", NO_RANGE), ("bytes=a-b", NO_RANGE), ("bytes=5", NO_RANGE),
        ("bytes=1-x", NO_RANGE), ("bytes=x-1", NO_RANGE), ("bytes=-x", NO_RANGE),
        ("bytes=٣-٤", NO_RANGE), ("bytes=²-", NO_RANGE),
        ("bytes=99999999999999999999-", NO_RANGE),
    ],
)  # fmt: skip
def test_a_range_is_read_as_requests_have_it(header, read):
    assert asked_range(header) == read


@given(st.text(max_size=300))
def test_no_range_header_can_do_harm(header):
    start, end, _ = asked_range("bytes=" + header)
    assert start is None or -(2**63) < start < 2**63
    assert end is None or (start is not None and start <= end)


def test_times_have_one_width():
    assert time_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000Z"


# ── who asks ──


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("198.51.100.7:46532", "198.51.100.7"),
        ("2001:db8::1:46532", "2001:db8::1"),
        ("[2001:db8::1]:46532", "2001:db8::1"),
        ("", "203.0.113.9"),
    ],
)
def test_the_edge_says_the_viewers_address_with_a_port(sent, read):
    headers = {"x-tallycast-edge": EDGE.decode(), "cloudfront-viewer-address": sent}
    assert viewer(headers, "203.0.113.9", EDGE) == Viewer(read, None, None, None)


@pytest.mark.parametrize(
    ("asn", "read"),
    [("3320", 3320), ("0", None), ("-1", None), ("x", None), ("", None), ("2147483648", None),
     ("9" * 5000, None), ("٣", None), ("2147483647", 2147483647)],
)  # fmt: skip
def test_a_network_number_is_one_or_nothing(asn, read):
    headers = {"x-tallycast-edge": EDGE.decode(), "cloudfront-viewer-asn": asn}
    assert viewer(headers, "203.0.113.9", EDGE).asn == read


# ── hosts of feeds ──

OURS = f"https://track.example/e/{KEY}/https"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://audio.example.com/a.mp3", {"audio.example.com"}),
        ("HTTPS://Audio.Example.com:443/a.mp3", {"audio.example.com"}),
        ("http://127.0.0.1:8123/a.mp3", {"127.0.0.1:8123"}),
        ("https://münchen.example/a", {"xn--mnchen-3ya.example"}),
        ("https://dts.podtrac.com/redirect.mp3/chrt.fm/track/1/host.example/a.mp3?x=/evil.example/",
         {"dts.podtrac.com", "chrt.fm", "host.example"}),
        ("https://op3.dev/e/https://host.example/a.mp3", {"op3.dev", "host.example"}),
        ("https://op3.dev/e/host.example/a.mp3", {"op3.dev", "host.example"}),
        (
            "https://show.example/play/2/https%3A%2F%2Fhost.example%2Fa.m4a",
            {"show.example", "host.example"},
        ),
        ("https://any.example/x/https://dts.podtrac.com/redirect.mp3/host.example:8443/a.mp3",
         {"any.example", "dts.podtrac.com", "host.example:8443"}),
        (f"{OURS}/host.example/a.mp3", {"host.example"}),
        (f"{OURS}/~{'A' * 22}/host.example/a.mp3", {"host.example"}),
        (f"{OURS}/dts.podtrac.com/redirect.mp3/host.example/a.mp3",
         {"dts.podtrac.com", "host.example"}),
        (f"https://dts.podtrac.com/redirect.mp3/track.example/e/{KEY}/https/host.example/a.mp3",
         {"dts.podtrac.com", "host.example"}),
        (f"{OURS}/other.example/e/{KEY}/http/host.example/a.mp3", {"host.example"}),
        ("https://host.example", {"host.example"}),
        ("https://host.example/some.other.name/file.mp3", {"host.example"}),
        ("https://user:secret@host.example/a.mp3", set()),
        ("ftp://host.example/a", set()), ("host.example/a", set()), ("", set()),
        ("https://", set()), ("https:///a", set()), ("https://ho st/a", set()),
    ],
)  # fmt: skip
def test_a_feeds_enclosure_names_every_host_on_the_way(url, hosts):
    # The last host is also seen without its user info by what tells episodes apart.
    assert hosts_of(url) - ({"host.example"} if "@" in url else set()) == hosts


@given(st.text(max_size=200))
def test_no_enclosure_can_do_harm(url):
    for host in hosts_of("https://a.example/" + url) | hosts_of(url):
        assert host == host.lower()
        assert not set(host) & set("/@\\?# \r\n")


# ── the cache ──


class Table:
    def __init__(self):
        self.shows = {KEY: a_show()}
        self.policy = Policy()
        self.asked = []
        self.refuses = False

    def __call__(self, key):
        self.asked.append(key)
        if self.refuses:
            raise TimeoutError
        return self.shows.get(key), self.policy


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def failures():
    return []


@pytest.fixture
def shows(table, clock, failures):
    return Directory(table, clock, failures.append)


def test_a_show_is_looked_up_once_a_minute(shows, table, clock):
    for _ in range(100):
        assert shows.find(KEY) is table.shows[KEY]
    clock.now += 59.9
    shows.find(KEY)
    assert len(table.asked) == 1
    clock.now += 0.2
    shows.find(KEY)
    assert len(table.asked) == 2


def test_that_there_is_no_such_key_is_known_for_ten_seconds(shows, table, clock):
    assert shows.find("shk_none") is None
    assert shows.find("shk_none") is None
    assert len(table.asked) == 1
    table.shows["shk_none"] = a_show()
    clock.now += 10
    assert shows.find("shk_none") is table.shows["shk_none"]


def test_a_key_that_is_gone_is_forgotten(shows, table, clock):
    shows.find(KEY)
    del table.shows[KEY]
    clock.now += 60
    assert shows.find(KEY) is None


def test_a_refusing_table_is_left_alone_for_a_moment(shows, table, clock, failures):
    shows.find(KEY)
    table.refuses = True
    clock.now += 60
    for _ in range(50):
        assert shows.find(KEY) is not None
        with pytest.raises(LookupFailedError):
            shows.find("shk_other")
    assert (len(table.asked), len(failures)) == (2, 1)
    clock.now += directory_module.AFTER_FAILURE_SECONDS
    shows.find(KEY)
    assert len(table.asked) == 3
    table.refuses = False
    clock.now += directory_module.AFTER_FAILURE_SECONDS
    table.policy = a_policy(recording={"S": "off"})
    shows.find(KEY)
    assert shows.policy.recording is False


def test_strangers_cannot_fill_the_memory(shows, table, monkeypatch):
    monkeypatch.setattr(directory_module, "MOST_ABSENT", 10)
    monkeypatch.setattr(directory_module, "MOST_SHOWS", 10)
    for number in range(100):
        shows.find(f"shk_{number}")
        table.shows[f"known_{number}"] = a_show()
        shows.find(f"known_{number}")
    assert (len(shows._absent), len(shows._shows)) == (10, 10)
    asked = len(table.asked)
    shows.find("known_99")
    assert len(table.asked) == asked


def test_an_item_that_is_not_complete_is_no_show():
    assert show_of({"hosts": {"SS": ["a.example"]}}) is None
    assert show_of({"tenant": {"S": "acme"}}) is None


# ── the month keys ──

NOVEMBER = datetime(2026, 11, 18, tzinfo=UTC)
MONTHS = {"2026-10": b"a" * 32, "2026-11": b"b" * 32, "2026-12": b"c" * 32}


def test_month_keys_are_read_once_an_hour(clock):
    asked = []

    def load(months):
        asked.append(list(months))
        return KeyRing(MONTHS)

    hasher = AddressHasher(load, clock)
    first = hasher("198.51.100.7", NOVEMBER)
    assert hasher("198.51.100.7", NOVEMBER) == first
    assert asked == [["2026-10", "2026-11", "2026-12"]]
    clock.now += 3600
    hasher("198.51.100.7", NOVEMBER)
    assert len(asked) == 2


def test_known_month_keys_outlive_a_table_that_refuses(clock):
    rings = [KeyRing(MONTHS), TimeoutError(), TimeoutError()]

    def load(_):
        ring = rings.pop(0)
        if isinstance(ring, Exception):
            raise ring
        return ring

    hasher = AddressHasher(load, clock)
    first = hasher("198.51.100.7", NOVEMBER)
    clock.now += 3600
    assert hasher("198.51.100.7", NOVEMBER) == first
    assert hasher("198.51.100.7", NOVEMBER) == first
    assert len(rings) == 1


def test_without_month_keys_there_is_no_hash_and_the_table_is_asked_again_soon(clock):
    asked = []

    def load(_):
        asked.append(1)
        return KeyRing(MONTHS if len(asked) > 1 else {})

    hasher = AddressHasher(load, clock)
    for _ in range(2):
        with pytest.raises(KeyMissingError):
            hasher("198.51.100.7", NOVEMBER)
    clock.now += 5
    assert hasher("198.51.100.7", NOVEMBER).ip_key == "2026-11"


def test_a_destroyed_month_key_is_no_key():
    ring = ring_of(
        [{"id": {"S": "2026-11"}, "key": {"B": "YWFh" * 10 + "YWE="}}, {"id": {"S": "2025-01"}}]
    )
    assert ring.months() == ["2026-11"]
