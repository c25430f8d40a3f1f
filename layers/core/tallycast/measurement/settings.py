"""What each function of counting is told by its environment."""

from __future__ import annotations

from tallycast.aws.settings import Settings


class IngestSettings(Settings):
    """`ingest_log`."""

    core_table: str
    metrics_table: str
    privacy_table: str
    lake_bucket: str
    key_retention_months: int
    memory_limit: str = "1GB"


class ScheduleCountsSettings(Settings):
    """`schedule_counts`."""

    core_table: str
    metrics_table: str
    lake_bucket: str
    count_state_machine: str


class CountSettings(Settings):
    """`count_downloads`. `memory_limit` is DuckDB's, in its own words; beyond it it spills."""

    core_table: str
    metrics_table: str
    lake_bucket: str
    idempotency_table: str
    event_bus: str
    memory_limit: str = "1GB"


class ManageMeasurementSettings(ScheduleCountsSettings):
    """`manage_measurement`. `tracking_url` is what stands before `/e/` in a prefix."""

    privacy_table: str
    tracking_url: str
