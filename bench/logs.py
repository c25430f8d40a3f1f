"""Reading log files side by side with a plain Python loop over the same lines, in one run.

    python -m bench.logs [ROWS]

The loop does the least that can be called reading: it takes each line apart with `csv`, `json` or
`str.split`, makes a time and whole numbers and looks up the media of the URL, and keeps nothing.
The intake also checks every field, hashes addresses under two keys, masks, sorts and writes
Parquet by day. Wall-clock and processor time; the peak of memory is that of the whole process.
"""

from __future__ import annotations

import csv
import json
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tallycast.feeds.files import file_key
from tallycast.measurement.logs import Enrichment, LogSource, read_log
from tallycast.measurement.logs.enrichment import pseudonyms_under
from tallycast.measurement.privacy import KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS = 300_000
NOW = datetime(2026, 11, 22, tzinfo=UTC)
START = datetime(2026, 11, 3, tzinfo=UTC)
AGENTS = [
    f"{name}/{major}.{minor} (iPhone; iOS 18_{minor}; like Mac OS X, en_US)"
    for name in ("Podcasts", "Overcast", "Castro", "AntennaPod", "AppleCoreMedia", "Player")
    for major in range(1, 6)
    for minor in range(10)
]
FIELDS = [
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem",
    "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)",
    "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes",
    "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type",
    "cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port", "time-to-first-byte",
    "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start",
    "sc-range-end",
]  # fmt: skip
CANONICAL = "time,ip,ip_hash,method,url,status,range,bytes_sent,user_agent,referrer"

Request = tuple[datetime, str, str, int, int, int, str]
media = lru_cache(100_000)(file_key)


