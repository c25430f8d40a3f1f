"""Exports: whole tables as files, made in the background."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tallycast.analytics.charts import Question
from tallycast.analytics.exports.links import link_to
from tallycast.analytics.exports.model import (
    ExportLinkInvalidError,
    ExportNotFoundError,
    ExportNotReadyError,
    FileFormat,
    State,
    TableName,
    TooManyExportsError,
    Wanted,
)
from tallycast.analytics.model import (
    PeriodInvalidError,
    UnknownRulesError,
)
from tallycast.analytics.use_cases import numbers
from tallycast.analytics.use_cases.exports import exports as service
from tallycast.api.call import Reply
from tallycast.api.idempotency import key_of
from tallycast.api.numbers import Id, RulesName
from tallycast.api.paging import CursorInvalidError, PageOf, PageQuery, Query, page_of
from tallycast.api.routes import Routes
from tallycast.feeds.store import ShowNotFoundError
from tallycast.kernel.written import Day

if TYPE_CHECKING:
    from tallycast.analytics.exports.model import Export
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored

exports = Routes("exports", "Whole tables as files, made in the background")


class NewExport(BaseModel):
    """What to export: rows of one table, of some reporting days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: TableName = Field(
        description="downloads: one row per counted download, without addresses; waterfall: "
        "requests by verdict, day and episode; restatements: final days that changed, by the day "
        "on which they did"
    )
    format: FileFormat = Field(default="parquet", description="csv is compressed with gzip")
    first: Day
    last: Annotated[Day, Field(description="At most 400 days after the first")]
    rules: RulesName | None = None
    show_id: Annotated[Id | None, Field(description="Without it: of all shows")] = None


class ExportView(BaseModel):
    """An export and how far it is."""

    model_config = ConfigDict(frozen=True)

    export_id: str
    state: State
    wanted: Wanted
    asked_by: str = Field(description="Subject of who asked for it")
    asked_at: datetime
    ended_at: datetime | None
    rows: int | None = Field(description="Of the file, when it is done")
    bytes: int | None = Field(description="Size of the file, when it is done")
    reason: str | None = Field(description="Why it failed")
    expires_at: datetime | None = Field(description="When the file is deleted")
    link: str | None = Field(
        description="Address of the file, for some minutes and without a credential: whoever has "
        "it can fetch the file. Read the export again for a new one"
    )


class LinkQuery(Query):
    """What a link says of itself."""

    tenant: Annotated[str, Field(max_length=63)]
    expires: Annotated[int, Field(ge=0, le=4_102_444_800)]
    signature: Annotated[str, Field(max_length=100)]


@exports.post(
    "/v1/exports",
    scope="exports:write",
    body=NewExport,
    returns=ExportView,
    status=202,
    raises=(PeriodInvalidError, ShowNotFoundError, UnknownRulesError, TooManyExportsError),
)
def create_export(call: Call, body: NewExport) -> Reply:
    """Have a table exported.

    The file is made in the background: read the export until it is done or failed. Files are kept
    for seven days.
    """
    question = Question(
        call.tenant,
        call.now,
        rules=body.rules,
        show_id=body.show_id,
        first=body.first,
        last=body.last,
    )
    period, rules = numbers.charts().checked(question)
    wanted = Wanted(
        table=body.table,
        format=body.format,
        rules=rules,
        first=period.first,
        last=period.last,
        show_id=body.show_id,
    )
    stored = service().ask(
        call.principal,
        wanted,
        request_key=key_of(call.headers),
        request_id=call.request_id,
        now=call.now,
    )
    return Reply(_shown(call, stored), location=f"/v1/exports/{stored.id}")


@exports.get(
    "/v1/exports",
    scope="exports:read",
    query=PageQuery,
    returns=PageOf[ExportView],
    raises=(CursorInvalidError,),
)
def list_exports(call: Call, query: PageQuery) -> PageOf[ExportView]:
    """List exports.

    Newest first. A partner system sees its own alone.
    """
    page = service().page(call.principal, limit=query.limit, cursor=query.after())
    return page_of(page, lambda stored: _shown(call, stored))


@exports.get(
    "/v1/exports/{export_id}",
    scope="exports:read",
    returns=ExportView,
    raises=(ExportNotFoundError,),
)
def show_export(call: Call, export_id: str) -> ExportView:
    """Show an export: how far it is and, when it is done, a link to its file."""
    return _shown(call, service().get(call.principal, export_id))


@exports.get(
    "/v1/exports/{export_id}/file",
    scope=None,
    query=LinkQuery,
    status=302,
    raises=(ExportLinkInvalidError, ExportNotReadyError),
)
def fetch_export(call: Call, export_id: str, query: LinkQuery) -> Reply:
    """Fetch an export's file.

    By the `link` that reading the export gives: its signature is the credential. Redirects to an
    address that is good for a minute.
    """
    url = service().file_url(
        query.tenant,
        export_id,
        expires=query.expires,
        signature=query.signature,
        now=call.now,
    )
    return Reply(None, headers={"Location": url, "Referrer-Policy": "no-referrer"})


def _shown(call: Call, stored: Stored[Any]) -> ExportView:
    export: Export = stored.document
    link = None
    if export.expires_at is not None and call.now < export.expires_at:
        link = call.base_url + link_to(stored.tenant, stored.id, export.link_key, call.now)
    return ExportView(
        export_id=stored.id,
        state=export.state,
        wanted=export.wanted,
        asked_by=export.asked_by,
        asked_at=export.asked_at,
        ended_at=export.ended_at,
        rows=export.rows,
        bytes=export.bytes,
        reason=export.reason,
        expires_at=export.expires_at,
        link=link,
    )
