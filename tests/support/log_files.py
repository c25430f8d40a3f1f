"""Log files of every format we read, written from one list of facts about requests."""

# ruff: noqa: S608 - the queries hold paths of our own

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import duckdb

from tallycast.measurement.logs import Enrichment, LogFormat, LogSource
from tallycast.measurement.logs.enrichment import pseudonyms_under
from tallycast.measurement.privacy import KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

RING = KeyRing.from_secret(b"only for tests of log files, 32+")
ENRICHMENT = Enrichment(pseudonyms_under(RING))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_AGENTS = (
    "AppleCoreMedia/1.0.0.22A3370 (iPhone; U; CPU OS 18_0 like Mac OS X; en_us)",
    "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)",
    "Podcasts/1709.2.2 CFNetwork/1390 Darwin/22.0.0",
    'Odd "quoted" player/1.0, with commas; 100%',
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "Zuhörer/2.1 (Göteborg)",
)


@dataclass(frozen=True)
class RequestFacts:
    """What everyone who saw the request could have written down."""

    time: datetime
    ip: str = "203.0.113.7"
    method: str = "GET"
    url: str = "https://media.example/shows/lantern/one.mp3?token=1"
    status: int = 200
    first: int | None = None
    last: int | None = None
    bytes_sent: int = 1_000_000
    total_bytes: int = 40_000_000
    user_agent: str | None = _AGENTS[0]
    referrer: str | None = None
    request_id: str = "req-1"
    session: str | None = None
    country: str | None = "SE"
    show_id: str = "show_lantern"

    @property
    def range(self) -> str | None:
        """Its Range header."""
        return None if self.first is None else f"bytes={self.first}-{self.last}"

    @property
    def media(self) -> str:
        """`host/path`."""
        parts = urlsplit(self.url)
        return f"{parts.netloc}{parts.path}"

    @property
    def row(self) -> dict[str, object]:
        """The columns of REQUESTS that any log of it should come to, without file and line."""
        hashed = RING.pseudonym(self.ip, self.time)
        return {
            "time": self.time.replace(tzinfo=None),
            "source": "log",
            "request_id": self.request_id,
            "show_id": self.show_id,
            "media": self.media,
            "part": "",
            "method": self.method,
            "status": self.status,
            "range_start": self.first,
            "range_end": self.last,
            "more_ranges": None,
            "bytes_sent": self.bytes_sent,
            "total_bytes": self.total_bytes,
            "ip_key": hashed.ip_key,
            "ip_hash": hashed.ip_hash,
            "ip_hash_previous": hashed.ip_hash_previous,
            "country": self.country,
            "user_agent": self.user_agent,
            "referrer": self.referrer,
            "session": self.session,
        }


def some_requests(count: int, seed: int = 1) -> list[RequestFacts]:
    """Requests over two days and a month's end, of a few apps, addresses and episodes."""
    rng = random.Random(seed)
    start = datetime(2026, 10, 31, 22, tzinfo=UTC)
    made = []
    for number in range(count):
        first = rng.choice([None, 0, 0, 65536])
        last = None if first is None else first + rng.choice([1, 99_999, 1_999_999])
        size = 40_000_000 if first is None or last is None else last - first + 1
        made.append(
            RequestFacts(
                time=start + timedelta(seconds=rng.randrange(86_400)),
                ip=rng.choice(
                    [
                        f"203.0.113.{rng.randrange(1, 250)}",
                        f"2001:db8:{rng.randrange(1, 999):x}::{rng.randrange(1, 999):x}",
                    ]
                ),
                method=rng.choice(["GET", "GET", "GET", "HEAD"]),
                url=f"https://media.example/shows/lantern/{rng.randrange(20)}%20of%2020.mp3"
                + rng.choice(["", "?token=abc&x=1"]),
                status=200 if first is None else 206,
                first=first,
                last=last,
                bytes_sent=size,
                user_agent=rng.choice([*_AGENTS, None]),
                referrer=rng.choice([None, None, "https://play.example/a%20b?x=1&y=2"]),
                request_id=f"req-{number}-{rng.getrandbits(32):08x}",
                session=rng.choice([None, f"{rng.getrandbits(64):016x}"]),
            )
        )
    return made


# One function per format: requests to the lines of a file, and a header where there is one.


def _cloudfront_fields(request: RequestFacts) -> dict[str, str]:
    parts = urlsplit(request.url)

    def logged(text: str | None) -> str:
        return "-" if text is None else quote(text, safe="/:=&?;,()+!@*~._-")

    return {
        "date": f"{request.time:%Y-%m-%d}",
        "time": f"{request.time:%H:%M:%S}",
        "x-edge-location": "ARN56-P1",
        "sc-bytes": str(request.bytes_sent + 441),
        "c-ip": request.ip,
        "cs-method": request.method,
        "cs(Host)": "d111111abcdef8.cloudfront.net",
        "cs-uri-stem": parts.path.replace("%", "%25"),
        "sc-status": str(request.status),
        "cs(Referer)": "-" if request.referrer is None else request.referrer.replace("%", "%25"),
        "cs(User-Agent)": logged(request.user_agent),
        "cs-uri-query": parts.query or "-",
        "x-edge-result-type": "Hit",
        "x-edge-request-id": request.request_id,
        "x-host-header": parts.netloc,
        "cs-protocol": parts.scheme,
        "time-taken": "0.142",
        "sc-content-type": "audio/mpeg",
        "sc-content-len": str(request.bytes_sent),
        "sc-range-start": "-" if request.first is None else str(request.first),
        "sc-range-end": "-" if request.last is None else str(request.last),
        "c-country": request.country or "-",
    }


