"""What the functions of analytics are told by their environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class NumbersSettings(Settings):
    """Reads of shows and numbers, in `api` and `partner_api`."""

    core_table: str
    metrics_table: str


class ExportSettings(Settings):
    """Asking for exports, in `api` and `partner_api`."""

    core_table: str
    exports_bucket: str
    export_queue_url: str


class ExportTableSettings(Settings):
    """`export_table`. `memory_limit` is DuckDB's, in its own words; beyond it it spills."""

    core_table: str
    metrics_table: str
    lake_bucket: str
    exports_bucket: str
    memory_limit: str = "1GB"
