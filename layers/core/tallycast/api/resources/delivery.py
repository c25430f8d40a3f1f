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
from tallycast.kernel.money import CurrencyMismatchError, Money
from tallycast.sponsorship.errors import CampaignNotFoundError, SpotNotFoundError
from tallycast.sponsorship.forecast import Method
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import Insertion, MakeGood, Position

if TYPE_CHECKING:
    from tallycast.api.call import Call, Reply
    from tallycast.sponsorship.delivery import SpotDelivery

delivery = Routes("delivery", "What was delivered of what was booked, from the audited count")


class WindowView(BaseModel):
    """The days whose downloads count, both included, as the show counts days."""

    model_config = ConfigDict(frozen=True)

    starts_on: date
    ends_on: date
    zone: str
    is_over: bool


class OwedView(BaseModel):
    """What is missing: downloads, and what they are worth at the booked price."""

    model_config = ConfigDict(frozen=True)

    downloads: int
    value: Money | None = Field(description="Null for who does not see prices")


class SpotDeliveryView(BaseModel):
    """The figures of one spot."""

    model_config = ConfigDict(frozen=True)

    spot_id: str
    show_id: str
    episode_id: str | None
    position: Position
    ordinal: int
    insertion: Insertion
    window: WindowView
    booked: int
    delivered: int = Field(description="Downloads within the window, as counted by now")
    percent: float = Field(description="delivered / booked * 100, to a tenth")
    elapsed: float = Field(description="Share of the window that is over, 0 to 1")
    pacing: float | None = Field(
        description="delivered / (booked * elapsed); null before it begins"
    )
    projected: int | None = Field(description="What the window will have come to at its end")
    projection: Method = Field(
        description="How that was found: `age_curve` from the show's last episodes, `run_rate` "
        "from the days so far, `counted` when the window is over"
    )
    is_final: bool = Field(description="The window is over and none of its days changes any more")
    spend: Money | None
    ecpm: Money | None = Field(description="spend / delivered * 1000")
    shortfall: OwedView = Field(description="max(0, booked - delivered), as it stands")
    make_good: MakeGood = Field(description="What the order says is owed for a shortfall")
    owed: OwedView = Field(description="The shortfall once the window is over; before, nothing")


class SpotReport(SpotDeliveryView):
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


class CampaignReport(BaseModel):
    """The figures of a campaign. Listeners are not in here: they do not add up over spots."""

    model_config = ConfigDict(frozen=True)

    campaign_id: str
    rules: str = Field(description="Name of the rule set that counted")
    goal: int = Field(description="The campaign's, or the sum of what was booked")
    booked: int
    delivered: int
    percent: float = Field(description="delivered / goal * 100, to a tenth")
    elapsed: float = Field(description="Share of the flight that is over, 0 to 1")
    pacing: float | None = Field(description="delivered / (goal * elapsed); null before it begins")
    projected: int | None
    is_final: bool
    spend: Money | None
    ecpm: Money | None
    owed: OwedView
    spots: list[SpotDeliveryView]


@delivery.get(
    "/v1/campaigns/{campaign_id}/delivery",
    scope="delivery:read",
    returns=CampaignReport,
    raises=(CampaignNotFoundError, CurrencyMismatchError),
)
def show_campaign_delivery(call: Call, campaign_id: str) -> CampaignReport:
    """Show the delivery of a campaign, in all and spot by spot."""
    room = sponsorship()
    campaign = campaign_for(call, campaign_id)
    order = room.campaigns.order(call.tenant, campaign.document)
    spots = room.campaigns.spots(call.tenant, campaign.document)
    found = room.deliveries.of_campaign(campaign, order, spots, call.now)
    money = sees_money(call.principal)
    return CampaignReport(
        campaign_id=campaign_id,
        rules=room.deliveries.rules(call.tenant, order),
        goal=found.goal,
        booked=found.booked,
        delivered=found.delivered,
        percent=found.percent,
        elapsed=found.elapsed,
        pacing=found.pacing,
        projected=found.projected,
        is_final=found.final,
        spend=found.spend if money else None,
        ecpm=found.ecpm if money else None,
        owed=OwedView(downloads=found.owed, value=found.owed_value if money else None),
        spots=[SpotDeliveryView(**_figures(call, each)) for each in found.spots],
    )


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
    return SpotReport(
        **_figures(call, found.spots[0]),
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


def _figures(call: Call, found: SpotDelivery) -> dict[str, object]:
    spot, counted, money = found.spot, found.counted, sees_money(call.principal)
    return {
        "spot_id": found.spot_id,
        "show_id": spot.show_id,
        "episode_id": spot.episode_id,
        "position": spot.position,
        "ordinal": spot.ordinal,
        "insertion": spot.insertion,
        "window": WindowView(
            starts_on=counted.window.first,
            ends_on=counted.window.last,
            zone=counted.window.zone,
            is_over=found.is_over,
        ),
        "booked": spot.booked_downloads,
        "delivered": counted.delivered,
        "percent": found.percent,
        "elapsed": found.elapsed,
        "pacing": found.pacing,
        "projected": counted.projection[0],
        "projection": counted.projection[1],
        "is_final": counted.final,
        "spend": found.spend if money else None,
        "ecpm": found.ecpm if money else None,
        "shortfall": OwedView(
            downloads=found.shortfall, value=found.shortfall_value if money else None
        ),
        "make_good": found.make_good,
        "owed": OwedView(downloads=found.owed, value=found.owed_value if money else None),
    }