def cloudfront(requests: Sequence[RequestFacts]) -> tuple[str, list[str]]:
    names = list(_cloudfront_fields(requests[0])) if requests else ["date", "time"]
    header = f"#Version: 1.0\n#Fields: {' '.join(names)}\n"
    return header, ["\t".join(_cloudfront_fields(each).values()) for each in requests]


def cloudfront_json(requests: Sequence[RequestFacts]) -> tuple[str, list[str]]:
    return "", [json.dumps(_cloudfront_fields(each)) for each in requests]


def combined(requests: Sequence[RequestFacts]) -> tuple[str, list[str]]:
    def escaped(text: str | None) -> str:
        bare = "-" if text is None else text.replace("\\", "\\x5C").replace('"', "\\x22")
        return "".join(
            c if c.isascii() else "".join(f"\\x{byte:02X}" for byte in c.encode()) for c in bare
        )

    lines = []
    for each in requests:
        target = each.url.removeprefix("https://media.example")
        lines.append(
            f"{each.ip} - - [{each.time:%d/%b/%Y:%H:%M:%S} +0000] "
            f'"{each.method} {target} HTTP/1.1" {each.status} {each.bytes_sent} '
            f'"{escaped(each.referrer)}" "{escaped(each.user_agent)}" '
            f'"{each.range or "-"}" {each.request_id} 0.142 "{each.session or "-"}"'
        )
    return "", lines


def megaphone(requests: Sequence[RequestFacts]) -> tuple[str, list[str]]:
    return "", [
        json.dumps(
            {
                "country": each.country,
                "dma_name": None,
                "normalized_user_agent": "app",
                "city": "Uppsala",
                "ip": each.ip,
                "created_at": each.time.isoformat(),
                "podcast_id": "their-show",
                "source": "web",
                "filesize": each.total_bytes,
                "bytes_sent": each.bytes_sent,
                "seconds_downloaded": 12.5,
                "duration": 2400.0,
                "blacklisted_ip": False,
                "episode_id": each.media.rpartition("/")[2].removesuffix(".mp3"),
                "blacklisted_ua": False,
                "id": each.request_id,
                "region": None,
                "user_agent": each.user_agent,
            }
        )
        for each in requests
    ]


def _ours(each: RequestFacts) -> dict[str, object]:
    return {
        "time": each.time.isoformat(),
        "ip": each.ip,
        "method": each.method,
        "url": each.url,
        "status": each.status,
        "range": each.range,
        "bytes_sent": each.bytes_sent,
        "total_bytes": each.total_bytes,
        "user_agent": each.user_agent,
        "referrer": each.referrer,
        "request_id": each.request_id,
        "show_id": each.show_id,
        "session": each.session,
        "country": each.country,
    }


def json_lines(requests: Sequence[RequestFacts]) -> tuple[str, list[str]]:
    return "", [json.dumps(_ours(each), ensure_ascii=False) for each in requests]


def hits(requests: Sequence[RequestFacts]) -> tuple[str, list[str]]:
    lines = []
    for each in requests:
        known = {
            "v": 1,
            "kind": "hit",
            "tenant": "acme",
            **_ours(each),
            "source": "prefix",
            "range_start": each.first,
            "range_end": each.last,
            **RING.pseudonym(each.ip, each.time)._asdict(),
        }
        left_out = {"ip", "range", "bytes_sent", "total_bytes"}
        lines.append(
            json.dumps({n: v for n, v in known.items() if n not in left_out and v is not None})
        )
    return "", lines


def envelope(lines: Sequence[str], *, kind: str = "DATA_MESSAGE") -> bytes:
    """One document of a log subscription, as one gzip member."""
    events = [
        {"id": str(n), "timestamp": 1, "message": f"{line}\n"} for n, line in enumerate(lines)
    ]
    document = {
        "messageType": kind,
        "owner": "1",
        "logGroup": "/aws/lambda/track_download",
        "logStream": "s",
        "subscriptionFilters": ["hits"],
        "logEvents": events,
    }
    return gzip.compress(json.dumps(document).encode(), mtime=0)


CANONICAL = (
    "time", "ip", "ip_hash", "method", "url", "status", "range", "bytes_sent", "user_agent",
    "referrer",
)  # fmt: skip


def _csv(
    header: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str
) -> tuple[str, list[str]]:
    lines = []
    for row in (header, *rows):
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator="").writerow(row)
        lines.append(text.getvalue())
    return f"{lines[0]}\n", lines[1:]


