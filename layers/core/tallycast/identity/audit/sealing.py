"""Seal what was logged, day by day: every day that has passed since the last seal.

Whatever stops a run halfway, the next one comes to the same objects: a file and a digest follow
from the entries alone, are put only where nothing is, and the table is told last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from pydantic import ValidationError

from tallycast.aws.due import due_keys
from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.aws.observability import logger
from tallycast.identity.audit.digest import (
    Digest,
    Seal,
    day_of,
    digest_of,
    document_of,
    file_of,
    seal_of,
)
from tallycast.identity.audit.findings import NO_PLACE, Lying, Walk
from tallycast.identity.audit.sealed import SealConflictError
from tallycast.identity.audit.trail import LOG, entry_of
from tallycast.kernel import keys
from tallycast.kernel.errors import PermanentError, TallycastError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.audit.chain import Entry
    from tallycast.identity.audit.sealed import SealStore

_LEAVE_SECONDS: Final = 60.0
_LINES: Final = "application/jsonl"
_JSON: Final = "application/json"


class ChainBrokenError(PermanentError):
    """A log is not what was written: it is not sealed before a person has looked at it."""


@dataclass(slots=True)
class Round:
    """What one round did; `rest` when time ran short before all logs were looked at."""

    days: int = 0
    entries: int = 0
    broken: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    rest: bool = False


class Sealing:
    """Seals the logs of all tenants.

    Args:
        table: the `core` table.
        store: where seals are kept.
        clock: the time now; its day is not over and is left alone.
    """

    def __init__(self, table: Table, store: SealStore, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._store = store
        self._clock = clock

    def run(self, time_left: Callable[[], float]) -> Round:
        """Seal every log that has entries of past days; a log that is broken stops no other."""
        today = self._clock().date()
        midnight = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        done = Round()
        for key in due_keys(self._table, LOG, midnight):
            if time_left() < _LEAVE_SECONDS:
                done.rest = done.days > 0  # a round that gets nowhere is not worth another
                break
            tenant = key["pk"].removeprefix("TENANT#").removesuffix("#AUDIT")
            try:
                for digest in self.seal(tenant, today):
                    done.days += 1
                    done.entries += digest.count
            except PermanentError as error:
                done.broken.append(f"{tenant}: {error.code}: {error.message}")
            except TallycastError as error:
                done.failed.append(f"{tenant}: {error.code}: {error.message}")
        return done

    def seal(self, tenant: str, today: date) -> Iterator[Digest]:
        """Seal the days of one log before `today`, oldest first.

        Raises:
            ChainBrokenError: the entries are no chain; nothing behind the break is sealed.
            SealConflictError: something else lies where a seal has to be.
        """
        seal = seal_in(self._table, tenant)
        while True:
            entries, day, upcoming = self._next_day(tenant, seal, today)
            if day is None:
                break
            digest = self._sealed(tenant, day, entries, seal)
            self._remember(tenant, seal, seal_of(digest))
            seal = seal_of(digest)
            yield digest
        self._due_again(tenant, seal, upcoming)

    def _sealed(self, tenant: str, day: date, items: list[dict[str, Any]], seal: Seal) -> Digest:
        """The digest of a day, kept; one that an earlier run left behind is taken up."""
        key = keys.audit_digest(tenant, day.isoformat())
        entries = self._chain(tenant, items, seal)
        left_behind = self._store.read(key)
        if left_behind is not None:
            count = _last_of(left_behind, key) - seal.last
            if count < 1:
                raise SealConflictError(f"{key} seals what was sealed before", key=key)
            entries, items = entries[:count], items[:count]
        file = file_of([str(item["entry"]) for item in items])
        digest = digest_of(tenant, day, entries, file, seal)
        self._store.keep(digest.file, file, _LINES)
        self._store.keep(key, document_of(digest), _JSON)
        return digest

    def _chain(self, tenant: str, items: list[dict[str, Any]], seal: Seal) -> list[Entry]:
        walk = Walk(tenant, seal.last, seal.head)
        for item in items:
            place = keys.audit_entry_number(str(item["sk"])) or NO_PLACE
            walk.step(Lying(place, str(item["entry"])))
        if walk.findings:
            first = walk.findings[0]
            raise ChainBrokenError(first.message, tenant=tenant, number=first.number)
        return [entry_of(item) for item in items]

    def _next_day(
        self, tenant: str, seal: Seal, today: date
    ) -> tuple[list[dict[str, Any]], date | None, Entry | None]:
        """The items of the next day that is over, that day, and the first entry behind them."""
        found: list[dict[str, Any]] = []
        of_found: date | None = None
        for item in self._items(tenant, seal.last):
            try:
                entry = entry_of(item)
            except (KeyError, ValidationError) as error:
                raise ChainBrokenError(f"{item['sk']} is no entry", tenant=tenant) from error
            day = day_of(entry, seal.day)
            if day >= today or of_found not in (None, day):
                return found, of_found, entry
            found.append(item)
            of_found = day
        return found, of_found, None

    def _items(self, tenant: str, after: int) -> Iterator[dict[str, Any]]:
        first = keys.audit_entry(tenant, after + 1)
        arguments: dict[str, Any] = {
            "KeyConditionExpression": Key("pk").eq(first["pk"])
            & Key("sk").between(first["sk"], "ENTRY#~"),
            "ConsistentRead": True,
        }
        while True:
            with translated("read the audit log"):
                page = self._table.query(**arguments)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _remember(self, tenant: str, before: Seal, seal: Seal) -> None:
        item: dict[str, Any] = {
            **keys.audit_seal(tenant),
            "kind": "audit_seal",
            "tenant": tenant,
            "last": seal.last,
            "seal": seal.model_dump_json(),
        }
        unchanged = Attr("last").eq(before.last) if before.last else Attr("pk").not_exists()
        try:
            with translated(f"remember the seal of {tenant}'s log"):
                self._table.put_item(
                    Item=item, ConditionExpression=unchanged | Attr("last").eq(seal.last)
                )
        except ConditionFailedError:
            logger.info("sealed by another run", extra={"tenant": tenant, "last": seal.last})

    def _due_again(self, tenant: str, seal: Seal, upcoming: Entry | None) -> None:
        """Take a log off the due-index, or put it there for the first entry not sealed yet."""
        update: dict[str, Any] = {"UpdateExpression": "REMOVE due_shard, due_at"}
        condition: ConditionBase = Attr("number").eq(seal.last)
        if upcoming is not None:
            update = {
                "UpdateExpression": "SET due_at = :at",
                "ExpressionAttributeValues": {":at": upcoming.at},
            }
            condition = Attr("number").gt(seal.last)
        try:
            with translated(f"mark {tenant}'s log as sealed"):
                self._table.update_item(
                    Key=keys.audit_head(tenant), ConditionExpression=condition, **update
                )
        except ConditionFailedError:
            logger.info("logged meanwhile", extra={"tenant": tenant})


def seal_in(table: Table, tenant: str) -> Seal:
    """How far the table says that a log is sealed."""
    with translated("read how far the audit log is sealed"):
        item = table.get_item(Key=keys.audit_seal(tenant), ConsistentRead=True).get("Item")
    return Seal.model_validate_json(str(item["seal"])) if item else Seal()


def _last_of(document: bytes, key: str) -> int:
    try:
        return Digest.model_validate_json(document).last
    except ValidationError as error:
        raise SealConflictError(f"what lies at {key} is no digest", key=key) from error
