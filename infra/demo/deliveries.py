"""Log files on their way into the platform, and its books of what became of every line."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.demo.waiting import DemoStuckError, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from infra.local.cloud import LocalCloud

# Lines above the first request.
_HEADS = {"cloudfront": 2, "csv": 1, "jsonl": 0}
_HITS = "hits/"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One log file.

    Attributes:
        name: of the file.
        form: how it is written.
        body: its bytes.
        requests: how many good lines are in it.
        bad: how many lines nobody can read.
    """

    name: str
    form: str
    body: bytes
    requests: int
    bad: int = 0

    def key(self, tenant: str) -> str:
        """Where it is dropped."""
        return f"logs/{tenant}/{self.form}/{self.name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the platform wrote in its books of one reading of one file."""

    file: str
    accepted: int
    stored: int
    quarantined: int
    deduplicated: int

    @property
    def adds_up(self) -> bool:
        """Whether every line that was accepted is somewhere."""
        return self.accepted == self.stored + self.quarantined + self.deduplicated


@dataclass(frozen=True, slots=True)
class Sent:
    """What was given to the platform: all files, which of them twice, and how many hits."""

    files: tuple[Delivery, ...]
    again: Delivery
    hits: int

    @property
    def accepted(self) -> int:
        """Lines that are requests, or should have been; a second delivery counts again."""
        files = sum(one.requests + one.bad for one in self.files)
        return files + self.again.requests + self.hits

    @property
    def stored(self) -> int:
        """Requests that must be in the lake, each once."""
        return sum(one.requests for one in self.files) + self.hits

    @property
    def quarantined(self) -> int:
        """Lines that nobody can read."""
        return sum(one.bad for one in self.files)

    @property
    def deduplicated(self) -> int:
        """Requests of the file that came twice."""
        return self.again.requests


def bad_lines(day: str) -> tuple[str, ...]:
    """Lines as a broken server may write them into a canonical CSV of that day, each unreadable."""
    url, agent = "https://media.example.com/x.mp3", "Overcast/3.0"
    return (
        "the disk was full here",
        f"{day}T25:61:00Z,203.0.113.7,,GET,{url},200,,1000,{agent},",
        f"{day}T12:00:00Z,somewhere,,GET,{url},200,,1000,{agent},",
        f"{day}T12:00:00Z,203.0.113.7,,GET,{url},fine,,1000,{agent},",
        f"{day}T12:00:00Z,203.0.113.7,,GET,gopher://media.example.com/x.mp3,200,,1000,{agent},",
        f"{day}T12:00:00Z,203.0.113.7,,GET,{url},200,,plenty,{agent},",
        f"{day}T12:00:00Z,,,GET,{url},200,,1000,{agent},",
    )


def deliveries(logs: Iterable[tuple[Path, str]]) -> tuple[Delivery, ...]:
    """The files to drop: CloudFront's gzipped, those in CSV with bad lines in their middle."""
    return tuple(_delivery(path, form) for path, form in logs)


def _delivery(path: Path, form: str) -> Delivery:
    lines = path.read_text().splitlines(keepends=True)
    requests = len(lines) - _HEADS[form]
    if form == "cloudfront":
        body = gzip.compress("".join(lines).encode(), compresslevel=1)
        return Delivery(f"{path.stem}.gz", form, body, requests)
    if form != "csv":
        return Delivery(path.name, form, "".join(lines).encode(), requests)
    bad = bad_lines(path.stem.removeprefix("served-"))
    middle = len(lines) // 2
    lines[middle:middle] = [f"{line}\n" for line in bad]
    return Delivery(path.name, form, "".join(lines).encode(), requests, len(bad))


class Mailbox:
    """The intake bucket, and the books of the function that reads what lies in it."""

    def __init__(self, cloud: LocalCloud, tenant: str) -> None:
        self._cloud = cloud
        self._tenant = tenant
        self._s3 = cloud.client("s3")
        self._logs = cloud.client("logs")

    def drop(self, delivery: Delivery) -> None:
        """Put a file where log files belong."""
        self._s3.put_object(
            Bucket=self._cloud.outputs["IntakeBucket"],
            Key=delivery.key(self._tenant),
            Body=delivery.body,
        )

    def books(self) -> list[Entry]:
        """Every entry of this tenant's files and of the redirect's hits, in order of time."""
        return [
            _entry(line)
            for line in self._lines()
            if line.get("message") == "taken in"
            and (line.get("tenant") == self._tenant or line["file"].startswith(_HITS))
        ]

    def taken(self, accepted: int) -> list[Entry]:
        """The books, once they tell of so many lines.

        Raises:
            DemoStuckError: they never do.
        """
        seen = 0

        def look() -> list[Entry] | None:
            nonlocal seen
            entries = self.books()
            seen = together(entries).accepted
            return entries if seen >= accepted else None

        try:
            return wait_for(self._cloud, look, f"the intake of {accepted:,} lines")
        except DemoStuckError as error:
            raise DemoStuckError(f"{error.message}; {seen:,} were accepted") from error

    def _lines(self) -> Iterator[dict[str, Any]]:
        group = self._cloud.resources["IngestLogLogs"]
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for page in pages:
            for event in page["events"]:
                try:
                    line = json.loads(event["message"])
                except ValueError:
                    continue
                if isinstance(line, dict):
                    yield line


def _entry(line: dict[str, Any]) -> Entry:
    return Entry(
        file=line["file"],
        accepted=line["requests_accepted"],
        stored=line["requests_stored"],
        quarantined=line["requests_quarantined"],
        deduplicated=line["requests_deduplicated"],
    )


def together(entries: Sequence[Entry], name: str = "") -> Entry:
    """The sums of entries."""
    return Entry(
        name,
        sum(one.accepted for one in entries),
        sum(one.stored for one in entries),
        sum(one.quarantined for one in entries),
        sum(one.deduplicated for one in entries),
    )
