"""How the count of a day grows with its requests: 10^6, 10^7 and, when asked for, 10^8.

    python -m bench.growth [ROWS…]

What is measured is what one step of the counting workflow does to a shard: read the day's Parquet,
count it under `iab-2.3` with a row for every download, and sum the facts that the cards are made
of; in a process of its own with the function's memory limit. The generator's time is not counted.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "layers/core")]

from bench.count import DAY, Agents, generate, opened  # noqa: E402 - as the path allows
from tallycast.measurement.engine import count  # noqa: E402
from tallycast.measurement.rollups.facts import collect_facts  # noqa: E402
from tallycast.measurement.rulesets import rule_set  # noqa: E402

ROWS = (1_000_000, 10_000_000)
ROWS_PER_SHARD = 20_000_000
LIMIT = "2GB"


def shard(path: str, number: int, shards: int) -> dict[str, float]:
    """Count one shard, as `count_downloads` does."""
    con = opened(path, LIMIT)
    began, processor = time.perf_counter(), time.process_time()
    count(con, rule_set("iab-2.3"), Agents(), day=DAY, shard=number, shards=shards)
    for table in ("downloads", "waterfall"):
        con.execute(f"CREATE TEMP VIEW {table} AS FROM counted_{table}")
    collect_facts(con, "bench")
    downloads = con.execute("SELECT count(*) FROM downloads").fetchone()[0]
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return {
        "cpu": time.process_time() - processor,
        "wall": time.perf_counter() - began,
        "peak": peak,
        "downloads": downloads,
    }


def measured(path: Path, number: int, shards: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--child", str(path), str(number), str(shards)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(wanted: tuple[int, ...] = ROWS) -> int:
    """Print one line per size."""
    print(f"\nA day counted and summed, shards of {ROWS_PER_SHARD:,} rows, {LIMIT} limit")
    names = ("requests", "shards", "processor", "per 10^6", "slowest", "peak")
    print("".join(f"{name:>13}" for name in names))
    for rows in wanted:
        shards = math.ceil(rows / ROWS_PER_SHARD)
        with tempfile.TemporaryDirectory() as name:
            path = generate(Path(name), rows, ids=False)
            found = [measured(path, number, shards) for number in range(shards)]
        cpu = sum(each["cpu"] for each in found)
        wall, peak = (max(each[name] for each in found) for name in ("wall", "peak"))
        print(
            f"{rows:>13,}{shards:>13}{cpu:>11.1f} s{cpu / rows * 1e6:>11.2f} s"
            f"{wall:>11.1f} s{peak:>10.0f} MB"
        )
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(shard(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        sys.exit(main(tuple(int(float(each)) for each in sys.argv[1:]) or ROWS))
