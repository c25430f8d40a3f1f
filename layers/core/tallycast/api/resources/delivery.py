"""Delivery of spots and campaigns, from the audited count."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tallycast.analytics.tables import Table
from tallycast.api.numbers import TableQuery, csv_reply, wants_csv
from tallycast.api.resources.campaigns import campaign_for
from tallycast.api.resources.selling import sees_money
from tallycast.api.resources.spots import spot_for
from tallycast.api.routes import Routes
from tallycast.kernel.money import CurrencyMismatchError
from tallycast.sponsorship.errors import CampaignNotFoundError, SpotNotFoundError
from tallycast.sponsorship.figures import (
    CampaignFigures,
    SpotFigures,
    spot_figures,
    spot_without_money,
    without_money,
)
from tallycast.sponsorship.use_cases.routes import sponsorship

if TYPE_CHECKING:
    from tallycast.api.call import Call, Reply

delivery = Routes("delivery", "What was delivered of what was booked, from the audited count")


class SpotReport(SpotFigures):
    """The figures of one spot, with the rule set that counted."""

    campaign_id: str
    rules: str


class DeliveredDay(BaseModel):
    """Downloads of one day, of an episode or (for a dynamic run) of the show."""

    model_config = ConfigDict(frozen=True)

    day: date
    episode_id: str | None
    downloads: int
    status: Literal["provisional", "final"]


class SpotDays(BaseModel):
    """What counted towards a spot, day by day; days without downloads are not in it."""

    model_config = ConfigDict(frozen=True)

    spot_id: str
    delivered: int = Field(description="The sum of the days")
    days: list[DeliveredDay]


@delivery.get(
    "/v1/campaigns/{campaign_id}/delivery",
    scope="delivery:read",
    returns=CampaignFigures,
    raises=(CampaignNotFoundError, CurrencyMismatchError),
)
def show_campaign_delivery(call: Call, campaign_id: str) -> CampaignFigures:
    """Show the delivery of a campaign, in all and spot by spot."""
    figures = sponsorship().figures_of(campaign_for(call, campaign_id), call.now)
    return figures if sees_money(call.principal) else without_money(figures)


@delivery.get(
    "/v1/spots/{spot_id}/delivery",
    scope="delivery:read",
    returns=SpotReport,
    raises=(SpotNotFoundError,),
)
def show_spot_delivery(call: Call, spot_id: str) -> SpotReport:
    """Show the delivery of a spot."""
    room = sponsorship()
    spot = spot_for(call, spot_id)
    campaign = room.campaigns.records.get(call.tenant, spot.document.campaign_id)
    order = room.campaigns.order(call.tenant, campaign.document)
    found = room.deliveries.of_campaign(campaign, order, {spot_id: spot.document}, call.now)
    figures = spot_figures(found.spots[0])
    return SpotReport(
        **dict(figures if sees_money(call.principal) else spot_without_money(figures)),
        campaign_id=campaign.id,
        rules=room.deliveries.rules(call.tenant, order),
    )


@delivery.get(
    "/v1/spots/{spot_id}/delivery/days",
    scope="delivery:read",
    query=TableQuery,
    returns=SpotDays,
    raises=(SpotNotFoundError,),
)
def list_spot_days(call: Call, spot_id: str, query: TableQuery) -> SpotDays | Reply:
    """List what counted towards a spot, day by day and episode by episode, as JSON or CSV."""
    room = sponsorship()
    spot = spot_for(call, spot_id).document
    campaign = room.campaigns.records.get(call.tenant, spot.campaign_id)
    order = room.campaigns.order(call.tenant, campaign.document)
    days = [
        DeliveredDay(
            day=each.day,
            episode_id=each.id if each.scope == "episode" else None,
            downloads=each.downloads,
            status=each.status,
        )
        for each in room.deliveries.days(campaign, order, spot)
    ]
    if not wants_csv(call, query):
        return SpotDays(spot_id=spot_id, delivered=sum(each.downloads for each in days), days=days)
    columns = list(DeliveredDay.model_fields)
    rows = ([getattr(each, column) for column in columns] for each in days)
    return csv_reply(Table(f"delivery-{spot_id}", columns, rows))
