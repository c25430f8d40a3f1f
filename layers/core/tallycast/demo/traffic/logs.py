"""Generated requests as log files with raw addresses, in the shapes that servers write.

`csv` has the canonical columns; `cloudfront` is the W3C standard log; `combined` is Apache's and
nginx's with the Range header behind it; `jsonl` has an object a line. What only a prefix saw is
always canonical CSV, with a column that says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tallycast.demo.traffic.addresses import name_addresses
from tallycast.demo.traffic.tables import statement

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

# Format → the file's ending, and how DuckDB writes it. Text formats have one column, unquoted.
_PLAIN = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x02'"
_ENDINGS = {
    "csv": ("csv", "FORMAT csv, HEADER true"),
    "cloudfront": ("tsv", _PLAIN),
    "combined": ("log", _PLAIN),
    "jsonl": ("jsonl", "FORMAT json"),
}
FORMATS = tuple(_ENDINGS)


def write(world: duckdb.DuckDBPyConnection, form: str, seed: int, into: Path) -> int:
    """Write one log a day for each source with requests, into `into / "logs"`.

    Args:
        world: with the whole set in the table `requests`.
        form: one of `FORMATS`.
        seed: gives the order of the addresses.
        into: the folder of the set.

    Returns:
        How many files were written.
    """
    folder = into / "logs"
    folder.mkdir(exist_ok=True)
    name_addresses(world, seed)
    days = world.execute(
        "SELECT time_us // 86400000000 AS day, prefix FROM requests GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for day, prefix in days:
        date = datetime.fromtimestamp(day * 86400, UTC).date().isoformat()
        shape = "csv" if prefix else form
        lines = statement(
            "log_rows", prefix=str(prefix), from_us=str(day * 86_400_000_000),
            past_us=str((day + 1) * 86_400_000_000),
        )  # fmt: skip
        world.execute(f"CREATE OR REPLACE TEMP TABLE log_rows AS {lines}")
        ending, options = _ENDINGS[shape]
        path = folder / f"{'prefixed' if prefix else 'served'}-{date}.{ending}"
        query = statement("log_prefixed" if prefix else f"log_{shape}")
        target = str(path).replace("'", "''")
        world.execute(f"COPY ({query}) TO '{target}' ({options})")
    return len(days)
