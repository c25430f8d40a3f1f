"""The data of invoices; nothing is paid here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tallycast.analytics.tables import Table
from tallycast.api.numbers import TableQuery, csv_reply, wants_csv
from tallycast.api.resources.campaigns import campaign_for
from tallycast.api.routes import Routes
from tallycast.kernel.money import CurrencyMismatchError, Money
from tallycast.sponsorship.errors import CampaignNotFoundError, CampaignNotReadyError
from tallycast.sponsorship.invoice import invoice_of
from tallycast.sponsorship.model import Rate
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import Position

if TYPE_CHECKING:
    from tallycast.api.call import Call, Reply
    from tallycast.sponsorship.invoice import Line

invoices = Routes("invoices", "What a campaign costs, line by line")


class InvoiceLine(BaseModel):
    """One spot: gross - credit = amount; amount - commission = net."""

    model_config = ConfigDict(frozen=True)

    spot_id: str
    show_id: str
    episode_id: str | None
    position: Position
    ordinal: int
    rate: Rate
    booked: int
    delivered: int
    is_final: bool
    gross: Money = Field(description="What was booked, at its price")
    credit: Money = Field(description="Make-good owed, where the order says `credit`")
    amount: Money
    commission: Money = Field(description="The agency's, of amount")
    net: Money


class InvoiceView(BaseModel):
    """The invoice of a campaign, as its numbers stand."""

    model_config = ConfigDict(frozen=True)

    campaign_id: str
    campaign: str
    sponsor: str
    order_number: str
    agency: str | None
    currency: str
    rules: str
    is_final: bool = Field(description="None of the numbers changes any more")
    gross: Money
    credit: Money
    amount: Money
    commission: Money
    net: Money
    lines: list[InvoiceLine]


_COLUMNS = (
    "campaign", "sponsor", "order_number", "agency", "spot_id", "show_id", "episode_id", "position",
    "ordinal", "rate_kind", "rate_price", "booked", "delivered", "is_final", "currency", "gross",
    "credit", "amount", "commission", "net",
)  # fmt: skip


@invoices.get(
    "/v1/campaigns/{campaign_id}/invoice",
    scope="invoices:read",
    query=TableQuery,
    returns=InvoiceView,
    raises=(CampaignNotFoundError, CampaignNotReadyError, CurrencyMismatchError),
)
def show_invoice(call: Call, campaign_id: str, query: TableQuery) -> InvoiceView | Reply:
    """Show the invoice data of a campaign, as JSON or CSV.

    A line for each spot with what was booked and delivered. Amounts are in minor units. Until the
    windows are over and the numbers final, `is_final` is false and a credit may still come.
    """
    room = sponsorship()
    stored = campaign_for(call, campaign_id)
    campaign = stored.document
    order = room.campaigns.order(call.tenant, campaign)
    if order is None:
        raise CampaignNotReadyError("the campaign has no insertion order, so it has no price")
    spots = room.campaigns.spots(call.tenant, campaign)
    delivered = room.deliveries.of_campaign(stored, order, spots, call.now)
    found = invoice_of(order.document.terms, delivered.spots)
    parties = room.parties
    agency_id = order.document.agency_id
    agency = parties.agencies.find(call.tenant, agency_id) if agency_id else None
    view = InvoiceView(
        campaign_id=campaign_id,
        campaign=campaign.name,
        sponsor=parties.sponsors.get(call.tenant, campaign.sponsor_id).document.name,
        order_number=order.document.number,
        agency=agency.document.name if agency else None,
        currency=found.currency,
        rules=room.deliveries.rules(call.tenant, order),
        is_final=found.final,
        gross=found.gross,
        credit=found.credit,
        amount=found.amount,
        commission=found.commission,
        net=found.net,
        lines=[_line(each) for each in found.lines],
    )
    return csv_reply(_table(view)) if wants_csv(call, query) else view


def _line(line: Line) -> InvoiceLine:
    spot, counted = line.delivery.spot, line.delivery.counted
    return InvoiceLine(
        spot_id=line.delivery.spot_id,
        show_id=spot.show_id,
        episode_id=spot.episode_id,
        position=spot.position,
        ordinal=spot.ordinal,
        rate=line.rate,
        booked=spot.booked_downloads,
        delivered=counted.delivered,
        is_final=counted.final,
        gross=line.gross,
        credit=line.credit,
        amount=line.amount,
        commission=line.commission,
        net=line.net,
    )


def _table(view: InvoiceView) -> Table:
    """The lines as rows; amounts are whole minor units of `currency`."""
    head = (view.campaign, view.sponsor, view.order_number, view.agency)
    rows = [
        (
            *head,
            line.spot_id,
            line.show_id,
            line.episode_id,
            line.position,
            line.ordinal,
            line.rate.kind,
            line.rate.price.amount,
            line.booked,
            line.delivered,
            "yes" if line.is_final else "no",
            view.currency,
            *(
                each.amount
                for each in (line.gross, line.credit, line.amount, line.commission, line.net)
            ),
        )
        for line in view.lines
    ]
    return Table(f"invoice-{view.campaign_id}", _COLUMNS, rows)
