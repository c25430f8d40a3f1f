"""The measurement room on moto: files arrive, days are counted, numbers are read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from tallycast.aws import clients
from tallycast.aws.bus import EventBus
from tallycast.feeds.store import FeedStore
from tallycast.measurement.counting.days import DayRef, DayState, DayStore
from tallycast.measurement.counting.marking import Marker
from tallycast.measurement.counting.opening import Opening
from tallycast.measurement.counting.periods import Periods
from tallycast.measurement.counting.run import RunStore
from tallycast.measurement.counting.settling import Settling
from tallycast.measurement.counting.shards import Shards
from tallycast.measurement.counting.snapshot import EpisodeSnapshots
from tallycast.measurement.counting.steps import Steps
from tallycast.measurement.intake.arrivals import arrival
from tallycast.measurement.intake.ingest import Ingest, Taken
from tallycast.measurement.intake.sources import LogSourceStore
from tallycast.measurement.lake.ledger import Ledger
from tallycast.measurement.lake.store import LakeStore
from tallycast.measurement.logs.model import Limits
from tallycast.measurement.privacy.store import KeyStore
from tallycast.measurement.reference.loading import ReferenceCache
from tallycast.measurement.reference.store import ReferenceStore
from tallycast.measurement.rollups.model import Card, Thing
from tallycast.measurement.rollups.reading import CardReader
from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore
from tallycast.measurement.use_cases.count import connected
from tallycast.measurement.use_cases.ingest import enrichment_with
from tests.support.stacks import Stacks, aws_stacks

COLUMNS = (
    "time", "ip", "method", "url", "status", "range", "bytes_sent", "user_agent", "referrer",
)  # fmt: skip
PHONE = "AppleCoreMedia/1.0.0.20G75 (iPhone; U; CPU OS 16_6 like Mac OS X; en_us)"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AUDIO = "https://cdn.example/show/one.mp3"


def a_request(**facts: Any) -> dict[str, Any]:
    """One request for the whole of an episode, as a row of the canonical CSV."""
    row = {
        "time": NOON,
        "ip": "198.51.100.7",
        "method": "GET",
        "url": AUDIO,
        "status": 200,
        "range": "",
        "bytes_sent": 5_000_000,
        "user_agent": PHONE,
        "referrer": "",
    }
    row |= facts
    return row


def listeners(count: int, **facts: Any) -> list[dict[str, Any]]:
    """Requests of as many listeners, each at an address of its own."""
    return [a_request(ip=f"203.0.{n // 250}.{n % 250 + 1}", **facts) for n in range(count)]


def a_log(rows: list[dict[str, Any]], *, bad: int = 0) -> bytes:
    """A canonical CSV with so many lines at its end that nobody can read."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "time": row["time"].isoformat()} for row in rows)
    text.write("yesterday,nowhere,GET,:,many,,,,\n" * bad)
    return text.getvalue().encode()


