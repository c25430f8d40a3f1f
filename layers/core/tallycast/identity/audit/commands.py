"""What the command line asks of the audit log: everything that a verification reads."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from boto3.dynamodb.conditions import Key
from pydantic import Field, TypeAdapter, ValidationError

from tallycast.aws.commands import BadCommandError
from tallycast.aws.errors import translated
from tallycast.aws.observability import logger
from tallycast.identity.audit.digest import Digest
from tallycast.identity.audit.findings import NO_PLACE
from tallycast.identity.audit.sealing import seal_in
from tallycast.identity.audit.trail import AuditTrail
from tallycast.kernel import keys
from tallycast.kernel.errors import NotFoundError
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.audit.sealed import SealStore

_ENTRIES_A_PAGE: Final = 1000
_DIGESTS_A_PAGE: Final = 31
_LINES_A_PAGE: Final = 2000


class DigestNotFoundError(NotFoundError):
    """There is no digest of this day, or none that can be read."""


class _OfTenant(Produced):
    tenant: str


class Tip(_OfTenant):
    """The last entry, and how far the log is sealed."""

    command: Literal["tip"]


class Entries(_OfTenant):
    """The next entries as they lie there, behind the sort key `after`."""

    command: Literal["entries"]
    after: str = ""


class Digests(_OfTenant):
    """The next digests, behind that of the day `after`."""

    command: Literal["digests"]
    after: date | None = None


class Sealed(_OfTenant):
    """Lines of the file that a day's digest names, from the `begin`th on."""

    command: Literal["sealed"]
    day: date
    begin: Annotated[int, Field(ge=0)] = 0


Command = Annotated[Tip | Entries | Digests | Sealed, Field(discriminator="command")]
_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


class AuditCommands:
    """Carries commands out; it reads, and changes nothing."""

    def __init__(self, table: Table, store: SealStore) -> None:
        self._table = table
        self._store = store

    def run(self, event: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command.

        Raises:
            BadCommandError: it is none of ours.
            DigestNotFoundError: the day has no digest.
        """
        try:
            command = _COMMAND.validate_python(event)
        except ValidationError as error:
            raise BadCommandError.of(error) from error
        logger.append_keys(tenant=command.tenant, command=command.command)
        match command:
            case Tip():
                return self._tip(command.tenant)
            case Entries():
                return self._entries(command)
            case Digests():
                return self._digests(command)
            case Sealed():
                return self._sealed(command)

    def _tip(self, tenant: str) -> dict[str, Any]:
        head = AuditTrail(self._table).head(tenant)
        return {
            "head": head.model_dump(mode="json") if head else None,
            "seal": seal_in(self._table, tenant).model_dump(mode="json"),
        }

    def _entries(self, command: Entries) -> dict[str, Any]:
        after = command.after or "ENTRY#"
        condition = Key("sk").between(after, "ENTRY#~")
        with translated("read the audit log"):
            page = self._table.query(
                KeyConditionExpression=Key("pk").eq(keys.audit_log(command.tenant)) & condition,
                Limit=_ENTRIES_A_PAGE,
                ConsistentRead=True,
            )
        items = [item for item in page["Items"] if item["sk"] != command.after]
        return {
            "entries": [
                {
                    "place": keys.audit_entry_number(str(item["sk"])) or NO_PLACE,
                    "text": str(item.get("entry", "")),
                }
                for item in items
            ],
            "next": page["Items"][-1]["sk"] if "LastEvaluatedKey" in page else None,
        }

    def _digests(self, command: Digests) -> dict[str, Any]:
        after = command.after.isoformat() if command.after else ""
        found = self._store.digests(command.tenant, after=after, limit=_DIGESTS_A_PAGE)
        return {
            "digests": [
                {
                    "day": each.day,
                    "text": each.text,
                    "versions": each.versions,
                    "file_sha256": each.file_sha256,
                }
                for each in found
            ],
            "next": found[-1].day if len(found) == _DIGESTS_A_PAGE else None,
        }

    def _sealed(self, command: Sealed) -> dict[str, Any]:
        day = command.day.isoformat()
        content = self._store.read(keys.audit_digest(command.tenant, day))
        try:
            digest = Digest.model_validate_json(content or b"")
        except ValidationError as error:
            raise DigestNotFoundError(f"no digest of {day}", day=day) from error
        lines = self._store.lines(digest)
        end = command.begin + _LINES_A_PAGE
        return {
            "lines": lines[command.begin : end],
            "next": end if end < len(lines) else None,
        }
