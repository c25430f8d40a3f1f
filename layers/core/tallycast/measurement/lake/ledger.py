"""The ledger of request files: the one thing that says which rows count.

An object in the bucket counts when the ledger names it, and of its rows those of the files that
name it. So rows appear and disappear with the ledger's entries, which change in transactions, and
never with an upload or a deletion. A run can be killed at any point:

- before the commit: objects lie there that nobody counts; the next run writes the same ones again;
- after it: what is superseded lies there and nobody counts it, until the next compaction.

The bad lines of a version lie in an object of their own that the ledger names before it is there;
`settle` says that it is, and that those of earlier versions are gone.

A file is read after `begin` and committed with what `begin` gave: whoever read a version that
another run has replaced meanwhile is refused, and begins again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final, cast

from boto3.dynamodb.conditions import Key

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel.errors import PermanentError, RetryableError
from tallycast.measurement.lake import keys
from tallycast.measurement.lake.files import Committed, DayFiles, RequestFile, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

MOST_WRITES: Final = 99  # DynamoDB takes 100 in a transaction; one is the source's
# An overtaken run may write its bad lines late: those of so many versions are deleted again.
MOST_OUTDATED: Final = 20


class SourceChangedError(RetryableError):
    """Another run took the same file in meanwhile; begin again."""


class FilesChangedError(RetryableError):
    """A file was rewritten while it was being compacted; plan again."""


class ForeignFileError(PermanentError):
    """Rows under another file id than the version's own would never be found again."""


class DayExpiredError(PermanentError):
    """The day's requests have been deleted by retention; it can neither be counted nor added to."""


