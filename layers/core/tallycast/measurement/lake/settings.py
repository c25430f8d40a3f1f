"""What the lake's functions are told by their environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class CompactSettings(Settings):
    """`compact_lake`.

    A day is compacted when it is `compact_after_days` old, and for `compact_look_back_days` more
    whenever files were added to it or rewritten. `memory_limit` is DuckDB's, in its own words.
    """

    core_table: str
    metrics_table: str
    lake_bucket: str
    compact_after_days: int = 3
    compact_look_back_days: int = 30
    memory_limit: str = "1GB"