def canonical_csv(requests: Sequence[RequestFacts]) -> tuple[str, list[str]]:
    rows = [[_ours(each).get(name) for name in CANONICAL] for each in requests]
    return _csv(CANONICAL, rows, ",")


_MAPPED = {
    "time": "When (local)",
    "ip": "Who",
    "url": "What",
    "method": "How",
    "status": "Code",
    "range": "Part",
    "bytes_sent": "Out",
    "total_bytes": "All",
    "user_agent": "App",
    "referrer": "From",
    "request_id": "Id",
    "show_id": "Show",
    "session": "Play",
    "country": "Land",
}


def mapped_tsv(requests: Sequence[RequestFacts]) -> tuple[str, list[str]]:
    rows: list[list[object]] = []
    for each in requests:
        # Hours that happen twice have no place here: the end of October is summer time no more.
        local = each.time + timedelta(hours=1)
        rows.append([f"{local:%d.%m.%Y %H:%M:%S}", *list(_ours(each).values())[1:]])
    return _csv([_MAPPED[name] for name in _ours(requests[0])], rows, "\t")


def _parquet(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    lines = path.with_suffix(".rows")
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_json('{lines}', format = 'newline_delimited')) "
            f"TO '{path}' (FORMAT parquet)"
        )
    lines.unlink()


ALL = frozenset(RequestFacts(time=NOW).row)
_NO_RANGES = {"range_start", "range_end"}


@dataclass(frozen=True)
class Shape:
    """One format: how to write it, how it is read, and what it cannot carry.

    `lacks` names the columns of a row that a log of this format leaves out, `says` what stands
    there for them.
    """

    source: LogSource
    found: LogFormat
    lines: Callable[[Sequence[RequestFacts]], tuple[str, list[str]]] | None
    lacks: frozenset[str] = frozenset()
    says: dict[str, object] = field(default_factory=dict)

    def write(self, path: Path, requests: Sequence[RequestFacts]) -> None:
        """Write the file."""
        if self.lines is not None:
            header, lines = self.lines(requests)
            path.write_text(header + "".join(f"{line}\n" for line in lines))
        elif self.found is LogFormat.HIT_ENVELOPES:
            told = hits(requests)[1]
            parts = [envelope(["check"], kind="CONTROL_MESSAGE")]
            parts += [envelope(told[n : n + 7]) for n in range(0, len(told), 7)]
            path.write_bytes(b"".join(parts))
        elif self.found is LogFormat.CLOUDFRONT_PARQUET:
            _parquet(path, [_cloudfront_fields(each) for each in requests])
        else:
            _parquet(
                path,
                [{_MAPPED[name]: v for name, v in _ours(each).items()} for each in requests],
            )


_SHOW = LogSource(show_id="show_lantern")
_CLOUDFRONT_LACKS = frozenset({"total_bytes", "session"})
_HIT_LACKS = frozenset({"bytes_sent", "total_bytes"})
SHAPES = {
    "cloudfront": Shape(_SHOW, LogFormat.CLOUDFRONT, cloudfront, _CLOUDFRONT_LACKS),
    "cloudfront_json": Shape(_SHOW, LogFormat.CLOUDFRONT_JSON, cloudfront_json, _CLOUDFRONT_LACKS),
    "cloudfront_parquet": Shape(_SHOW, LogFormat.CLOUDFRONT_PARQUET, None, _CLOUDFRONT_LACKS),
    "combined": Shape(
        LogSource(
            show_id="show_lantern",
            host="media.example",
            additions=("$http_range", "$request_id", "$request_time", "http_x_playback_session_id"),
        ),
        LogFormat.COMBINED,
        combined,
        frozenset({"total_bytes", "country"}),
    ),
    "megaphone": Shape(
        LogSource(
            shows={"their-show": "show_lantern"},
            url_template="https://media.example/shows/lantern/{episode_id}.mp3",
        ),
        LogFormat.MEGAPHONE,
        megaphone,
        frozenset({"status", "range_start", "range_end", "referrer", "session"}),
        {"method": "GET"},
    ),
    "json": Shape(LogSource(), LogFormat.JSON, json_lines),
    "hits": Shape(LogSource(), LogFormat.JSON, hits, _HIT_LACKS, {"source": "prefix"}),
    "hit_envelopes": Shape(
        LogSource(), LogFormat.HIT_ENVELOPES, None, _HIT_LACKS, {"source": "prefix"}
    ),
    "csv": Shape(
        _SHOW,
        LogFormat.CSV,
        canonical_csv,
        frozenset({"request_id", "session", "total_bytes", "country"}),
    ),
    "mapped_tsv": Shape(
        LogSource(columns=_MAPPED, time_format="%d.%m.%Y %H:%M:%S", zone="Africa/Lagos"),
        LogFormat.CSV,
        mapped_tsv,
    ),
    "mapped_parquet": Shape(LogSource(columns=_MAPPED), LogFormat.PARQUET, None),
}


def expected(shape: Shape, request: RequestFacts) -> dict[str, object]:
    """The row that a request comes to in a format."""
    return {
        name: shape.says.get(name, None if name in shape.lacks else value)
        for name, value in request.row.items()
    }
