"""What stands in a line is understood as HTTP and the field's habits have it."""

# ruff: noqa: S608 - the queries hold paths of our own

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallycast.feeds.files import file_key
from tallycast.measurement.filters import is_bad_referrer, is_malformed
from tallycast.measurement.lengths import LONGEST_URL
from tallycast.measurement.logs import (
    Enrichment,
    LogSource,
    NetworkFacts,
    read_logs,
    requests_relation,
)
from tallycast.measurement.logs.names import assigned
from tallycast.measurement.logs.reading import BadSourceError
from tallycast.measurement.logs.reasons import Reason, Skip
from tests.support.log_files import ENRICHMENT, NOW, RING, SHAPES, some_requests
from tests.support.shared import FIXTURES
from tests.unit.measurement.logs.reading import reading, refused, rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GOOD = {
    "time": "2026-11-01T00:00:00Z",
    "ip": "203.0.113.7",
    "method": "GET",
    "url": "https://m.example/a.mp3",
    "status": 200,
}


def _written(path: Path, lines: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps({**GOOD, **line}) + "\n" for line in lines))
    return path


def _one(path: Path, line: Mapping[str, object], source: LogSource | None = None) -> dict[str, Any]:
    (row,) = rows(reading(_written(path, [line]), source))
    return row


RANGES = [
    ("bytes=0-1", 0, 1, None),
    ("bytes=0-", 0, None, None),
    ("Bytes = 0 - 99", 0, 99, None),
    ("bytes=-500", -500, None, None),
    ("bytes=0-1,500-999", 0, 1, "500-999"),
    ("bytes=0-1, 500-, -5", 0, 1, "500-,-5"),
    ("bytes=,0-1,,5-6,", 0, 1, "5-6"),
    ("bytes=-5,0-1", -5, None, "0-1"),
    ("bytes=9-1", None, None, None),
    ("bytes=0-1,9-1", None, None, None),
    ("bytes=a-b", None, None, None),
    ("bytes=0-1;2-3", None, None, None),
    ("bytes=-", None, None, None),
    ("bytes=", None, None, None),
    ("items=0-1", None, None, None),
    ("bytes=0-99999999999999999999", None, None, None),
    ("bytes=" + ",".join("0-1" for _ in range(1000)), None, None, None),
]


def test_a_range_header_is_read_as_servers_read_it(tmp_path: Path) -> None:
    found = rows(reading(_written(tmp_path / "log", [{"range": case[0]} for case in RANGES])))
    assert [
        (case[0], row["range_start"], row["range_end"], row["more_ranges"])
        for case, row in zip(RANGES, found, strict=True)
    ] == RANGES


BOUNDS: list[tuple[dict[str, object], int | None, int | None, int | None]] = [
    ({"range_start": 0, "range_end": 1}, 0, 1, None),
    ({"range_start": "5", "range_end": ""}, 5, None, None),
    ({"range_start": "-500"}, -500, None, None),
    ({"range_start": 9, "range_end": 1}, None, None, None),
    ({"range_end": 1}, None, None, None),
    ({"range_start": "x", "range_end": 1}, None, None, None),
    ({"content_range": "bytes 5-9/100"}, 5, 9, 100),
    ({"content_range": "bytes 5-9/*"}, 5, 9, None),
    ({"content_range": "bytes 0-99/100", "range": "bytes=0-"}, 0, None, 100),
]


def test_bounds_in_columns_follow_the_same_rule(tmp_path: Path) -> None:
    found = rows(reading(_written(tmp_path / "log", [case[0] for case in BOUNDS])))
    assert [
        (case[0], row["range_start"], row["range_end"], row["total_bytes"])
        for case, row in zip(BOUNDS, found, strict=True)
    ] == BOUNDS


TIMES = [
    ("2026-11-01T10:00:00Z", datetime(2026, 11, 1, 10)),
    ("2026-11-01T10:00:00.123456+02:00", datetime(2026, 11, 1, 8, 0, 0, 123456)),
    ("2026-11-01 10:00:00", datetime(2026, 11, 1, 9)),  # the source's zone
    ("2026-07-01 10:00:00", datetime(2026, 7, 1, 8)),  # its summer time
    ("01/Nov/2026:10:00:00 -0500", datetime(2026, 11, 1, 15)),
    ("1793527200", datetime(2026, 11, 1, 10)),
    ("1793527200.5", datetime(2026, 11, 1, 10, 0, 0, 500000)),
    ("1793527200123", datetime(2026, 11, 1, 10, 0, 0, 123000)),
    ("1793527200123456", datetime(2026, 11, 1, 10, 0, 0, 123456)),
]


