"""The SQL of an export: which columns it has, and text that no spreadsheet takes for formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.analytics.tables import FORMULA_STARTS
from tallycast.measurement.model import DOWNLOADS, RESTATEMENTS, WATERFALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallycast.analytics.exports.model import FileFormat, TableName

# Addresses stay in the lake, hashed as they are: nobody needs them to read downloads.
PRIVATE: Final = frozenset({"ip_key", "ip_hash", "ip_hash_previous"})
# `day` is the reporting day; of a restatement, the day on which it was made.
_KINDS: Final[Mapping[TableName, Mapping[str, str]]] = {
    "downloads": {"day": "DATE", **{n: k for n, k in DOWNLOADS.items() if n not in PRIVATE}},
    "waterfall": {"day": "DATE", **WATERFALL},
    "restatements": {"day": "DATE", **RESTATEMENTS},
}
_CODES: Final = ", ".join(f"chr({ord(start)})" for start in FORMULA_STARTS)


def create(table: TableName) -> str:
    """The statement that makes the table `exported`."""
    listed = ", ".join(f"{name} {kind}" for name, kind in _KINDS[table].items())
    return f"CREATE TABLE exported ({listed})"


def insert(table: TableName, *, rules: bool, show: bool) -> str:
    """The statement that takes rows in from Parquet files of one day.

    Its parameters are `day`, `paths`, `salt` of listeners' names, and `rules` and `show` as asked.
    """
    picked = ", ".join(_picked(name) for name in _KINDS[table])
    conditions = [*(["rules = $rules"] if rules else []), *(["show_id = $show"] if show else [])]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return (
        f"INSERT INTO exported SELECT {picked} "  # noqa: S608 - our own columns
        f"FROM read_parquet($paths, hive_partitioning = false){where}"
    )


def _picked(name: str) -> str:
    if name == "day":
        return "$day::DATE"
    # A listener keeps its name within one export, and has another in the next.
    return "md5($salt || listener)" if name == "listener" else name


def copy(table: TableName, file_format: FileFormat, path: str) -> str:
    """The statement that writes `exported` to a file of ours, in the order of the days."""
    if file_format == "parquet":
        return f"COPY (FROM exported) TO '{path}' (FORMAT parquet, COMPRESSION snappy)"
    picked = ", ".join(_safe(name, kind) for name, kind in _KINDS[table].items())
    return (
        f"COPY (SELECT {picked} FROM exported) TO '{path}' "  # noqa: S608 - our own columns
        "(FORMAT csv, HEADER, COMPRESSION gzip)"
    )


def _safe(name: str, kind: str) -> str:
    if kind != "VARCHAR":
        return name
    return f"CASE WHEN {name}[1] IN ({_CODES}) THEN chr(39) || {name} ELSE {name} END AS {name}"
