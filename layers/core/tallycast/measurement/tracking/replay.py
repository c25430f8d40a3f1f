"""Recovering hits from the redirect's log, when the stream that carries them had failed.

The log is read in slices of five minutes. What a slice holds is written to the intake bucket as
one object, or several for a busy slice, in the same form in which the stream delivers: CloudWatch
Logs envelopes, gzipped. Names follow from the slice, so that a slice done twice is written once;
and a hit that had arrived by the stream as well is dropped at the count by its `request_id`.

A hit whose show could not be looked up at the time (`unresolved_hit`) is looked up now.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import AwareDatetime, model_validator

from tallycast.aws.batch import read_items
from tallycast.aws.errors import RequestRefusedError, translated
from tallycast.kernel.errors import PermanentError
from tallycast.kernel.schema import Produced
from tallycast.kernel.times import to_text
from tallycast.measurement.tracking import keys
from tallycast.measurement.tracking.hit import HIT, UNRESOLVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_s3.client import S3Client

SLICE: Final = timedelta(minutes=5)
FOLDER: Final = "hits/replayed"
PATTERN: Final = '{ ($.kind = "hit") || ($.kind = "unresolved_hit") }'
MOST_PER_PAGE: Final = 10_000
MOST_PER_OBJECT: Final = 50_000
_LEAVE_SECONDS: Final = 30.0


class LogGoneError(PermanentError):
    """The log group does not exist, or this function may not read it."""


class Replay(Produced):
    """What to recover: from a moment on, up to but without another. `done` is where a run left off.

    The range is widened to whole slices, so that the same slices have the same names always.
    """

    since: AwareDatetime
    until: AwareDatetime
    done: AwareDatetime | None = None
    hits: int = 0
    resolved: int = 0
    unknown: int = 0
    objects: int = 0

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.until <= self.since:
            raise ValueError("`until` has to be later than `since`")
        return self


@dataclass(slots=True)
class _Slice:
    """What was found in one slice."""

    hits: int = 0
    resolved: int = 0
    unknown: int = 0
    objects: int = 0


@dataclass(frozen=True, slots=True)
class Replayer:
    """Reads the log, writes to the intake bucket."""

    logs: CloudWatchLogsClient
    s3: S3Client
    table: Table
    log_group: str
    bucket: str
    _owners: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    def run(self, asked: Replay, time_left: Callable[[], float]) -> Replay:
        """Recover slice after slice while there is time; `done` says how far it got.

        It is through when `done` has reached `until`.

        Raises:
            LogGoneError: there is no such log.
            ServiceUnavailableError: the log, the table or the bucket refuses; run it again.
        """
        start = asked.done or _floor(asked.since)
        while start < asked.until:
            if time_left() < _LEAVE_SECONDS and asked.done is not None:
                return asked
            found = self._slice(start, start + SLICE)
            start += SLICE
            asked = asked.model_copy(
                update={
                    "done": start,
                    "hits": asked.hits + found.hits,
                    "resolved": asked.resolved + found.resolved,
                    "unknown": asked.unknown + found.unknown,
                    "objects": asked.objects + found.objects,
                }
            )
        return asked

    def _slice(self, start: datetime, end: datetime) -> _Slice:
        found = _Slice()
        waiting: list[dict[str, Any]] = []
        for page in self._pages(start, end):
            waiting += self._hits(page, found)
            while len(waiting) >= MOST_PER_OBJECT:
                self._put(start, found, waiting[:MOST_PER_OBJECT])
                waiting = waiting[MOST_PER_OBJECT:]
        if waiting:
            self._put(start, found, waiting)
        return found

    def _pages(self, start: datetime, end: datetime) -> Iterator[Sequence[Any]]:
        """The log's events of a stretch, page by page, in order of time."""
        asked: dict[str, Any] = {
            "logGroupName": self.log_group,
            "startTime": _millis(start),
            "endTime": _millis(end) - 1,
            "filterPattern": PATTERN,
            "limit": MOST_PER_PAGE,
        }
        answer = self._page(asked)
        if "nextToken" not in answer and len(answer["events"]) >= MOST_PER_PAGE:
            # A full page and no way to the next: the local cloud leaves out what would follow.
            middle = start + timedelta(milliseconds=(end - start) // timedelta(milliseconds=2))
            if start < middle < end:
                yield from self._pages(start, middle)
                yield from self._pages(middle, end)
                return
        yield answer["events"]
        while token := answer.get("nextToken"):
            answer = self._page({**asked, "nextToken": token})
            yield answer["events"]

    def _page(self, asked: dict[str, Any]) -> Any:  # noqa: ANN401 - the client's own type
        try:
            with translated(f"read the log {self.log_group}"):
                return self.logs.filter_log_events(**asked)
        except RequestRefusedError as error:
            raise LogGoneError(
                f"the log group {self.log_group} cannot be read: {error.message}"
            ) from error

    def _hits(self, events: Sequence[Any], found: _Slice) -> list[dict[str, Any]]:
        """Hits among events, each with its line, unresolved ones resolved."""
        read = [(event, hit) for event in events if (hit := _hit_of(event["message"])) is not None]
        self._look_up({str(hit["key"]) for _, hit in read if hit["kind"] == UNRESOLVED})
        hits = []
        for event, hit in read:
            line = event["message"].rstrip("\n")
            if hit["kind"] == UNRESOLVED:
                owner = self._owners[str(hit["key"])]
                if owner is None:
                    found.unknown += 1
                    continue
                found.resolved += 1
                line = _resolved(hit, owner)
            found.hits += 1
            name = str(hit.get("request_id", ""))
            hits.append({"id": name, "timestamp": event["timestamp"], "message": line})
        return hits

    def _look_up(self, digests: set[str]) -> None:
        lacking = sorted(digests - set(self._owners))
        self._owners.update(dict.fromkeys(lacking))
        for item in read_items(self.table, [keys.show_key(digest) for digest in lacking]):
            if "tenant" in item:
                digest = str(item["pk"]).rpartition("#")[2]
                self._owners[digest] = (str(item["tenant"]), str(item["show_id"]))

    def _put(self, start: datetime, found: _Slice, hits: Sequence[dict[str, Any]]) -> None:
        envelope = {
            "messageType": "DATA_MESSAGE",
            "owner": "replay",
            "logGroup": self.log_group,
            "logStream": "replay",
            "subscriptionFilters": ["replay"],
            "logEvents": hits,
        }
        body = gzip.compress(json.dumps(envelope).encode(), mtime=0)
        key = f"{FOLDER}/{start:%Y/%m/%d}/{to_text(start)}-{found.objects:04d}.gz"
        with translated(f"write {key}"):
            self.s3.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType="application/gzip"
            )
        found.objects += 1


def _hit_of(message: str) -> dict[str, Any] | None:
    """The line as a hit; None for every other line of the log."""
    if not message.startswith("{"):
        return None
    try:
        line = json.loads(message)
    except ValueError:
        return None
    if not isinstance(line, dict) or line.get("kind") not in (HIT, UNRESOLVED):
        return None
    return line if line["kind"] == HIT or "key" in line else None


def _resolved(hit: dict[str, Any], owner: tuple[str, str]) -> str:
    """An unresolved hit as the hit that it would have been."""
    rest = {name: value for name, value in hit.items() if name not in ("v", "kind", "key")}
    whole = {"v": hit["v"], "kind": HIT, "tenant": owner[0], "show_id": owner[1], **rest}
    return json.dumps(whole, separators=(",", ":"))


def _floor(moment: datetime) -> datetime:
    """The beginning of a moment's slice."""
    return moment - timedelta(seconds=moment.timestamp() % SLICE.total_seconds())


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