def test_times_are_read_in_every_common_form(tmp_path: Path) -> None:
    path = _written(tmp_path / "log", [{"time": text} for text, _ in TIMES])
    found = rows(reading(path, LogSource(zone="Europe/Berlin")))
    assert [(case[0], row["time"]) for case, row in zip(TIMES, found, strict=True)] == TIMES


BAD: list[tuple[dict[str, object], Reason]] = [
    ({"time": None}, Reason.NO_TIME),
    ({"time": "yesterday"}, Reason.BAD_TIME),
    ({"time": "2026-13-01T00:00:00Z"}, Reason.BAD_TIME),
    ({"time": "infinity"}, Reason.BAD_TIME),
    ({"time": "1999-12-31T23:59:59Z"}, Reason.TOO_EARLY),
    ({"time": "290000-01-01 00:00:00"}, Reason.BAD_TIME),
    ({"time": "2026-11-23T12:00:01Z"}, Reason.TOO_LATE),
    ({"url": None}, Reason.NO_URL),
    ({"url": "ftp://m.example/a.mp3"}, Reason.NOT_HTTP),
    ({"url": "a.mp3"}, Reason.NOT_HTTP),
    ({"url": "https:///a.mp3"}, Reason.NO_HOST),
    ({"url": "https://bad host/a.mp3"}, Reason.NO_HOST),
    ({"url": "/a.mp3"}, Reason.NO_HOST),
    ({"url": "https://m.example/" + "a" * LONGEST_URL}, Reason.LONG_URL),
    ({"method": "G E T"}, Reason.BAD_METHOD),
    ({"method": "\u0016\u0003"}, Reason.BAD_METHOD),
    ({"status": "ok"}, Reason.BAD_STATUS),
    ({"status": 2000}, Reason.BAD_STATUS),
    ({"bytes_sent": -1}, Reason.BAD_BYTES),
    ({"bytes_sent": "many"}, Reason.BAD_BYTES),
    ({"ip": None}, Reason.NO_ADDRESS),
    ({"ip": "unknown"}, Reason.BAD_ADDRESS),
    ({"ip": "203.0.113.256"}, Reason.BAD_ADDRESS),
    ({"kind": "unresolved_hit"}, Reason.UNRESOLVED),
]


def test_what_cannot_be_is_quarantined_with_its_reason(tmp_path: Path) -> None:
    intake = reading(_written(tmp_path / "log", [*[line for line, _ in BAD], GOOD]))
    assert refused(intake) == [(line, case[1]) for line, case in enumerate(BAD, 1)]
    assert intake.account.accepted == 1


MEDIA = [
    ("https://M.Example/A.mp3?x=1#y", "m.example/A.mp3", ""),
    ("http://m.example:8080/a", "m.example:8080/a", ""),
    ("https://dts.podtrac.com/redirect.mp3/m.example/a.mp3", "m.example/a.mp3", ""),
    ("https://m.example/hls/master.m3u8", "m.example/hls", "master.m3u8"),
    ("https://m.example/hls/7.ts", "m.example/hls", "7.ts"),
    ("https://m.example/hls/seg-7.aac", "m.example/hls", "seg-7.aac"),
    ("https://m.example/ep/7.aac", "m.example/ep/7.aac", ""),
    ("https://m.example/known/128k/7.mp4", "m.example/known", "128k/7.mp4"),
    ("/track/1/https://m.example/a.mp3", "m.example/a.mp3", ""),
    ("/track/1/https://m.example/play?a=b&id=5", "m.example/play?id=5", ""),
    (
        "https://m.example/get.php?file=shows/5.MP3&id=9",
        "m.example/get.php?file=shows/5.MP3&id=9",
        "",
    ),
    ("https://m.example?file=5.mp3", "m.example/?file=5.mp3", ""),
    ("https://m.example/known/128k/seg?id=7", "m.example/known", "128k/seg?id=7"),
    ("https://m.example/a%7Eb/128k/7.mp4", "m.example/a~b", "128k/7.mp4"),
    (f"https://m.example/play?{'x' * LONGEST_URL}&id=5", "m.example/play?id=5", ""),
    ("/p/2/https%3A%2F%2Fm.example%2Fa%20b.mp3?x=1", "m.example/a%20b.mp3", ""),
    ("https://m.example:443/%7Ea%c3%bc b.mp3", "m.example/~a%C3%BC%20b.mp3", ""),
    ("https://m.example/play?f=a/b.ts", "m.example/play?f=a/b.ts", ""),
    ("https://m.example/play?id=203.0.113.7", "m.example/play", ""),
]


