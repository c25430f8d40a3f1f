"""One tenant whose downloads are counted on the deployed platform, and every account of them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb

from tallycast.measurement.counting.days import DayStore
from tallycast.measurement.lake.ledger import Ledger
from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore
from tests.support.cloud import call, wait_until, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.local.cloud import LocalCloud

PATIENCE_SECONDS = 90
LATER = timedelta(minutes=3)  # a file that came just now is due for a count by then
RULES = "iab-2.3"
_ticks = count(1)


@dataclass(frozen=True)
class Books:
    """What intake says it did with a tenant's records."""

    files: int
    accepted: int
    stored: int
    quarantined: int
    deduplicated: int

    @property
    def balance(self) -> int:
        """Zero, or records were lost or made up."""
        return self.accepted - self.stored - self.quarantined - self.deduplicated


@dataclass
class Measured:
    """A tenant with an ear of its own for what is said of its counts."""

    cloud: LocalCloud
    name: str
    began: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(seconds=1))
    heard: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        metrics = self.cloud.table(self.cloud.outputs["MetricsTable"])
        self.days = DayStore(metrics)
        self.ledger = Ledger(metrics)
        self._ear = _ear(self.cloud, self.name)

    # ── doing ──

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """What `manage_measurement` answers to a command that it carries out."""
        event = {"command": command, "tenant": self.name, **arguments}
        answer, failed = call(self.cloud, "ManageMeasurement", event)
        assert not failed, answer
        assert "error" not in answer, answer
        return dict(answer)

    def settle_on(self, **settings: Any) -> None:
        """Write settings as they are; the command would have the open days counted as well."""
        table = self.cloud.table(self.cloud.outputs["CoreTable"])
        MeasurementSettingsStore(table).put(self.name, MeasurementSettings.model_validate(settings))

    def drop(self, name: str, body: bytes, *, source: str = "cdn") -> str:
        """Put a log file where it arrives; its key. S3's notice is under way then."""
        key = f"logs/{self.name}/{source}/{name}"
        self.put(key, body)
        return key

    def put(self, key: str, body: bytes) -> None:
        self.cloud.client("s3").put_object(
            Bucket=self.cloud.outputs["IntakeBucket"], Key=key, Body=body
        )

    def told_of(self, key: str) -> str:
        """The notice that S3 sends of an object."""
        bucket = self.cloud.outputs["IntakeBucket"]
        thing = {"bucket": {"name": bucket}, "object": {"key": key}}
        return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": thing}]})

    def tell_again(self, keys: Sequence[str]) -> None:
        """Deliver the notices of files once more, in this order."""
        sqs, url = self.cloud.client("sqs"), self.cloud.outputs["ArrivalsUrl"]
        for start in range(0, len(keys), 10):
            sqs.send_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(n), "MessageBody": self.told_of(key)}
                    for n, key in enumerate(keys[start : start + 10])
                ],
            )

    def count_due(self, at: datetime | None = None) -> None:
        """Tick late enough for everything that came, and wait for the counts."""
        tick(self.cloud, at)
        all_counted(self.cloud)

    def recount(self, first: date, last: date, **arguments: object) -> dict[str, Any]:
        """Have a period counted again, and wait for that."""
        plan = self.ask("recount", first=str(first), last=str(last), **arguments)
        all_counted(self.cloud)
        return plan

    # ── seeing ──

    def books(self, files: int | None = None) -> Books:
        """What intake says; with `files`, once it has taken in so many."""
        if files is None:
            return self._books()

        wanted = files

        def taken() -> list[Books]:
            found = self._books()
            return [found] if found.files >= wanted else []

        return wait_until(taken, PATIENCE_SECONDS, f"{wanted} files of {self.name}")[0]

    def _books(self) -> Books:
        said = [
            line
            for line in logged(self.cloud, "ingest-log", self.began)
            if line.get("message") == "taken in" and self._is_ours(line)
        ]
        names = ("accepted", "stored", "quarantined", "deduplicated")
        sums = {name: sum(line[f"requests_{name}"] for line in said) for name in names}
        return Books(files=len(said), **sums)

    def _is_ours(self, line: Mapping[str, Any]) -> bool:
        return str(line.get("file", "")).startswith(f"logs/{self.name}/")

    def refused_files(self) -> Counter[str]:
        """How often which of our files could not be taken in."""
        return Counter(
            line["file"]
            for line in logged(self.cloud, "ingest-log", self.began)
            if line.get("level") in {"ERROR", "WARNING"} and self._is_ours(line)
        )

    def rows(self, prefix: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """The rows of every object of a prefix (`requests`, `downloads/rules=odl`) of ours in the lake."""
        with TemporaryDirectory() as name, duckdb.connect() as db:
            paths = []
            for number, body in enumerate(self.objects(prefix).values()):
                path = Path(name) / f"{number}.parquet"
                path.write_bytes(body)
                paths.append(str(path))
            if not paths:
                return []
            return db.execute(
                f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false) ORDER BY ALL",  # noqa: S608 - of the tests
                [paths],
            ).fetchall()

    def etags(self, *tables: str) -> dict[str, str]:
        """Objects of ours in tables of the lake, with what stands for their bytes."""
        return {entry["Key"]: entry["ETag"] for table in tables for entry in self._listed(table)}

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Objects of ours in a table of the lake, by key."""
        s3, bucket = self.cloud.client("s3"), self.cloud.outputs["LakeBucket"]
        return {
            entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            for entry in self._listed(prefix)
        }

    def _listed(self, prefix: str) -> list[dict[str, Any]]:
        table, _, within = prefix.partition("/")
        pages = self.cloud.client("s3").get_paginator("list_objects_v2")
        prefix = f"{table}/tenant={self.name}/{within}"
        found = pages.paginate(Bucket=self.cloud.outputs["LakeBucket"], Prefix=prefix)
        return [entry for page in found for entry in page.get("Contents", [])]

    def stored(self, *days: date) -> int:
        """Rows that count, by the ledger."""
        return sum(self.ledger.day(self.name, day).rows for day in days)

    def states(self, first: date, last: date, rules: str = RULES) -> dict[str, dict[str, Any]]:
        """When the days of a period were counted, by day."""
        found = self.ask("days", first=str(first), last=str(last), rules=rules)["days"]
        return {state["day"]: state for state in found}

    def cards(self, first: date, last: date, rules: str = RULES, **of: str) -> list[dict[str, Any]]:
        """The numbers of a period, day by day; `of` names a scope and an id."""
        period = {"first": str(first), "last": str(last)}
        return list(self.ask("downloads", rules=rules, **period, **of)["days"])

    def card(self, day: date, rules: str = RULES, **of: str) -> dict[str, Any]:
        """The numbers of one day that was counted."""
        [found] = self.cards(day, day, rules, **of)
        return found

    def due(self) -> dict[tuple[str, str], datetime]:
        """What of ours stands in the due-index, whenever it is due: rules and day."""
        far = datetime.now(UTC) + timedelta(days=400)
        waiting_days = [ref for ref in self.days.due(far) if ref.tenant == self.name]
        return {(ref.rules, str(ref.day)): self._due_at(ref) for ref in waiting_days}

    def _due_at(self, ref: Any) -> datetime:
        at = self.days.get(ref).due_at
        assert at is not None
        return at

    def told(self) -> list[dict[str, Any]]:
        """What the bus told of our counts so far, in the order of the counts."""
        sqs = self.cloud.client("sqs")
        while got := sqs.receive_message(QueueUrl=self._ear, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in got:
                self.heard.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self._ear, ReceiptHandle=message["ReceiptHandle"])
        ours = [one["detail"] for one in self.heard if one["detail-type"] == "DownloadsCounted"]
        return sorted(ours, key=lambda one: (one["rules"], one["day"], one["count"]))


def _ear(cloud: LocalCloud, tenant: str) -> str:
    """A queue that hears what is said of a tenant's counts."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    name = f"counts-{tenant}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    bus = cloud.outputs["EventBusName"]
    pattern = {"source": ["tallycast.measurement"], "detail": {"tenant": [tenant]}}
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    target = {"Id": "ear", "Arn": wanted["Attributes"]["QueueArn"]}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    return str(url)


