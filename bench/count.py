"""Counting 10 million requests, against a bare query and the engines that were not chosen.

    python bench/count.py [ROWS]

The bare query only removes duplicates by a hashed key and groups: no rule, no waterfall. Ours
counts under `iab-2.3` with the waterfall. Promised: at most twice the bare query's time, less than
1.5 GB, and also at a memory limit of 512 MB. Times are processor time of one process each, which
neighbours on the machine disturb least; pandas, pyarrow and the loop run on a sample and are
scaled, and say so. Peak memory is that of a process which does nothing else.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tallycast.measurement.engine import count
from tallycast.measurement.model import EPISODES, REQUESTS
from tallycast.measurement.rulesets import rule_set

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 10_000_000
SAMPLE = 500_000
RUNS = 3
DAY = date(2026, 11, 10)
LIMIT = "512MB"
TIMES_BARE, MOST_MEGABYTES = 2.0, 1536

# A day of requests: a few episodes have most of them, some twenty thousand user agents, listeners
# who mostly ask once, players that probe and then fetch in ranges, and robots and machines.
_PLAYS = """
    SELECT i, hash(i) AS h1, hash(i, 1) AS h2, hash(i, 2) AS h3, hash(i, 3) AS h4
    FROM range($plays) AS t(i)"""
GENERATE = f"""
WITH plays AS ({_PLAYS}),
shaped AS (
    SELECT i, h4, (h1 % $ips)::BIGINT AS ip, (h4 % 86400000000)::BIGINT AS us,
        least(19999, floor(20000 * power((h2 % 1000003) / 1000003.0, 4)))::INTEGER AS agent,
        floor(2000 * power((h3 % 1000003) / 1000003.0, 3))::INTEGER AS episode,
        CASE WHEN h2 % 100 < 62 THEN 'whole' WHEN h2 % 100 < 88 THEN 'stream'
            WHEN h2 % 100 < 95 THEN 'browser' ELSE 'chunks' END AS kind,
        CASE WHEN h2 % 100 < 62 THEN 1 WHEN h2 % 100 < 88 THEN 3 + h3 % 3
            WHEN h2 % 100 < 95 THEN 2 ELSE 4 + h3 % 12 END AS pieces
    FROM plays),