def test_media_is_the_file_or_the_stream(tmp_path: Path) -> None:
    playlists = {"m.example/known/master.m3u8", "https://M.example/a%7eb/x.m3u8"}
    source = LogSource(playlists=frozenset(playlists))
    found = rows(reading(_written(tmp_path / "log", [{"url": url} for url, _, _ in MEDIA]), source))
    assert [
        (case[0], row["media"], row["part"]) for case, row in zip(MEDIA, found, strict=True)
    ] == MEDIA


@settings(max_examples=25, deadline=None)
@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "/play",
                    "/a.mp3",
                    "/get.asp",
                    "/a.MP3/",
                    "",
                    "/x.mp3x",
                    "/https://n.example/play",
                    "/play ",
                ]
            ),
            st.text("aid=&?;#5 %+.\t\u00fc\u212a\u0131mp3ID", max_size=20),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_sql_keeps_of_a_query_just_what_names_a_file(
    asked: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("queries") / "log"
    urls = [f"https://m.example{each}?{query}" for each, query in asked]
    found = rows(
        reading(_written(path, [{"url": url} for url in urls]), LogSource(source="prefix"))
    )
    lines = {row["line"]: row["media"] for row in found}
    wanted = {line: file_key(url) for line, url in enumerate(urls, 1)}
    assert lines == {line: key for line, key in wanted.items() if not key.endswith("example")}


def test_requests_for_something_else_are_skipped_and_counted_apart(tmp_path: Path) -> None:
    others = (
        "", "/", "/feed.xml", "/robots.txt", "/cover.JPG?w=1", "/a.vtt", "/index.php?id=5", "/?id=5",
        "?id=5", "/index.php?id=a.mp3.html", "/index.php?token=a.mp3",
    )  # fmt: skip
    lines = [{"url": f"https://m.example{path}"} for path in others]
    account = reading(_written(tmp_path / "log", [GOOD, *lines])).account
    assert account.skipped == {Skip.NOT_MEDIA: len(others)}
    assert (account.not_media, account.not_requests) == (len(others), 0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:DB8:0:0:9::1", "2001:db8:0:0:1::1"),  # the same /64
    ],
)
def test_an_address_has_one_hash_however_it_is_written(
    written: str, meant: str, tmp_path: Path
) -> None:
    hashed = RING.pseudonym(meant, datetime(2026, 11, 1, tzinfo=UTC))
    if "DB8" in written:
        hashed = RING.pseudonym("2001:db8:0:0::", datetime(2026, 11, 1, tzinfo=UTC))
        written = "2001:DB8:0:0:9:0:0:1"
    row = _one(tmp_path / "log", {"ip": written})
    assert (row["ip_key"], row["ip_hash"], row["ip_hash_previous"]) == tuple(hashed)


def test_every_address_is_asked_for_once_a_month(tmp_path: Path) -> None:
    asked: list[tuple[str, date]] = []
    looked_up: list[str] = []

    def pseudonyms(pairs: Sequence[tuple[str, date]]) -> list[Any]:
        asked.extend(pairs)
        return list(ENRICHMENT.pseudonyms(pairs))

    def facts(addresses: Sequence[str]) -> list[NetworkFacts]:
        looked_up.extend(addresses)
        return [NetworkFacts("SE", "UP", 64500, "household") for _ in addresses]

    days = ("2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02")
    lines = [{"time": f"{day}T00:00:00Z", "country": "NO"} for day in days]
    path = _written(tmp_path / "log", lines)
    found = rows(reading(path, enrichment=Enrichment(pseudonyms, facts)))
    assert sorted(asked) == [("203.0.113.7", date(2026, month, 1)) for month in (10, 11)]
    assert looked_up == ["203.0.113.7"]
    assert {(r["country"], r["region"], r["asn"], r["network"]) for r in found} == {
        ("SE", "UP", 64500, "household")
    }
    assert [row["ip_key"] for row in found] == ["2026-10", "2026-10", "2026-11", "2026-11"]


