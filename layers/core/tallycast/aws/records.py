"""Things of a tenant that are kept as one document each in the `core` table, with a version.

A document is written whole, and only over the version that was read. What belongs together (a
thing, the claims that make it unique, its entry in the audit log) is committed in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder, Key
from botocore.exceptions import ClientError
from pydantic import BaseModel

from tallycast.aws.batch import read_items
from tallycast.aws.due import due_keys
from tallycast.aws.errors import translated
from tallycast.kernel import keys
from tallycast.kernel.errors import ConflictError, NotFoundError, StaleError
from tallycast.kernel.times import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

MOST_WRITES: Final = 100  # DynamoDB takes no more in one transaction
LISTING: Final = "listing"
LOOKUP: Final = "lookup"
_SCANNED: Final = 100  # items of an index read at a time
_MOST_SCANNED: Final = 2_000  # for one page: nobody waits for one item among a million
M = TypeVar("M", bound=BaseModel)


class AlreadyExistsError(ConflictError):
    """A thing with this id is there already."""


class ChangedMeanwhileError(StaleError):
    """Somebody else wrote the thing after it was read."""


@dataclass(frozen=True)
class Kind(Generic[M]):
    """A kind of thing: how it is called, what it is made of, and in which lists it stands.

    Attributes:
        name: `campaign`; the key's and the item's.
        model: the document.
        missing: the error for an id that the tenant has not.
        within: what a thing is listed in, as parts of a key (`("SPONSOR", "spo_1")`); empty for
            the list of the whole tenant.
        found_by: parts of a key under which the lookup index also has it, None for none.
        sort: how its lists are sorted; the id (by time of creation) unless it says otherwise.
        due: when a thing wants to be looked at, None for not at all; `Records.due` finds it.
    """

    name: str
    model: type[M]
    missing: type[NotFoundError] = NotFoundError
    within: Callable[[M], tuple[str, ...]] = lambda _: ()
    found_by: Callable[[M], tuple[str, ...] | None] = lambda _: None
    sort: Callable[[str, M], str] = lambda record_id, _: record_id
    due: Callable[[M], datetime | None] = lambda _: None


@dataclass(frozen=True)
class Stored(Generic[M]):
    """A document as it stands in the table."""

    tenant: str
    id: str
    document: M
    version: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class Page(Generic[M]):
    """A part of a list, which may be short; `cursor` goes on behind it, None at the end."""

    items: tuple[Stored[M], ...]
    cursor: str | None = None


@dataclass(frozen=True)
class Write:
    """One part of a transaction, and what to raise when its condition does not hold."""

    action: dict[str, Any]  # of TransactWriteItems, values not yet serialised
    refused: Exception


class Records(Generic[M]):
    """Access to all things of one kind."""

    def __init__(self, table: Table, kind: Kind[M]) -> None:
        self._table = table
        self._kind = kind

    def find(self, tenant: str, record_id: str) -> Stored[M] | None:
        """One thing, read consistently; None when the tenant has none of this id."""
        key = keys.record(tenant, self._kind.name, record_id)
        with translated(f"read {self._kind.name} {record_id}"):
            item = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        return self._stored(item) if item else None

    def get(self, tenant: str, record_id: str) -> Stored[M]:
        """One thing, read consistently.

        Raises:
            NotFoundError: (the kind's own) the tenant has none of this id.
        """
        found = self.find(tenant, record_id)
        if found is None:
            raise self._kind.missing(f"no {self._kind.name} {record_id} here", id=record_id)
        return found

    def many(self, tenant: str, ids: Sequence[str]) -> dict[str, Stored[M]]:
        """Those of the ids that the tenant has, by id, read consistently."""
        wanted = [keys.record(tenant, self._kind.name, each) for each in dict.fromkeys(ids)]
        found = map(self._stored, read_items(self._table, wanted, consistent=True))
        return {stored.id: stored for stored in found}

    def page(
        self,
        tenant: str,
        *,
        within: tuple[str, ...] = (),
        limit: int = 50,
        cursor: str | None = None,
        keep: Callable[[Stored[M]], bool] = lambda _: True,
        newest_first: bool = False,
        index: str = LISTING,
    ) -> Page[M]:
        """A page of a list, from an index: what was written a moment ago may be missing.

        Args:
            tenant: whose.
            within: the list, as the kind's `within` (or `found_by`, for the lookup index) gives it.
            limit: at most so many.
            cursor: `cursor` of the page before.
            keep: which of them; those passed over do not fill the page. A page ends early when
                very many were.
            newest_first: in the opposite order of `sort`.
            index: `LISTING` or `LOOKUP`.
        """
        name, prefix = self._kind.name, "list" if index == LISTING else "lookup"
        condition: ConditionBase = Key(f"{prefix}_key").eq(keys.records(tenant, name, *within))
        if cursor is not None:
            sort = Key(f"{prefix}_sort")
            condition &= sort.lt(cursor) if newest_first else sort.gt(cursor)
        arguments: dict[str, Any] = {
            "IndexName": index,
            "KeyConditionExpression": condition,
            "ScanIndexForward": not newest_first,
            "Limit": _SCANNED,
        }
        found: list[Stored[M]] = []
        last = ""
        for _ in range(0, _MOST_SCANNED, _SCANNED):
            with translated(f"list {name}s"):
                answer = self._table.query(**arguments)
            wanted = [{"pk": item["pk"], "sk": item["sk"]} for item in answer["Items"]]
            there = {item["pk"]: item for item in read_items(self._table, wanted)}
            for item in answer["Items"]:
                if item["pk"] not in there:
                    continue  # deleted since
                stored = self._stored(there[item["pk"]])
                if not keep(stored):
                    continue
                if len(found) == limit:
                    return Page(tuple(found), last)
                found.append(stored)
                last = str(item[f"{prefix}_sort"])
            if "LastEvaluatedKey" not in answer:
                return Page(tuple(found))
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return Page(tuple(found), str(arguments["ExclusiveStartKey"][f"{prefix}_sort"]))

    def every(
        self, tenant: str, *, within: tuple[str, ...] = (), index: str = LISTING
    ) -> list[Stored[M]]:
        """A whole list."""
        found: list[Stored[M]] = []
        cursor = None
        while True:
            page = self.page(tenant, within=within, limit=_MOST_SCANNED, cursor=cursor, index=index)
            found += page.items
            if page.cursor is None:
                return found
            cursor = page.cursor

    def due(self, until: datetime) -> Iterator[Stored[M]]:
        """Things of every tenant that want to be looked at by `until`, read consistently.

        What was dealt with a moment ago may still stand in the index; it does not come again.
        """
        for key in due_keys(self._table, self._kind.name, until):
            with translated(f"read a due {self._kind.name}"):
                item = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
            stored = self._stored(item) if item else None
            when = self._kind.due(stored.document) if stored else None
            if stored is not None and when is not None and when <= until:
                yield stored

    # ── parts of a transaction ──

    def creation(self, tenant: str, record_id: str, document: M, now: datetime) -> Write:
        """A new thing."""
        return self._put(
            Stored(tenant, record_id, document, 1, now, now),
            Attr("pk").not_exists(),
            AlreadyExistsError(f"{self._kind.name} {record_id} is there already", id=record_id),
        )

    def replacement(self, before: Stored[M], document: M, now: datetime) -> Write:
        """The thing as it shall be, over the version that was read."""
        after = Stored(
            before.tenant, before.id, document, before.version + 1, before.created_at, now
        )
        return self._put(after, Attr("version").eq(before.version), self._changed(before))

    def removal(self, before: Stored[M]) -> Write:
        """The thing gone, if it is still as it was read."""
        key = keys.record(before.tenant, self._kind.name, before.id)
        return write_of(
            "Delete", {"Key": key}, Attr("version").eq(before.version), self._changed(before)
        )

    def check(self, before: Stored[M]) -> Write:
        """Nothing written; but the transaction holds only if the thing is still as it was read."""
        key = keys.record(before.tenant, self._kind.name, before.id)
        return write_of(
            "ConditionCheck",
            {"Key": key},
            Attr("version").eq(before.version),
            self._changed(before),
        )

    def put(self, write: Write) -> None:
        """Carry out one write by itself."""
        commit(self._table, [write])

    def _changed(self, before: Stored[M]) -> ChangedMeanwhileError:
        return ChangedMeanwhileError(
            f"{self._kind.name} {before.id} was changed meanwhile: read it again", id=before.id
        )

    def _put(self, stored: Stored[M], condition: ConditionBase, refused: Exception) -> Write:
        return write_of("Put", {"Item": self._item(stored)}, condition, refused)

    def _item(self, stored: Stored[M]) -> dict[str, Any]:
        kind, document = self._kind, stored.document
        item = {
            **keys.record(stored.tenant, kind.name, stored.id),
            "kind": kind.name,
            "tenant": stored.tenant,
            "id": stored.id,
            "version": stored.version,
            "created_at": to_text(stored.created_at),
            "changed_at": to_text(stored.changed_at),
            "document": document.model_dump_json(),
            "list_key": keys.records(stored.tenant, kind.name, *kind.within(document)),
            "list_sort": kind.sort(stored.id, document),
        }
        found_by = kind.found_by(document)
        if found_by is not None:
            item["lookup_key"] = keys.records(stored.tenant, kind.name, *found_by)
            item["lookup_sort"] = item["list_sort"]
        due = kind.due(document)
        if due is not None:
            item["due_shard"] = keys.due_shard_of(kind.name, stored.tenant, stored.id)
            item["due_at"] = to_text(due)
        return item

    def _stored(self, item: Mapping[str, Any]) -> Stored[M]:
        return Stored(
            tenant=str(item["tenant"]),
            id=str(item["id"]),
            document=self._kind.model.model_validate_json(str(item["document"])),
            version=int(item["version"]),
            created_at=from_text(str(item["created_at"])),
            changed_at=from_text(str(item["changed_at"])),
        )


def claim(tenant: str, what: str, value: str, *, owner: str, refused: Exception) -> Write:
    """That `owner` has this value; `refused` is raised when another thing has it already."""
    item = {**keys.claim(tenant, what, value), "kind": "claim", "owner": owner, "tenant": tenant}
    free = Attr("pk").not_exists() | Attr("owner").eq(owner)
    return write_of("Put", {"Item": item}, free, refused)


def release(tenant: str, what: str, value: str, *, owner: str) -> Write:
    """That `owner` has this value no longer."""
    refused = ChangedMeanwhileError(f"{what} belongs to another thing by now", owner=owner)
    ours = Attr("pk").not_exists() | Attr("owner").eq(owner)
    return write_of("Delete", {"Key": keys.claim(tenant, what, value)}, ours, refused)


def owner_of(table: Table, tenant: str, what: str, value: str) -> str | None:
    """The id of the thing that has this value, if any."""
    with translated(f"look up {what}"):
        found = table.get_item(Key=keys.claim(tenant, what, value), ConsistentRead=True)
    return str(found["Item"]["owner"]) if "Item" in found else None


def commit(table: Table, writes: Sequence[Write]) -> None:
    """Do all of it, or nothing.

    Raises:
        Exception: what the first write that was refused says.
        ServiceUnavailableError: the table is busy with the same items, or not to be reached.
    """
    if len(writes) > MOST_WRITES:
        raise ConflictError(
            f"this changes {len(writes)} things at once and at most {MOST_WRITES} can be: "
            "do it in parts"
        )
    client = table.meta.client
    # The resource's client serialises plain values by itself.
    actions = [
        {verb: {**action, "TableName": table.name}}
        for write in writes
        for verb, action in write.action.items()
    ]
    with translated(f"write to {table.name}"):
        try:
            client.transact_write_items(TransactItems=actions)  # type: ignore[arg-type]  # as above
        except ClientError as error:
            reasons = error.response.get("CancellationReasons", [])
            for write, reason in zip(writes, reasons, strict=False):
                if reason.get("Code") == "ConditionalCheckFailed":
                    raise write.refused from error
            raise


def write_of(
    verb: Literal["Put", "Delete", "ConditionCheck"],
    action: dict[str, Any],
    condition: ConditionBase,
    refused: Exception,
) -> Write:
    """One part of a transaction; `refused` is raised when the condition does not hold."""
    built = ConditionExpressionBuilder().build_expression(condition)
    conditioned = {
        **action,
        "ConditionExpression": built.condition_expression,
        "ExpressionAttributeNames": built.attribute_name_placeholders,
    }
    if built.attribute_value_placeholders:
        conditioned["ExpressionAttributeValues"] = built.attribute_value_placeholders
    return Write({verb: conditioned}, refused)
