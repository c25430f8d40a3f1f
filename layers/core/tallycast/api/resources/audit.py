"""The audit log, for owners."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.paging import CursorInvalidError, PageOf, PageQuery, encode_cursor
from tallycast.api.routes import Routes
from tallycast.identity.audit.reading import AuditEntryNotFoundError, Question
from tallycast.identity.audit.use_cases.read import audit_log
from tallycast.kernel.written import Moment  # noqa: TC001 - a model's field

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.identity.audit.chain import Entry

audit = Routes("audit", "Who did what: the log that nobody can change")
_DIGITS = 12


class AuditQuery(PageQuery):
    """Which entries; what is left out does not matter."""

    actor: Annotated[
        str | None, Field(max_length=200, description="Id of who did it, or `system:<function>`")
    ] = None
    action: Annotated[
        str | None,
        Field(
            max_length=100,
            pattern=r"^[a-z_]+(\.[a-z_]+)?$",
            description="`campaign.book`, or `campaign` for all that was done to campaigns",
        ),
    ] = None
    target: Annotated[
        str | None, Field(max_length=200, description="Id of what it was done to")
    ] = None
    since: Annotated[Moment | None, Field(description="The first moment")] = None
    until: Annotated[
        Moment | None, Field(description="The first moment that is not wanted any more")
    ] = None


class AuditEntry(BaseModel):
    """One entry of the log."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="Its place in the log, from 1 without gaps")
    at: datetime
    actor: str = Field(description="Pseudonymous id of who did it, or `system:<function>`")
    action: str
    target: str
    request_id: str = Field(description="Of the API request that did it; empty for none")
    details: dict[str, str | int | bool | None]
    before: str = Field(description="Hash of the entry before it; zeros for the first")
    hash: str = Field(description="SHA-256 over this entry and `before`")


@audit.get("/v1/audit", scope="audit:read", query=AuditQuery, returns=PageOf[AuditEntry])
def list_audit_entries(call: Call, query: AuditQuery) -> PageOf[AuditEntry]:
    """List what was done in the tenant, newest first.

    A page can hold fewer entries than `limit`, even none, and still have a `next`: a rare deed in
    a long log takes several pages to find.
    """
    question = Question(query.actor, query.action, query.target, query.since, query.until)
    cursor = query.after()
    if cursor is not None and not (cursor.isdecimal() and len(cursor) <= _DIGITS):
        raise CursorInvalidError("the cursor is of another list: begin without one")
    found = audit_log().page(call.tenant, question, limit=query.limit, cursor=cursor)
    return PageOf(
        items=[_shown(entry) for entry in found.entries],
        next=None if found.cursor is None else encode_cursor(found.cursor),
    )


@audit.get(
    "/v1/audit/{number}",
    scope="audit:read",
    returns=AuditEntry,
    raises=(AuditEntryNotFoundError,),
)
def show_audit_entry(call: Call, number: str) -> AuditEntry:
    """Show one entry of the log by its number."""
    if not (number.isdecimal() and len(number) <= _DIGITS):
        raise AuditEntryNotFoundError(f"the audit log has no entry {number}")
    return _shown(audit_log().get(call.tenant, int(number)))


def _shown(entry: Entry) -> AuditEntry:
    return AuditEntry(
        number=entry.number,
        at=datetime.fromisoformat(entry.at),
        actor=entry.deed.actor,
        action=entry.deed.action,
        target=entry.deed.target,
        request_id=entry.deed.request_id,
        details=entry.deed.details,
        before=entry.before,
        hash=entry.hash,
    )