def tick(cloud: LocalCloud, at: datetime | None = None) -> dict[str, Any]:
    """Invoke the scheduler as EventBridge does, by default when every file that came is due."""
    moment = at or datetime.now(UTC) + LATER + timedelta(milliseconds=next(_ticks))
    answer, failed = call(cloud, "ScheduleCounts", {"scheduled_time": moment.isoformat()})
    assert not failed, answer
    return dict(answer)


def executions(cloud: LocalCloud) -> Counter[str]:
    """How many runs of the counting workflow stand how."""
    listed = cloud.client("stepfunctions").get_paginator("list_executions")
    pages = listed.paginate(stateMachineArn=cloud.outputs["CountDays"])
    return Counter(one["status"] for page in pages for one in page["executions"])


def all_counted(cloud: LocalCloud, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until no run of the counting workflow is under way."""
    wait_until(lambda: executions(cloud)["RUNNING"] == 0, patience, "the end of all counts")


def all_taken_in(cloud: LocalCloud, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until the arrivals queue holds nothing any more, seen or unseen."""
    url = cloud.outputs["ArrivalsUrl"]
    wait_until(lambda: waiting(cloud, url) == 0, patience, "an empty arrivals queue")


def logged(cloud: LocalCloud, function: str, since: datetime) -> list[dict[str, Any]]:
    """The lines of JSON that a function (`ingest-log`) has logged since a moment."""
    logs = cloud.client("logs")
    asked: dict[str, Any] = {
        "logGroupName": f"/tallycast/{cloud.record.stack_name}/{function}",
        "startTime": int(since.timestamp() * 1000),
        "limit": 10_000,
    }
    found = []
    while True:
        page = logs.filter_log_events(**asked)
        found += [event["message"] for event in page["events"]]
        if "nextToken" not in page:
            break
        asked["nextToken"] = page["nextToken"]
    return [line for text in found for line in _documents(text)]


def _documents(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def zipped(body: bytes) -> bytes:
    """The same under gzip, the same bytes each time."""
    return gzip.compress(body, mtime=0)
