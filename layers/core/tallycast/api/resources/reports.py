"""Reports: a campaign's delivery as it stood, the same for everybody who reads it later."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.numbers import TableQuery, csv_reply, wants_csv
from tallycast.api.paging import CursorInvalidError, PageOf, PageQuery, page_of
from tallycast.api.resources.campaigns import campaign_for
from tallycast.api.resources.selling import is_own, seen, sees_money
from tallycast.api.routes import Routes
from tallycast.aws.records import LISTING, LOOKUP
from tallycast.kernel.money import CurrencyMismatchError
from tallycast.reporting.errors import ReportNotFoundError, ReportTooLargeError
from tallycast.reporting.model import REPORTS, table
from tallycast.reporting.use_cases.routes import reports as room
from tallycast.sponsorship.errors import CampaignNotFoundError
from tallycast.sponsorship.figures import CampaignFigures, without_money
from tallycast.sponsorship.kinds import of_campaign
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.reporting.model import Report

reports = Routes("reports", "Numbers frozen as they stood, so that all talk of the same ones")


class NewReport(BaseModel):
    """What to report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign_id: ThingId


class ReportSummary(BaseModel):
    """A report without its spots."""

    model_config = ConfigDict(frozen=True)

    id: str
    campaign_id: str
    campaign_name: str
    sponsor_id: str
    as_of: datetime = Field(description="When its numbers were read; later counts change nothing")
    is_final: bool = Field(description="None of its numbers could change any more by then")
    booked: int
    delivered: int


class ReportView(ReportSummary):
    """A report."""

    figures: CampaignFigures


class ReportsQuery(PageQuery):
    """Of which campaign."""

    campaign_id: Annotated[ThingId | None, Field(description="Of this campaign alone")] = None


@reports.post(
    "/v1/reports",
    scope="reports:write",
    body=NewReport,
    returns=ReportView,
    raises=(CampaignNotFoundError, CurrencyMismatchError, ReportTooLargeError),
)
def create_report(call: Call, body: NewReport) -> Reply:
    """Create a report: the delivery of a campaign as it stands now, in all and spot by spot.

    It does not change when days are counted again; make another one for newer numbers.
    """
    campaign = campaign_for(call, body.campaign_id)
    figures = sponsorship().figures_of(campaign, call.now)
    made = room().freeze(campaign, figures, asked_by=call.principal.subject, now=call.now)
    return Reply(_shown(call, made), location=f"/v1/reports/{made.id}")


@reports.get(
    "/v1/reports",
    scope="reports:read",
    query=ReportsQuery,
    returns=PageOf[ReportSummary],
    raises=(CursorInvalidError,),
)
def list_reports(call: Call, query: ReportsQuery) -> PageOf[ReportSummary]:
    """List reports, newest first."""
    page = room().records.page(
        call.tenant,
        within=of_campaign(query.campaign_id) if query.campaign_id else (),
        index=LOOKUP if query.campaign_id else LISTING,
        limit=query.limit,
        cursor=query.after(),
        newest_first=True,
        keep=lambda stored: is_own(call.principal, stored.document.sponsor_id),
    )
    return page_of(page, lambda stored: ReportSummary(**_summary(stored)))


@reports.get(
    "/v1/reports/{report_id}",
    scope="reports:read",
    query=TableQuery,
    returns=ReportView,
    raises=(ReportNotFoundError,),
)
def show_report(call: Call, report_id: str, query: TableQuery) -> ReportView | Reply:
    """Show a report; as CSV, a row per spot with money in minor units."""
    found = seen(call, room().records, REPORTS, report_id)
    if wants_csv(call, query):
        return csv_reply(table(report_id, _figures(call, found)))
    return _shown(call, found)


def _figures(call: Call, stored: Stored[Report]) -> CampaignFigures:
    figures = stored.document.figures
    return figures if sees_money(call.principal) else without_money(figures)


def _shown(call: Call, stored: Stored[Report]) -> ReportView:
    return ReportView(**_summary(stored), figures=_figures(call, stored))


def _summary(stored: Stored[Report]) -> dict[str, object]:
    report = stored.document
    return {
        "id": stored.id,
        "campaign_id": report.figures.campaign_id,
        "campaign_name": report.campaign_name,
        "sponsor_id": report.sponsor_id,
        "as_of": report.as_of,
        "is_final": report.figures.is_final,
        "booked": report.figures.booked,
        "delivered": report.figures.delivered,
    }
