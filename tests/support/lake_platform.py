"""The lake and its ledger on moto, created from the real templates, with days of requests to put in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import duckdb
import yaml
from moto import mock_aws

from infra.local.template import read
from tallycast.aws import clients
from tallycast.measurement.lake import keys
from tallycast.measurement.lake.compaction import Compactor
from tallycast.measurement.lake.files import Committed, RequestFile
from tallycast.measurement.lake.ledger import Ledger
from tallycast.measurement.lake.reading import fetch_requests
from tallycast.measurement.lake.retention import Retention
from tallycast.measurement.lake.store import LakeStore
from tallycast.measurement.model import REQUESTS
from tests.support.moto_speed import quick_moto

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = date(2026, 11, 10)
_DB = duckdb.connect(config={"threads": 1})


@dataclass
class LakePlatform:
    """Everything a test of the lake needs, wired as the functions wire it."""

    bucket: str
    table_name: str
    folder: Path
    tenant: str = "acme"
    now: datetime = NOW
    seen: int = field(default=0)

    def __post_init__(self) -> None:
        self.table = clients.table(self.table_name)
        self.ledger = Ledger(self.table)
        self.store = LakeStore(clients.s3(), self.bucket)
        self.compactor = Compactor(self.ledger, self.store, memory_limit="200MB")
        self.retention = Retention(self.ledger, self.store)

    def take_in(
        self, name: str, etag: str, lines: Sequence[tuple[date, str]], **parts: Any
    ) -> Committed | None:
        """What intake does with a log file; None when it was delivered twice.

        `lines` are day and media; `parts` replace `ledger` or `store`.
        """
        ledger, store = parts.get("ledger", self.ledger), parts.get("store", self.store)
        source = ledger.begin(self.tenant, name)
        if source.has(etag):
            return None
        file_id = source.id_of(etag)
        files = []
        for day in sorted({day for day, _ in lines}):
            rows = [media for on, media in lines if on == day]
            path = write_requests(self.folder / f"{file_id}-{day}.parquet", file_id, day, rows)
            stored = store.put(path, keys.requests_object(self.tenant, day, file_id))
            files.append(
                RequestFile(
                    day=day,
                    file_id=file_id,
                    object_key=stored.key,
                    etag=stored.etag,
                    rows=len(rows),
                    object_rows=len(rows),
                    object_bytes=stored.size,
                    source=name,
                    source_etag=etag,
                )
            )
        committed = ledger.commit(source, etag, files)
        store.delete(committed.superseded)
        return committed

    def counted(self, day: date = DAY, **parts: Any) -> list[str]:
        """The media of every request that counts on a day, sorted: what a count would see."""
        self.seen += 1
        local = fetch_requests(
            parts.get("ledger", self.ledger),
            self.store,
            self.tenant,
            [day],
            self.folder / f"read-{self.seen}",
        )
        with duckdb.connect() as db:
            rows = db.sql(f"FROM {local.relation}").project("media").fetchall()
        assert local.rows == len(rows)
        return sorted(media for (media,) in rows)

    def objects(self, prefix: str = "requests/") -> list[str]:
        """Keys in the bucket."""
        return [entry.key for entry in self.store.listed(prefix)]

    def age_objects(self, days: int) -> None:
        """Let time pass: what lies in the bucket now is so many days old."""
        self.now = datetime.now(UTC) + timedelta(days=days)


def write_requests(path: Path, file_id: str, day: date, medias: Sequence[str]) -> Path:
    """A Parquet file of requests, one for each media, as intake writes it."""
    columns = ", ".join(f"{name} {kind}" for name, kind in REQUESTS.items())
    _DB.execute(f"CREATE OR REPLACE TABLE requests ({columns})")
    _DB.execute(
        "INSERT INTO requests BY NAME SELECT ?::TIMESTAMP AS time, 'log' AS source, "
        "? AS file_id, unnest(?::INTEGER[]) AS line, unnest(?::VARCHAR[]) AS media, "
        "unnest(?::VARCHAR[]) AS ip_hash, '' AS part, 'GET' AS method",
        [
            datetime(day.year, day.month, day.day, 12),
            file_id,
            list(range(1, len(medias) + 1)),
            list(medias),
            [hash_of(media) for media in medias],
        ],
    )
    _DB.execute(f"COPY requests TO '{path}' (FORMAT parquet, COMPRESSION snappy)")
    return path


def hash_of(media: str) -> str:
    return f"{abs(hash(media)):016x}"


@cache
def _template(name: str) -> dict[str, Any]:
    return read(ROOT / "infra" / f"{name}.yaml")


def metrics_table() -> dict[str, Any]:
    """The metrics table as the template has it."""
    return _template("storage")["Resources"]["Metrics"]


@contextmanager
def lake_platform(folder: Path) -> Iterator[LakePlatform]:
    """A fresh lake on moto."""
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_REGION": "eu-central-1",
    }
    before = dict(os.environ)
    os.environ.pop("AWS_ENDPOINT_URL", None)
    os.environ.update(environment)
    lake = _template("lake")
    template = {
        "Parameters": lake["Parameters"],
        "Conditions": lake["Conditions"],
        "Resources": {"Lake": lake["Resources"]["Lake"], "Metrics": metrics_table()},
        "Outputs": {"Lake": {"Value": {"Ref": "Lake"}}, "Metrics": {"Value": {"Ref": "Metrics"}}},
    }
    try:
        with mock_aws(), quick_moto():
            _forget_clients()
            cloudformation = boto3.client("cloudformation")
            cloudformation.create_stack(
                StackName="lake",
                TemplateBody=yaml.safe_dump(template),
                Parameters=[{"ParameterKey": "Stage", "ParameterValue": "local"}],
            )
            [stack] = cloudformation.describe_stacks(StackName="lake")["Stacks"]
            outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
            yield LakePlatform(outputs["Lake"], outputs["Metrics"], folder)
    finally:
        _forget_clients()
        os.environ.clear()
        os.environ.update(before)


def _forget_clients() -> None:
    clients._client.cache_clear()
    clients._dynamodb.cache_clear()
    clients.table.cache_clear()