def test_without_an_address_the_system_says_what_kind_of_network_it_is(tmp_path: Path) -> None:
    asked: list[int] = []

    def kinds(systems: Sequence[int]) -> list[str | None]:
        asked.extend(systems)
        return ["data_centre" if system == 16509 else None for system in systems]

    known = replace(ENRICHMENT, kinds=kinds)
    hashed: dict[str, object] = {"ip": None, "ip_hash": "ab12", "ip_key": "2026-11"}
    lines: list[dict[str, object]] = [
        {**hashed, "asn": 16509},
        {**hashed, "asn": "AS16509"},
        {**hashed, "asn": 64500},
        {**hashed, "asn": "none of ours"},
        {**hashed, "asn": 16509, "network": "vpn"},
        hashed,
    ]
    found = rows(reading(_written(tmp_path / "log", lines), enrichment=known))
    assert [row["network"] for row in found] == [
        "data_centre", "data_centre", None, None, "vpn", None,
    ]  # fmt: skip
    assert sorted(asked) == [16509, 16509, 64500], "each text once"


def test_rows_of_a_month_without_a_key_are_quarantined(tmp_path: Path) -> None:
    def pseudonyms(pairs: Sequence[tuple[str, date]]) -> list[Any]:
        return [None if day.month == 1 else RING.pseudonym(ip, NOW) for ip, day in pairs]

    path = _written(tmp_path / "log", [GOOD, {"time": "2026-01-05T00:00:00Z"}])
    assert refused(reading(path, enrichment=Enrichment(pseudonyms))) == [(2, Reason.NO_KEY)]


def test_a_hash_that_came_with_the_log_is_kept_and_counts_as_unchanging(tmp_path: Path) -> None:
    row = _one(tmp_path / "log", {"ip": None, "ip_hash": "ab12"})
    assert (row["ip_key"], row["ip_hash"], row["ip_hash_previous"]) == ("given", "ab12", "ab12")
    keyed = {"ip": None, "ip_hash": "ab12", "ip_key": "2026-11"}
    row = _one(tmp_path / "log", keyed)
    assert (row["ip_key"], row["ip_hash"], row["ip_hash_previous"]) == ("2026-11", "ab12", None)