@dataclass
class MeasurementPlatform:
    """Everything a test of counting needs, wired as the functions wire it, with a clock of ours."""

    stacks: Stacks
    now: datetime = NOON + timedelta(hours=6)
    tenant: str = "acme"
    plans: int = field(default=0)

    def __post_init__(self) -> None:
        outputs = self.stacks.outputs
        core, metrics = (clients.table(outputs[n]) for n in ("CoreTable", "MetricsTable"))
        self.metrics = metrics
        self.lake = LakeStore(clients.s3(), outputs["LakeBucket"])
        self.ledger = Ledger(metrics)
        self.days = DayStore(metrics)
        self.settings = MeasurementSettingsStore(core)
        self.marker = Marker(days=self.days, settings=self.settings)
        self.reference = ReferenceCache(ReferenceStore(clients.s3(), outputs["LakeBucket"]))
        self.keys = KeyStore(clients.table(outputs["PrivacyTable"]))
        self.reader = CardReader(metrics)
        self.runs = RunStore(clients.s3(), outputs["LakeBucket"])
        self.connect = partial(connected, "500MB")
        self.ingest = Ingest(
            s3=clients.s3(),
            lake=self.lake,
            ledger=self.ledger,
            marker=self.marker,
            sources=LogSourceStore(core),
            enrichment=enrichment_with(self.keys, self.reference, self.clock, 13),
            clock=self.clock,
            limits=Limits(memory="500MB", threads=1),
        )
        self.bus = EventBus(
            clients.events(), outputs["EventBusName"], clients.table(outputs["IdempotencyTable"])
        )
        self.steps = Steps(
            opening=Opening(
                days=self.days,
                runs=self.runs,
                ledger=self.ledger,
                lake=self.lake,
                episodes=EpisodeSnapshots(FeedStore(core), self.lake, self.connect),
                settings=self.settings,
                reference=self.reference,
                clock=self.clock,
            ),
            shards=Shards(self.lake, self.reference, self.connect),
            settling=Settling(
                days=self.days,
                lake=self.lake,
                metrics=metrics,
                bus=self.bus,
                connect=self.connect,
            ),
            periods=Periods(
                days=self.days,
                lake=self.lake,
                metrics=metrics,
                connect=self.connect,
                clock=self.clock,
            ),
            runs=self.runs,
            days=self.days,
            clock=self.clock,
        )

    def clock(self) -> datetime:
        return self.now

    def set(self, **settings: Any) -> None:
        """Change the tenant's settings."""
        self.settings.put(self.tenant, MeasurementSettings.model_validate(settings))

    def drop(self, name: str, body: bytes, *, prefix: str | None = None) -> str:
        """Put a file where it arrives; its key."""
        key = f"{prefix or f'logs/{self.tenant}/cdn'}/{name}"
        clients.s3().put_object(Bucket=self.stacks.outputs["IntakeBucket"], Key=key, Body=body)
        return key

    def take(self, key: str) -> Taken:
        """Take a file in, as S3's notice has it."""
        taken = self.ingest.take(arrival(self.stacks.outputs["IntakeBucket"], key))
        assert taken is not None
        return taken

    def deliver(self, name: str, rows: list[dict[str, Any]], *, bad: int = 0) -> Taken:
        """Drop a log and take it in."""
        return self.take(self.drop(name, a_log(rows, bad=bad)))

    def due(self, at: datetime | None = None) -> list[DayRef]:
        """The days that wait for a count, at a moment that is late enough by default."""
        return list(self.days.due(at or self.now + timedelta(days=30)))

    def open(self, ref: DayRef, *, force: bool = False, plan: str | None = None) -> dict[str, Any]:
        """The first step of a count."""
        self.plans += plan is None
        planned = {**ref.model_dump(mode="json"), "plan": plan or f"plan_{self.plans}"}
        return self.steps.take({"step": "open", "day": {**planned, "force": force}})

    def count(self, ref: DayRef, *, force: bool = False) -> dict[str, Any] | None:
        """All steps of one day; None when it had not changed."""
        opened = self.open(ref, force=force)
        if opened["unchanged"]:
            return None
        for shard in opened["shards"]:
            self.steps.take(shard)
        return self.steps.take({"step": "settle", "run": opened["run"]})

    def count_due(self) -> list[dict[str, Any]]:
        """Count every day that waits; what each came to."""
        return [done for ref in self.due() if (done := self.count(ref)) is not None]

    def ref(self, day: date | None = None, rules: str = "iab-2.3") -> DayRef:
        return DayRef(tenant=self.tenant, rules=rules, day=day or NOON.date())

    def state(self, day: date | None = None, rules: str = "iab-2.3") -> DayState:
        return self.days.get(self.ref(day, rules))

    def card(
        self, day: date | None = None, rules: str = "iab-2.3", tenant: str | None = None
    ) -> Card | None:
        """The tenant's numbers of a day."""
        name = tenant or self.tenant
        return self.reader.day(Thing(name, rules, "tenant", name), day or NOON.date())

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Everything in the lake under a prefix, by key."""
        bucket = self.stacks.outputs["LakeBucket"]
        return {
            entry.key: clients.s3().get_object(Bucket=bucket, Key=entry.key)["Body"].read()
            for entry in self.lake.listed(prefix)
        }

    def rows(self, prefix: str) -> list[tuple[Any, ...]]:
        """The rows of every Parquet file in the lake under a prefix."""
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder, self.connect() as db:
            keys = [entry.key for entry in self.lake.listed(prefix)]
            paths = [str(path) for path in self.lake.fetch(keys, Path(folder)).values()]
            if not paths:
                return []
            return db.execute(
                "FROM read_parquet(?, hive_partitioning = false) ORDER BY ALL", [paths]
            ).fetchall()

    def told(self) -> list[dict[str, Any]]:
        """The events that were put, by a listener of the test's own."""
        return [json.loads(event.detail) for event in self._told]

    _told: list[Any] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what the bus takes from now on."""
        put = self.bus._put

        def kept(events: Any) -> None:
            put(events)
            self._told.extend(events)

        self.bus._put = kept


@contextmanager
def measurement_platform(**facts: Any) -> Iterator[MeasurementPlatform]:
    """A fresh platform on moto."""
    with aws_stacks() as stacks:
        yield MeasurementPlatform(stacks, **facts)
