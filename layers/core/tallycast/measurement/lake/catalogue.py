"""What the lake's tables are called and made of, as Glue and Athena know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.measurement import model

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "requests": model.REQUESTS,
    "downloads": model.DOWNLOADS,
    "waterfall": model.WATERFALL,
    "quarantine": model.QUARANTINE,
    "restatements": model.RESTATEMENTS,
    "episodes": model.EPISODES,
}
# In the order in which they stand in the path.
PARTITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "requests": ("tenant", "dt"),
    "downloads": ("tenant", "rules", "dt"),
    "waterfall": ("tenant", "rules", "dt"),
    "quarantine": ("tenant", "dt"),
    "restatements": ("tenant", "dt"),
    "episodes": ("tenant",),
}
_GLUE_TYPES: Final = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DOUBLE": "double",
    "INTEGER": "int",
    "SMALLINT": "smallint",
    "TIMESTAMP": "timestamp",
    "VARCHAR": "string",
}


def glue_columns(table: str) -> list[dict[str, str]]:
    """A table's columns as Glue writes them: `[{"Name": "time", "Type": "timestamp"}, …]`."""
    return [{"Name": name, "Type": _GLUE_TYPES[kind]} for name, kind in TABLES[table].items()]


def partition_keys(table: str) -> list[dict[str, str]]:
    """A table's partition keys; `dt` is text, so that days compare as they are written."""
    return [{"Name": name, "Type": "string"} for name in PARTITIONS[table]]


def template(bucket: str, table: str) -> str:
    """`s3://bucket/requests/tenant=${tenant}/dt=${dt}/`: where projection looks."""
    path = "/".join(f"{name}=${{{name}}}" for name in PARTITIONS[table])
    return f"s3://{bucket}/{table}/{path}/"