@pytest.mark.parametrize(
    ("content", "sent", "credited"),
    [("1000", "1441", 1000), ("1000", "700", 700), ("-", "700", 700), ("1000", "-", 1000)],
)
def test_cloudfront_credits_the_body_or_what_was_sent_of_it(
    content: str, sent: str, credited: int, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_text(
        "#Fields: date time c-ip cs-method cs(Host) cs-uri-stem sc-status sc-bytes sc-content-len\n"
        f"2026-11-01\t00:00:01\t203.0.113.1\tGET\tm.example\t/a.mp3\t200\t{sent}\t{content}\n"
    )
    assert rows(reading(path))[0]["bytes_sent"] == credited


@pytest.mark.parametrize("spaces", ["%20", "%2520"])
def test_cloudfront_user_agents_are_decoded_once_or_twice(spaces: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "#Fields: date time c-ip cs-method cs(Host) cs-uri-stem cs(User-Agent)\n"
        "2026-11-01\t00:00:01\t203.0.113.1\tGET\tm.example\t/a%2520b.mp3"
        f"\tPod{spaces}casts/1{spaces}(x)\n"
    )
    (row,) = rows(reading(path))
    assert (row["user_agent"], row["media"]) == ("Pod casts/1 (x)", "m.example/a%20b.mp3")


@pytest.mark.parametrize(
    ("logged", "sent", "bad"),
    [
        ("https://m.example/", "https://m.example/", False),
        ("https://m.example/a%2520b?q=%25C3%25BC", "https://m.example/a%20b?q=%C3%BC", False),
        ("https://m.example/%257B%2522%257D", "https://m.example/%7B%22%7D", False),
        ("https://m.example/~me%5B1%5D", "https://m.example/~me[1]", False),
        ("https://m.example/%7Eme%C3%BC", "https://m.example/~meü", False),
        ("%3Cscript%3Ealert(1)%3C/script%3E", "<script>alert(1)</script>", True),
        ("https://m.example/a%20b", "https://m.example/a b", True),
        ("https://m.example/%7Bepisode%7D", "https://m.example/{episode}", True),
        ("https://m.example/%0D%0Aa", "https://m.example/  a", True),
        ("not%20an%20address", "not an address", True),
        ("https://m.example/%FFa", "https://m.example/\ufffda", False),
        ("https://m.example/?ip=203%2E0%2E113%2E9", "https://m.example/?ip=x.x.x.x", False),
        ("-", None, False),
    ],
)
def test_cloudfront_referrers_are_decoded_once_and_then_judged(
    logged: str, sent: str | None, *, bad: bool, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_text(
        "#Fields: date time c-ip cs-method cs(Host) cs-uri-stem cs(Referer) cs(User-Agent)\n"
        f"2026-11-01\t00:00:01\t203.0.113.1\tGET\tm.example\t/a.mp3\t{logged}\t{logged}\n"
    )
    (row,) = rows(reading(path))
    assert (row["referrer"], is_bad_referrer(row["referrer"])) == (sent, bad)


COMBINED_LINE = (
    '{front}203.0.113.7 - {user} [01/Nov/2026:00:00:00 +0000] "{request}" 206 99 '
    '"-" "{agent}"{rest}\n'
)


@pytest.mark.parametrize(
    ("parts", "column", "value"),
    [
        ({}, "media", "m.example/a.mp3"),
        ({"front": "Other.Example:443 "}, "media", "other.example/a.mp3"),
        ({"user": "jane doe"}, "media", "m.example/a.mp3"),
        ({"agent": r"a \"b\" \\ c"}, "user_agent", r'a "b" \ c'),
        ({"agent": r"a \x22b\x22 \xC3\xB6"}, "user_agent", 'a "b" ö'),
        ({"rest": ' "bytes=0-1" 0.5'}, "range_end", 1),
        ({"rest": " bytes=5-"}, "range_start", 5),
        ({"rest": ' 0.5 "bytes 5-9/100"'}, "total_bytes", 100),
        ({"request": "GET /a b.mp3 HTTP/1.1"}, "media", "m.example/a%20b.mp3"),
        ({"request": "GET  /a.mp3 HTTP/1.1"}, "media", "m.example/a.mp3"),
        ({"request": "GET http://x.example/a.mp3 HTTP/1.1"}, "media", "x.example/a.mp3"),
        ({"request": "HEAD /a.mp3 HTTP/2"}, "method", "HEAD"),
    ],
)
def test_combined_lines_of_many_servers(
    parts: dict[str, str], column: str, value: object, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    usual = {"front": "", "user": "-", "request": "GET /a.mp3 HTTP/1.1", "agent": "x", "rest": ""}
    path.write_text(COMBINED_LINE.format(**{**usual, **parts}))
    (row,) = rows(reading(path, LogSource(host="m.example")))
    assert row[column] == value


@pytest.mark.parametrize(
    ("written", "media"),
    [
        (r"/a\"b.mp3", "m.example/a%22b.mp3"),
        (r"/a\\b.mp3", "m.example/a%5Cb.mp3"),
        (r"/a\\x41.mp3", "m.example/a%5Cx41.mp3"),
        (r"/play?file=a\"b", "m.example/play?file=a%22b"),
    ],
)
def test_what_a_server_escaped_in_a_combined_line_is_encoded(
    written: str, media: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_text(
        f'203.0.113.9 - - [22/Nov/2026:20:59:58 +0000] "GET {written} HTTP/1.1" 200 5 "-" "App/1"\n'
    )
    (row,) = rows(reading(path, LogSource(host="m.example")))
    assert row["media"] == media


def test_an_address_in_a_query_is_no_host_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "203.0.113.9 - - [22/Nov/2026:20:59:58 +0000] "
        '"GET /play?file=https://s3.example/a.mp3 HTTP/1.1" 200 5 "-" "App/1"\n'
    )
    assert refused(reading(path)) == [(1, Reason.NO_HOST)]


@pytest.mark.parametrize(
    "written", ["/Folge%20%c3%9f.mp3", r"/Folge%20\xC3\x9F.mp3", "/Folge ß.mp3"]
)
def test_a_combined_line_spells_a_file_as_its_feed_does_not(written: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        f'203.0.113.9 - - [22/Nov/2026:20:59:58 +0000] "GET {written} HTTP/1.1" 200 5 "-" "App/1"\n'
    )
    (row,) = rows(reading(path, LogSource(host="m.example")))
    assert (
        row["media"] == file_key("https://M.example/Folge ß.mp3") == "m.example/Folge%20%C3%9F.mp3"
    )


def test_a_connection_without_a_request_is_no_request(tmp_path: Path) -> None:
    path = tmp_path / "log"
    usual = {"front": "", "user": "-", "agent": "-", "rest": ""}
    path.write_text(
        COMBINED_LINE.format(request="-", **usual)
        + COMBINED_LINE.format(request="", **usual)
        + COMBINED_LINE.format(request=r"\x16\x03\x01", **usual)
    )
    intake = reading(path, LogSource(host="m.example"))
    assert intake.account.skipped == {Skip.NO_REQUEST: 2}
    assert refused(intake)[0][0] == 3


_AT = "[20/Nov/2025:10:00:00 +0000]"


@pytest.mark.parametrize(
    ("line", "ip", "host"),
    [
        (f'203.0.113.7 - - {_AT} "GET /a.mp3 HTTP/1.1" 200 5 "-" "UA" [HIT] "-" 0.1', "203.0.113.7", ""),
        (f'203.0.113.7 - - {_AT} "GET /a.mp3 HTTP/1.1" 200 5 "-" "UA" [x] "" 0.1', "203.0.113.7", ""),
        (f'203.0.113.7, 10.0.0.1 - - {_AT} "GET /a.mp3 HTTP/1.1" 200 5 "-" "UA"', "203.0.113.7", ""),
        (f'h.example 203.0.113.7 - - {_AT} "GET /a.mp3 HTTP/1.1" 200 5 "-" "UA"', "203.0.113.7", "h"),
    ],
)  # fmt: skip
def test_what_stands_around_a_combined_line_loses_no_request(
    line: str, ip: str, host: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_text(line + "\n")
    (row,) = rows(reading(path, LogSource(host="m.example")))
    assert row["ip_hash"] == RING.pseudonym(ip, row["time"]).ip_hash
    assert row["media"] == ("h.example/a.mp3" if host else "m.example/a.mp3")


@pytest.mark.parametrize("status", ["200", "200.0", 200.0, "206.000"])
def test_a_status_may_be_written_with_a_fraction_of_nothing(status: object, tmp_path: Path) -> None:
    assert _one(tmp_path / "log", {"status": status})["status"] in {200, 206}


def test_the_length_of_an_answer_is_not_that_of_the_file(tmp_path: Path) -> None:
    line = {"status": 206, "range": "bytes=0-9999", "content_length": 10_000}
    assert _one(tmp_path / "log", line)["total_bytes"] is None
    assert _one(tmp_path / "log", {"filesize": 10_000})["total_bytes"] == 10_000


def test_how_long_a_request_took_is_not_when_it_was(tmp_path: Path) -> None:
    names = ["time_local", "request_time", "ip", "url"]
    assert "time" not in assigned(names, {})
    assert assigned(names, {"time": "request_time"})["time"] == "request_time"
    path = tmp_path / "log"
    line = {"timestamp": "2026-11-01T00:00:00Z", "request_time": "0.003", "ip": GOOD["ip"]}
    path.write_text(json.dumps({**line, "url": GOOD["url"]}) + "\n")
    (row,) = rows(reading(path))
    assert row["time"] == datetime(2026, 11, 1)


@pytest.mark.parametrize(
    ("known", "said", "network"),
    [
        ("unknown", "data_centre", "data_centre"),
        (None, "vpn", "vpn"),
        ("household", "vpn", "household"),
        ("unknown", None, "unknown"),
        ("unknown", "nonsense", "unknown"),
    ],
)
def test_what_the_log_says_of_a_network_stands_where_an_address_says_nothing(
    known: str | None, said: str | None, network: str, tmp_path: Path
) -> None:
    enrichment = replace(
        ENRICHMENT, facts=lambda asked: [NetworkFacts(network=known) for _ in asked]
    )
    path = _written(tmp_path / "log", [{"network": said}])
    (row,) = rows(reading(path, enrichment=enrichment))
    assert row["network"] == network


@pytest.mark.parametrize("written", ["Foo\\x01Bar/1.0", "Foo%01Bar/1.0", "Foo\x01Bar/1.0"])
def test_a_user_agent_with_control_characters_is_malformed_in_every_format(
    written: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    if "%" in written:
        fields = "date time c-ip cs-method cs(Host) cs-uri-stem sc-status cs(User-Agent)"
        path.write_text(
            f"#Version: 1.0\n#Fields: {fields}\n"
            f"2025-11-20\t10:00:00\t203.0.113.7\tGET\tm.example\t/a.mp3\t200\t{written}\n"
        )
        intake = reading(path)
    elif "\\" in written:
        path.write_text(f'203.0.113.7 - - {_AT} "GET /a.mp3 HTTP/1.1" 200 5 "-" "{written}"\n')
        intake = reading(path, LogSource(host="m.example"))
    else:
        intake = reading(_written(path, [{"user_agent": written}]))
    (row,) = rows(intake)
    assert is_malformed(row["user_agent"])


@pytest.mark.parametrize("url", ["https://m.example/dl.php", "https://m.example/a.zip"])
def test_what_a_redirect_saw_is_media_whatever_its_ending(url: str, tmp_path: Path) -> None:
    path = _written(tmp_path / "log", [{"url": url}, {"url": "https://m.example/"}])
    tracked = reading(path, LogSource(source="prefix"))
    assert [row["media"] for row in rows(tracked)] == [url.removeprefix("https://")]
    assert refused(tracked) == [(2, Reason.NO_FILE)]
    log = reading(path, into=tmp_path / "log-read")
    assert log.account.skipped == {Skip.NOT_MEDIA: 2}


@pytest.mark.parametrize(
    ("lines", "source"),
    [
        ([{"range": "bytes=5-9"}, {"url": "https://m.example/live/7.ts"}, {"show_id": "s"}], {}),
        ([{"url": "https://m.example/dl.php"}], {"source": "prefix"}),
        ([{"url": f"https://m.example/live/{name}"} for name in ("x.m3u8", "one.aac", "b/2.aac")],
         {"playlists": {"m.example/live/x.m3u8"}}),
    ],
)  # fmt: skip
def test_requests_of_the_lake_are_read_as_they_are(
    lines: list[dict[str, str]], source: dict[str, Any], tmp_path: Path
) -> None:
    path = _written(tmp_path / "log", lines)
    intake = reading(path, LogSource(**source), into=tmp_path / "one")
    (day,) = intake.days.values()
    again = rows(reading(day, into=tmp_path / "two", file_id="other"))
    differ = {"file_id", "line"}
    assert len(again) == len(lines)
    assert [{k: v for k, v in row.items() if k not in differ} for row in again] == [
        {k: v for k, v in row.items() if k not in differ} for row in rows(intake)
    ]


def test_columns_without_a_header_are_mapped_by_place(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("https://m.example/a.mp3;1793527200;203.0.113.7\n")
    source = LogSource(header=False, columns={"url": "1", "time": "2", "ip": "3"})
    assert [row["media"] for row in rows(reading(path, source))] == ["m.example/a.mp3"]


def test_members_of_json_are_mapped_by_name_and_pointer(tmp_path: Path) -> None:
    path = tmp_path / "log"
    line = {"at": 1793527200, "http": {"url": "https://m.example/a.mp3"}, "who": "203.0.113.7"}
    path.write_text(json.dumps(line))
    source = LogSource(columns={"time": "at", "url": "/http/url", "ip": "who"})
    assert [row["media"] for row in rows(reading(path, source))] == ["m.example/a.mp3"]


def test_a_mapping_of_columns_that_are_not_ours_is_refused() -> None:
    with pytest.raises(ValueError, match="no columns of ours: colour"):
        LogSource(columns={"colour": "x"})


@pytest.mark.parametrize("source", [LogSource(zone="Mars/Base"), LogSource(time_format="%Q")])
def test_a_source_that_cannot_be_is_an_error_with_a_name(source: LogSource, tmp_path: Path) -> None:
    with pytest.raises(BadSourceError):
        reading(_written(tmp_path / "log", [GOOD]), source)


def test_no_address_is_left_anywhere_in_what_is_written(tmp_path: Path) -> None:
    own, other = "198.51.100.77", "2001:db8:aa:bb:cc:dd:ee:77"
    lines: list[dict[str, object]] = [
        {"ip": own, "user_agent": f"App ({own})", "session": own, "request_id": f"r-{own}",
         "referrer": f"https://x.example/?ip={own}&v6={other}", "url": f"https://m.example/{own}.mp3"},
        {"ip": other, "referrer": "https://x.example/?ip=2001%3Adb8%3Aaa::77", "user_agent": other},
        {"ip": f"{own}.9", "x_forwarded_for": f"{own}, {other}, ::ffff:{own}"},
        {"ip": f"{own}:x", "time": "never", "url": f"https://m.example/a.mp3?a={own.replace('.', '%2E')}"},
    ]  # fmt: skip
    intake = reading(_written(tmp_path / "log", lines))
    assert (intake.account.accepted, intake.account.quarantined) == (2, 2)
    assert intake.quarantine is not None
    with duckdb.connect() as connection:
        held = "".join(
            str(connection.execute(f"SELECT * FROM '{file}'").fetchall())
            for file in [*intake.days.values(), intake.quarantine]
        )
    for trace in (own, other, "198", "51.100", "aa:bb", "db8", "%3Aaa", "51%2E100"):
        assert trace not in held


@settings(max_examples=15, deadline=None)
@given(
    ip=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str),
    before=st.text("ab =&?/\"'(,", max_size=4),
)
def test_whatever_stands_around_an_address_it_is_masked(
    ip: str, before: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("mask") / "log"
    path.write_text(f"noise {before}{ip} noise\n")
    intake = reading(path)
    assert intake.quarantine is not None
    if len(ip) > len("::1"):
        with duckdb.connect() as connection:
            assert ip not in str(
                connection.execute(f"SELECT * FROM '{intake.quarantine}'").fetchall()
            )


def test_the_working_folder_is_left_with_results_only(tmp_path: Path) -> None:
    intake = reading(_written(tmp_path / "log", [GOOD, {"ip": "x"}]), into=tmp_path / "read")
    assert {path.name for path in (tmp_path / "read").iterdir()} == {
        "file.2026-11-01.parquet",
        "file.quarantine.parquet",
    }
    assert list(intake.days) == [date(2026, 11, 1)]


def test_rows_are_split_by_the_utc_day_of_the_request(tmp_path: Path) -> None:
    times = [f"2026-11-{day:02}T{hour}:59:59Z" for day in range(1, 12) for hour in (23, "00")]
    intake = reading(_written(tmp_path / "log", [{"time": time} for time in times]))
    assert list(intake.days) == [date(2026, 11, day) for day in range(1, 12)]
    with duckdb.connect() as connection:
        for day, file in intake.days.items():
            found = connection.execute(f"SELECT line, time FROM '{file}'").fetchall()
            assert [row[0] for row in found] == [day.day * 2 - 1, day.day * 2]
            assert {row[1].date() for row in found} == {day}


def test_files_of_mixed_formats_make_one_relation(tmp_path: Path) -> None:
    requests = some_requests(10)
    names = ["cloudfront", "json", "csv", "combined", "hit_envelopes"]
    for name in names:
        SHAPES[name].write(tmp_path / name, requests)
    intakes = read_logs(
        [tmp_path / name for name in names], LogSource(), ENRICHMENT, tmp_path / "read", NOW
    )
    with duckdb.connect() as connection:
        relation = requests_relation(connection, intakes)
        assert len(relation.fetchall()) == 50
        found = connection.sql("SELECT file_id, count(*) FROM requests GROUP BY 1 ORDER BY 1")
        assert found.fetchall() == [(f"{place}-{name}", 10) for place, name in enumerate(names, 1)]
        assert requests_relation(connection, [], "nothing").fetchall() == []


@pytest.mark.skipif(not (FIXTURES / "logs").is_dir(), reason="the shared real log is not here")
def test_the_real_day_is_read_whole(tmp_path: Path) -> None:
    path = FIXTURES / "logs" / "download-requests-2022-09-20.csv"
    intake = reading(path, into=tmp_path)
    found = rows(intake)
    assert (intake.account.accepted, intake.account.skipped) == (606, {Skip.HEADER: 1})
    assert list(intake.days) == [date(2022, 9, 20)]
    assert len({row["media"] for row in found}) == 37
    assert len({row["ip_hash"] for row in found}) == 256
    assert sum((row["range_start"], row["range_end"]) == (0, 1) for row in found) == 51
    assert {(row["source"], row["method"], row["status"]) for row in found} == {
        ("prefix", "GET", None)
    }