class Ledger:
    """The ledger in the `metrics` table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # ── reading ──

    def day(self, tenant: str, day: date) -> DayFiles:
        """The files of a UTC day, read consistently.

        Raises:
            DayExpiredError: retention has deleted the day. A count of it would be a count of
                nothing, and must not replace what was counted.
        """
        if day < self.horizon(tenant):
            raise DayExpiredError(
                f"the requests of {day} have been deleted", tenant=tenant, day=str(day)
            )
        return self.entries(tenant, day)

    def entries(self, tenant: str, day: date) -> DayFiles:
        """The same without regard to retention."""
        found: list[RequestFile] = []
        arguments: dict[str, Any] = {
            "KeyConditionExpression": Key("pk").eq(keys.request_files(tenant, day))
            & Key("sk").begins_with("FILE#"),
            "ConsistentRead": True,
        }
        while True:
            with translated(f"read the files of {day}"):
                page = self._table.query(**arguments)
            found += [_file_of(item, day) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return DayFiles(tenant, day, tuple(found))
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def horizon(self, tenant: str) -> date:
        """The first day that retention has left."""
        with translated("read the horizon"):
            item = self._table.get_item(Key=keys.horizon(tenant), ConsistentRead=True).get("Item")
        return date.fromisoformat(str(item["first_day"])) if item else date.min

    # ── taking a file in ──

    def begin(self, tenant: str, source: str) -> Source:
        """Look a delivered file up, before it is read.

        Its own name stands for it in the tenant: the key of the object it was dropped as. When
        `has(etag)` is true for the version that is there now, it was delivered twice and there is
        nothing to do, but to tell again which days it has: the last run may have died before.
        """
        with translated(f"look up {source}"):
            item = self._table.get_item(Key=keys.source(tenant, source), ConsistentRead=True).get(
                "Item"
            )
        if item is None:
            return Source(tenant, source)
        touched = cast("Mapping[str, Sequence[str]]", item["touched"])
        return Source(
            tenant=tenant,
            name=source,
            etag=str(item["etag"]),
            days=_dates(cast("Sequence[str]", item["days"])),
            revision=int(cast("int", item["revision"])),
            touched={of_file: _dates(days) for of_file, days in touched.items()},
            quarantine=str(item.get("quarantine", "")),
            outdated=tuple(cast("Sequence[str]", item.get("outdated", ()))),
            settled=bool(item.get("settled", True)),
        )

    def commit(
        self, source: Source, etag: str, files: Sequence[RequestFile], quarantine: str = ""
    ) -> Committed:
        """Have the rows of a version count, and those of every earlier version not any more.

        Args:
            source: what `begin` gave.
            etag: of the version that was read.
            files: one for each UTC day that has rows, all under `source.id_of(etag)`, their
                objects uploaded.
            quarantine: the object that its bad lines are going to lie in; '' if it has none.

        Each day changes at once. A file with more days than a transaction holds (about 50) changes
        in several steps; a run that dies between them is made good by the next.

        Raises:
            SourceChangedError: another run has committed the file since `begin`.
            DayExpiredError: retention has deleted one of the days.
            ForeignFileError: one of the files has another id than the version's.
        """
        self._within_horizon(source.tenant, files)
        file_id = source.id_of(etag)
        if any(file.file_id != file_id for file in files):
            raise ForeignFileError(f"the rows of {source.name} belong under {file_id}")
        days = tuple(sorted(file.day for file in files))
        writes = self._writes(source, files)
        outdated = sorted({*source.outdated, source.quarantine} - {quarantine, ""})
        last = Source(
            tenant=source.tenant,
            name=source.name,
            etag=etag.strip('"'),
            days=days,
            revision=source.revision + 1,
            touched={file_id: days},
            quarantine=quarantine,
            outdated=tuple(outdated[-MOST_OUTDATED:]),
            settled=not (quarantine or outdated),
        )
        steps = list(_chunks(writes))
        if len(steps) > 1:
            first = _merged(source, file_id, days)
            self._step([], first, seen=source.revision)
            last = replace(last, revision=first.revision + 1)
            for step in steps[:-1]:
                self._step(step, first, seen=first.revision, check_only=True)
        self._step(steps[-1] if steps else [], last, seen=last.revision - 1)
        removed = {(of_file, day) for of_file, on in source.touched.items() for day in on}
        removed -= {(file_id, day) for day in days}
        superseded = [keys.requests_object(source.tenant, day, old) for old, day in removed]
        return Committed(
            days=tuple(sorted({*days, *source.days, *(day for _, day in removed)})),
            superseded=tuple(sorted(superseded)),
            source=last,
        )

    def settle(self, source: Source) -> None:
        """Note that the bad lines of a version lie where it names them, and those before are gone.

        Raises:
            SourceChangedError: another version has been committed meanwhile.
        """
        try:
            with translated(f"settle {source.name}"):
                self._table.update_item(
                    Key=keys.source(source.tenant, source.name),
                    UpdateExpression="SET settled = :yes",
                    ConditionExpression="revision = :seen",
                    ExpressionAttributeValues={":yes": True, ":seen": source.revision},
                )
        except ConditionFailedError as error:
            raise _overtaken(source) from error

    def _within_horizon(self, tenant: str, files: Sequence[RequestFile]) -> None:
        horizon = self.horizon(tenant)
        for file in files:
            if file.day < horizon:
                raise DayExpiredError(
                    f"{file.day} is older than the tenant keeps requests",
                    tenant=tenant,
                    day=str(file.day),
                )

    def _writes(
        self, source: Source, files: Sequence[RequestFile]
    ) -> Mapping[date, list[dict[str, Any]]]:
        """By day: the new version's entry in, the older versions' out."""
        table, writes = self._table.name, defaultdict(list)
        for file in files:
            item = {
                **keys.request_file(source.tenant, file.day, file.file_id),
                "kind": "request_file",
                "file_id": file.file_id,
                "object_key": file.object_key,
                "etag": file.etag,
                "rows": file.rows,
                "object_rows": file.object_rows,
                "object_bytes": file.object_bytes,
                "source": file.source,
                "source_etag": file.source_etag,
            }
            writes[file.day].append({"Put": {"TableName": table, "Item": item}})
        there = {(file.file_id, file.day) for file in files}
        for of_file, days in source.touched.items():
            for day in days:
                if (of_file, day) not in there:
                    key = keys.request_file(source.tenant, day, of_file)
                    writes[day].append({"Delete": {"TableName": table, "Key": key}})
        return writes

    def _step(
        self,
        writes: Sequence[dict[str, Any]],
        source: Source,
        *,
        seen: int,
        check_only: bool = False,
    ) -> None:
        key = keys.source(source.tenant, source.name)
        condition = {
            "TableName": self._table.name,
            "ConditionExpression": "attribute_not_exists(pk)" if seen == 0 else "revision = :seen",
            **({} if seen == 0 else {"ExpressionAttributeValues": {":seen": seen}}),
        }
        item = {
            **key,
            "kind": "source",
            "source": source.name,
            "etag": source.etag,
            "days": [day.isoformat() for day in source.days],
            "revision": source.revision,
            "touched": {
                of_file: [day.isoformat() for day in days]
                for of_file, days in source.touched.items()
            },
            "quarantine": source.quarantine,
            "outdated": list(source.outdated),
            "settled": source.settled,
        }
        switch: dict[str, Any] = (
            {"ConditionCheck": {"Key": key, **condition}}
            if check_only
            else {"Put": {"Item": item, **condition}}
        )
        try:
            self._transact([*writes, switch], f"take in {source.name}")
        except ConditionFailedError as error:
            raise _overtaken(source) from error

    # ── compaction and retention ──

    def move(self, tenant: str, day: date, members: Sequence[RequestFile], to: RequestFile) -> int:
        """Have the rows of these files count where they lie now; returns how many moved.

        Files move up to 99 at a time. Between two steps some lie in the old objects and some in
        the new one, and every row counts exactly once, because of an object only the rows of
        those files count that name it.

        Args:
            tenant: whose.
            day: UTC day.
            members: the files as they were when they were read.
            to: the new object (`object_key`, `etag`, `object_rows`, `object_bytes`).

        Raises:
            FilesChangedError: one of them was rewritten or moved by another run.
        """
        for start in range(0, len(members), MOST_WRITES):
            updates = [
                {"Update": self._moved(tenant, day, file, to)}
                for file in members[start : start + MOST_WRITES]
            ]
            try:
                self._transact(updates, f"move files of {day}")
            except ConditionFailedError as error:
                raise FilesChangedError(
                    f"a file of {day} changed while it was compacted", tenant=tenant, day=str(day)
                ) from error
        return len(members)

    def _moved(self, tenant: str, day: date, file: RequestFile, to: RequestFile) -> dict[str, Any]:
        return {
            "TableName": self._table.name,
            "Key": keys.request_file(tenant, day, file.file_id),
            "UpdateExpression": (
                "SET object_key = :key, etag = :etag, object_rows = :rows, object_bytes = :bytes"
            ),
            "ConditionExpression": "object_key = :old AND etag = :old_etag",
            "ExpressionAttributeValues": {
                ":key": to.object_key,
                ":etag": to.etag,
                ":rows": to.object_rows,
                ":bytes": to.object_bytes,
                ":old": file.object_key,
                ":old_etag": file.etag,
            },
        }

    def set_horizon(self, tenant: str, first_day: date) -> None:
        """Note that every day before this one is being deleted. It never moves back."""
        try:
            with translated("set the horizon"):
                self._table.put_item(
                    Item={
                        **keys.horizon(tenant),
                        "kind": "horizon",
                        "first_day": first_day.isoformat(),
                    },
                    ConditionExpression="attribute_not_exists(pk) OR first_day < :day",
                    ExpressionAttributeValues={":day": first_day.isoformat()},
                )
        except ConditionFailedError:
            return  # it is there already, or farther

    def forget_day(self, tenant: str, day: date) -> int:
        """Delete the entries of a day that retention has given up; returns how many there were."""
        files = self.entries(tenant, day).files
        with translated(f"forget the files of {day}"), self._table.batch_writer() as batch:
            for file in files:
                batch.delete_item(Key=keys.request_file(tenant, day, file.file_id))
        return len(files)

    def _transact(self, writes: Sequence[Mapping[str, Any]], action: str) -> None:
        with translated(action):
            self._table.meta.client.transact_write_items(
                TransactItems=cast("list[TransactWriteItemTypeDef]", writes)
            )


def _overtaken(source: Source) -> SourceChangedError:
    return SourceChangedError(
        f"{source.name} was taken in by another run meanwhile", source=source.name
    )


def _chunks(writes: Mapping[date, list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """Writes cut into transactions, those of one day always together."""
    chunk: list[dict[str, Any]] = []
    for day in sorted(writes):
        if chunk and len(chunk) + len(writes[day]) > MOST_WRITES:
            yield chunk
            chunk = []
        chunk = [*chunk, *writes[day]]
    if chunk:
        yield chunk


def _merged(source: Source, file_id: str, days: Iterable[date]) -> Source:
    """The source as it stands while a big file is taken in: its new entries are known, too."""
    known = set(source.touched.get(file_id, ())) | set(days)
    return replace(
        source,
        etag="",  # neither version is there as a whole: whoever delivers one now is heard
        revision=source.revision + 1,
        touched={**source.touched, file_id: tuple(sorted(known))},
    )


def _file_of(item: Mapping[str, Any], day: date) -> RequestFile:
    return RequestFile(
        day=day,
        file_id=str(item["file_id"]),
        object_key=str(item["object_key"]),
        etag=str(item["etag"]),
        rows=int(item["rows"]),
        object_rows=int(item["object_rows"]),
        object_bytes=int(item["object_bytes"]),
        source=str(item["source"]),
        source_etag=str(item["source_etag"]),
    )


def _dates(texts: Sequence[str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts)