requests AS (SELECT *, unnest(range(pieces::BIGINT)) AS j FROM shaped)
SELECT TIMESTAMP '2026-11-10' + to_microseconds((us + j * 7000000) % 86400000000) AS time,
    'log' AS source, 'file-' || (i % 8) AS file_id, i * 20 + j AS line,
    CASE WHEN $ids THEN md5((i * 20 + j)::VARCHAR) END AS request_id,
    'show_' || (episode // 100) AS show_id,
    'cdn.example/audio/' || episode || '/episode.mp3' AS media, '' AS part,
    CASE WHEN hash(i, j, 9) % 100 = 0 THEN 'HEAD' ELSE 'GET' END AS method,
    (CASE WHEN hash(i, j, 8) % 100 < 2 THEN 304 WHEN kind = 'whole' THEN 200 ELSE 206 END)::SMALLINT
        AS status,
    CASE kind WHEN 'whole' THEN NULL WHEN 'chunks' THEN j * 262144
        WHEN 'stream' THEN CASE WHEN j < 2 THEN 0 ELSE (j - 1) * 4000000 END ELSE 0 END
        AS range_start,
    CASE kind WHEN 'whole' THEN NULL WHEN 'chunks' THEN j * 262144 + 262143
        WHEN 'stream' THEN CASE WHEN j = 0 THEN 1 ELSE 28799999 END
        ELSE CASE WHEN j = 0 THEN 1 END END AS range_end,
    NULL::VARCHAR AS more_ranges,
    CASE kind WHEN 'whole' THEN CASE WHEN h4 % 20 = 0 THEN 131072 ELSE 28800000 END
        WHEN 'chunks' THEN 262144 WHEN 'stream' THEN CASE WHEN j = 0 THEN 2 ELSE 4000000 END
        ELSE CASE WHEN j = 0 THEN 2 WHEN h4 % 4 = 0 THEN 400000 ELSE 3000000 END END AS bytes_sent,
    NULL::BIGINT AS total_bytes, '2026-11' AS ip_key,
    md5(ip::VARCHAR) AS ip_hash,
    md5('y' || ip) AS ip_hash_previous,
    ['US', 'GB', 'DE', 'FR'][1 + (ip % 4)] AS country, 'R' || (ip % 50) AS region,
    (ip % 5000)::INTEGER AS asn,
    CASE WHEN ip % 60 = 0 THEN 'data_centre' WHEN ip % 7 = 0 THEN 'cellular' ELSE 'household' END
        AS network,
    CASE WHEN agent % 25 = 24 THEN 'Bot/' ELSE 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_' END
        || (agent % 7) || ' like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) App/' || agent
        AS user_agent,
    CASE WHEN agent % 10 = 0 THEN 'https://pages.example/' || (agent % 100) END AS referrer,
    NULL::VARCHAR AS session
FROM requests LIMIT $rows"""  # noqa: S608 - our own names

BARE = """SELECT media, day, count(*) FROM (
    SELECT DISTINCT hash(ip_hash, user_agent, media, time::DATE) AS k, media, time::DATE AS day
    FROM requests) GROUP BY media, day"""
SCAN = """SELECT max(hash(ip_hash)), max(hash(user_agent)), max(hash(media)), max(time)
    FROM requests"""


COLUMNS = [
    "ip_hash", "user_agent", "media", "method", "status", "range_start", "range_end", "bytes_sent",
    "network",
]  # fmt: skip


class Agents:
    """As cheap as can be: classifying agents is measured elsewhere (`bench/agents.py`)."""

    def classify(self, user_agents: Any) -> list[tuple[Any, ...]]:
        return [
            (
                "bot" if agent.startswith("Bot/") else "app",
                None,
                None,
                None,
                agent.startswith("Bot/"),
                False,
            )
            for agent in user_agents
        ]


def generate(folder: Path, rows: int, *, ids: bool) -> Path:
    """A Parquet file of requests, as the lake has them; the same every time."""
    path = folder / f"requests-{rows}-{ids}.parquet"
    con = duckdb.connect()
    con.execute("SET preserve_insertion_order = false")
    plays = {"plays": rows * 10 // 17, "ips": max(1000, rows // 8), "rows": rows, "ids": ids}
    names = ", ".join(f'"{name}"' for name in REQUESTS)
    query = GENERATE
    for name, value in plays.items():
        query = query.replace(f"${name}", str(value))
    con.execute(
        f"COPY (SELECT {names} FROM ({query})) TO '{path}' "  # noqa: S608 - our own names
        "(FORMAT parquet, COMPRESSION snappy)"
    )
    return path


def opened(path: str, limit: str | None = None) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET threads = 2")
    con.execute("SET preserve_insertion_order = false")
    if limit:
        con.execute(f"SET memory_limit = '{limit}'")
        con.execute(f"SET temp_directory = '{path}.spill'")
    con.execute(f"CREATE VIEW requests AS FROM read_parquet('{path}')")
    shape = ", ".join(f'"{name}" {kind}' for name, kind in EPISODES.items())
    con.execute(f"CREATE TABLE episodes ({shape})")
    con.execute(
        """INSERT INTO episodes BY NAME SELECT 'cdn.example/audio/' || i || '/episode.mp3' AS media,
            'ep_' || i AS episode_id, 'show_' || (i // 100) AS show_id, 'UTC' AS zone,
            28800000 AS length_bytes, 1800.0 AS duration_seconds, 0 AS header_bytes
        FROM range(2000) AS t(i)"""
    )
    return con


def by_bare(path: str) -> Callable[[], int]:
    con = opened(path)
    return lambda: sum(row[2] for row in con.execute(BARE).fetchall())


def by_scan(path: str) -> Callable[[], int]:
    con = opened(path)
    return lambda: len(con.execute(SCAN).fetchall())


def by_tallycast(
    path: str, *, window: str = "calendar", detail: bool = False, limit: str | None = None
) -> Callable[[], int]:
    con = opened(path, limit)
    rules = rule_set("iab-2.3", window=window)  # type: ignore[arg-type]  # one of the three

    def work() -> int:
        found = count(con, rules, Agents(), day=DAY, detail=detail).waterfall()
        return sum(line[-1] for line in found if line[-2] == "counted")

    return work


def by_pandas(path: str) -> Callable[[], int]:
    """The rules that decide most, as a data frame does them."""
    import pandas as pd  # noqa: PLC0415 - only the process that measures it loads it

    def work() -> int:
        rows = pd.read_parquet(path, columns=COLUMNS)
        rows = rows[(rows["method"] == "GET") & rows["status"].isin([200, 206])]
        rows = rows[~(rows["range_end"] == rows["range_start"] + 1)]
        rows = rows[~rows["network"].isin(["data_centre", "vpn"])]
        rows = rows[~rows["user_agent"].str.startswith("Bot/")]
        rows["start"] = rows["range_start"].fillna(0)
        rows["end"] = rows["start"] + rows["bytes_sent"]
        key = ["ip_hash", "user_agent", "media"]
        rows = rows.sort_values([*key, "start"])
        reached = rows.groupby(key, sort=False)["end"].cummax()
        before = reached.groupby([rows[name] for name in key], sort=False).shift().fillna(0)
        rows["new"] = (rows["end"] - before.where(before > rows["start"], rows["start"])).clip(
            lower=0
        )
        sums = rows.groupby(key, sort=False)["new"].sum()
        return int((sums >= 960_000).sum())

    return work


def by_pyarrow(path: str) -> Callable[[], int]:
    """Arrow has no running maximum by group: sums of bytes stand for merged ranges."""
    import pyarrow.compute as pc  # noqa: PLC0415 - only the process that measures it loads it
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    def work() -> int:
        table = pq.read_table(path, columns=COLUMNS)
        two = pc.fill_null(pc.equal(table["range_end"], pc.add(table["range_start"], 1)), False)  # noqa: FBT003 - its signature
        keep = pc.and_(
            pc.equal(table["method"], "GET"),
            pc.is_in(table["status"], value_set=_array([200, 206])),
        )
        keep = pc.and_(keep, pc.invert(two))
        keep = pc.and_(
            keep, pc.invert(pc.is_in(table["network"], value_set=_array(["data_centre", "vpn"])))
        )
        keep = pc.and_(keep, pc.invert(pc.starts_with(table["user_agent"], "Bot/")))
        sums = (
            table.filter(keep)
            .group_by(["ip_hash", "user_agent", "media"])
            .aggregate([("bytes_sent", "sum")])
        )
        return int(pc.sum(pc.greater_equal(sums["bytes_sent_sum"], 960_000)).as_py())

    return work


def _array(values: list[Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - only the process that measures it loads it

    return pa.array(values, pa.int16() if isinstance(values[0], int) else pa.string())


def by_loop(path: str) -> Callable[[], int]:
    """One request after the other, in Python."""
    con = opened(path)

    def work() -> int:
        spans: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
        cursor = con.execute(
            """SELECT ip_hash, user_agent, media, method, status, range_start, range_end,
                bytes_sent, network FROM requests"""
        )
        while batch := cursor.fetchmany(10_000):
            for ip, agent, media, method, status, start, end, sent, network in batch:
                if (
                    method != "GET"
                    or status not in {200, 206}
                    or (start is not None and end == start + 1)
                ):
                    continue
                if network in {"data_centre", "vpn"} or agent.startswith("Bot/"):
                    continue
                first = start or 0
                spans.setdefault((ip, agent, media), []).append((first, first + sent))
        return sum(_union(found) >= 960_000 for found in spans.values())

    return work


def _union(found: list[tuple[int, int]]) -> int:
    total = reached = 0
    for start, end in sorted(found):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


WAYS: dict[str, Callable[..., Callable[[], int]]] = {
    "bare": by_bare, "scan": by_scan, "tallycast": by_tallycast, "pandas": by_pandas,
    "pyarrow": by_pyarrow, "loop": by_loop,
}  # fmt: skip


def child() -> None:
    """Measure one way in this process; prints JSON."""
    name, path, runs, options = sys.argv[2], sys.argv[3], int(sys.argv[4]), json.loads(sys.argv[5])
    work = WAYS[name](path, **options)
    processor, wall, result = [], [], 0
    for _ in range(runs):
        begun, begun_wall = time.process_time(), time.perf_counter()
        result = work()
        processor.append(time.process_time() - begun)
        wall.append(time.perf_counter() - begun_wall)
    status = Path("/proc/self/status")
    if status.exists():
        peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"cpu": median(processor), "wall": median(wall), "peak": peak, "result": result})
    )


def measured(name: str, path: Path, runs: int = RUNS, **options: Any) -> dict[str, float]:
    """What a process of its own measures of one way."""
    command = [sys.executable, __file__, "--child", name, str(path), str(runs), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(what: str, found: dict[str, float], bare: float, scale: int = 1) -> None:
    scaled = f"  (on 1/{scale} of the rows, scaled)" if scale > 1 else ""
    print(
        f"  {what:<38}{found['cpu'] * scale:>8.2f} s {found['cpu'] * scale / bare:>7.2f} x"
        f"{found['wall'] * scale:>9.2f} s{found['peak']:>8.0f} MB"
        f"{int(found['result']):>11,}{scaled}"
    )


def main(rows: int = ROWS) -> int:
    """Run everything; 1 when a promise was missed."""
    scale = max(1, rows // SAMPLE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, sample = generate(folder, rows, ids=False), generate(folder, rows // scale, ids=False)
        print(f"\n{rows:,} requests, {path.stat().st_size / 1e6:.0f} MB of Parquet, two threads")
        print(f"  {'':<38}{'processor':>10}{'= bare':>9}{'wall':>11}{'peak':>11}{'result':>11}")
        bare = measured("bare", path)
        show("bare query", bare, bare["cpu"])
        show("plain scan of its columns", measured("scan", path), bare["cpu"])
        ours = measured("tallycast", path)
        show("iab-2.3 with waterfall", ours, bare["cpu"])
        small = measured("tallycast", path, 1, limit=LIMIT)
        show(f"  at a memory limit of {LIMIT}", small, bare["cpu"])
        show(
            "  and every download as a row",
            measured("tallycast", path, 1, detail=True),
            bare["cpu"],
        )
        for window in ("rolling", "extending"):
            show(
                f"  {window} window, with rows",
                measured("tallycast", path, 1, window=window),
                bare["cpu"],
            )
        named = generate(folder, rows, ids=True)
        show("  requests that have names", measured("tallycast", named, 1), bare["cpu"])
        named.unlink()
        for peer in ("pandas", "pyarrow", "loop"):
            show(peer, measured(peer, sample, 1), bare["cpu"], scale)
    ratio = ours["cpu"] / bare["cpu"]
    kept = [
        ("time", ratio <= TIMES_BARE, f"{ratio:.2f} x the bare query (at most {TIMES_BARE:.0f} x)"),
        (
            "memory",
            ours["peak"] < MOST_MEGABYTES,
            f"{ours['peak']:.0f} MB (below {MOST_MEGABYTES})",
        ),
        ("limit", small["result"] == ours["result"], f"the same count at {LIMIT}"),
    ]
    for what, good, told in kept:
        print(f"({what}) {told} {'PASS' if good else 'MISS'}")
    return 0 if all(good for _, good, _ in kept) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child()
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