def requests(count: int) -> Iterator[Request]:
    """Time, address, path, first and last byte, size, user agent: the same for the same count."""
    rng = random.Random(7)
    for number in range(count):
        first = rng.choice((0, 0, 0, 65536, 1_048_576))
        size = rng.choice((2, 500_000, 20_000_000))
        moment = START + timedelta(seconds=number * 86_400 * 2 // count)
        address = f"{rng.randrange(1, 224)}.{rng.randrange(40)}.{rng.randrange(8)}.7"
        path = f"/shows/{rng.randrange(30)}/{rng.randrange(100)}.mp3"
        yield moment, address, path, first, first + size - 1, size, rng.choice(AGENTS)


def cloudfront(rows: Iterator[Request]) -> Iterator[str]:
    yield f"#Version: 1.0\n#Fields: {' '.join(FIELDS)}\n"
    for moment, ip, path, first, last, size, agent in rows:
        yield (
            f"{moment:%Y-%m-%d}\t{moment:%H:%M:%S}\tARN56-P1\t{size + 441}\t{ip}\tGET\t"
            f"d1.cloudfront.net\t{path}\t206\t-\t{agent.replace(' ', '%20')}\t-\t-\tHit\t"
            f"{hash((path, moment)) & 0xFFFFFFFFFFFF:x}==\tmedia.example\thttps\t99\t0.142\t-\t"
            f"TLSv1.3\tTLS_AES_128_GCM_SHA256\tHit\tHTTP/2.0\t-\t-\t51000\t0.142\tHit\t"
            f"audio/mpeg\t{size}\t{first}\t{last}\n"
        )


def combined(rows: Iterator[Request]) -> Iterator[str]:
    for moment, ip, path, first, last, size, agent in rows:
        yield (
            f'{ip} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" 206 {size} "-" '
            f'"{agent}" "bytes={first}-{last}" 0.142\n'
        )


def json_lines(rows: Iterator[Request]) -> Iterator[str]:
    for moment, ip, path, first, last, size, agent in rows:
        yield (
            f'{{"time":"{moment.isoformat()}","ip":"{ip}","method":"GET",'
            f'"url":"https://media.example{path}","status":206,"range":"bytes={first}-{last}",'
            f'"bytes_sent":{size},"user_agent":"{agent}"}}\n'
        )


def tracked_hits(rows: Iterator[Request]) -> Iterator[str]:
    for moment, ip, path, first, last, _, agent in rows:
        yield (
            f'{{"v":1,"kind":"hit","tenant":"t","time":"{moment.isoformat()}","method":"GET",'
            f'"url":"https://media.example{path}","show_id":"show_1","source":"prefix",'
            f'"ip_key":"2026-11","ip_hash":"{ip.encode().hex():0>32}",'
            f'"ip_hash_previous":"{ip.encode().hex():0<32}","country":"SE","asn":64500,'
            f'"range_start":{first},"range_end":{last},"user_agent":"{agent}"}}\n'
        )


def canonical_csv(rows: Iterator[Request]) -> Iterator[str]:
    yield f"{CANONICAL}\n"
    for moment, ip, path, first, last, size, agent in rows:
        yield (
            f"{moment.isoformat()},{ip},,GET,https://media.example{path},206,"
            f'bytes={first}-{last},{size},"{agent}",\n'
        )


def _kept(moment: datetime, size: str | int, url: str) -> int:
    return moment.day + int(size) + len(media(url))


def loop_cloudfront(path: Path) -> int:
    done = 0
    with path.open() as file:
        for line in file:
            if line[0] == "#":
                continue
            row = dict(zip(FIELDS, line.rstrip("\n").split("\t"), strict=True))
            moment = datetime.fromisoformat(f"{row['date']}T{row['time']}+00:00")
            _kept(moment, row["sc-bytes"], f"https://{row['x-host-header']}{row['cs-uri-stem']}")
            done += 1
    return done


def loop_combined(path: Path) -> int:
    done = 0
    with path.open() as file:
        for line in file:
            head, request, numbers, *_ = line.split('"')
            moment = datetime.strptime(head[head.index("[") + 1 : -2], "%d/%b/%Y:%H:%M:%S %z")
            _kept(moment, numbers.split()[1], f"https://media.example{request.split()[1]}")
            done += 1
    return done


def loop_json(path: Path) -> int:
    done = 0
    with path.open() as file:
        for line in file:
            row = json.loads(line)
            _kept(datetime.fromisoformat(row["time"]), row.get("bytes_sent", 0), row["url"])
            done += 1
    return done


def loop_csv(path: Path) -> int:
    done = 0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            _kept(datetime.fromisoformat(row["time"]), row["bytes_sent"], row["url"])
            done += 1
    return done


CASES: dict[str, tuple[Callable[[Iterator[Request]], Iterator[str]], Callable[[Path], int]]] = {
    "CloudFront W3C": (cloudfront, loop_cloudfront),
    "combined": (combined, loop_combined),
    "JSON lines": (json_lines, loop_json),
    "tracked hits": (tracked_hits, loop_json),
    "canonical CSV": (canonical_csv, loop_csv),
}


def measured(work: Callable[[], int]) -> tuple[float, float]:
    """Wall-clock and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main(count: int = ROWS) -> int:
    """Print rows per second of both, format by format."""
    enrichment = Enrichment(pseudonyms_under(KeyRing.ephemeral()))
    source = LogSource(host="media.example")
    print(f"{count:,} rows a file; rows per second (wall-clock), processor time in brackets,")
    print("and how many times as fast the intake is, by wall-clock and by processor time")
    with tempfile.TemporaryDirectory() as folder:
        path, into = Path(folder) / "log", Path(folder) / "read"
        for name, (lines, loop) in CASES.items():
            with path.open("w") as file:
                file.writelines(lines(requests(count)))

            def intake() -> int:
                return read_log(path, source, enrichment, into, "log", NOW).account.accepted

            works = (intake, partial(loop, path))
            if any(work() != count for work in works):
                raise AssertionError(f"{name}: not every row was read")
            ours, theirs = (measured(work) for work in works)
            print(
                f"{name:16} {path.stat().st_size / 1e6:6.0f} MB   "
                f"intake {count / ours[0]:>9,.0f}/s ({ours[1]:.2f} s)   "
                f"Python loop {count / theirs[0]:>9,.0f}/s ({theirs[1]:.2f} s)   "
                f"{theirs[0] / ours[0]:.1f} x {theirs[1] / ours[1]:.1f} x"
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process: {peak:,.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
