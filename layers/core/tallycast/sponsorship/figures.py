"""Delivery as it is shown and frozen: the figures of campaigns and spots, JSON-ready."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pydantic import Field

from tallycast.kernel.money import Money
from tallycast.kernel.schema import Produced
from tallycast.sponsorship.forecast import Method
from tallycast.sponsorship.words import Insertion, MakeGood, Position

if TYPE_CHECKING:
    from tallycast.sponsorship.delivery import CampaignDelivery, SpotDelivery


class DeliveryWindow(Produced):
    """The days whose downloads count, both included, as the show counts days."""

    starts_on: date
    ends_on: date
    zone: str
    is_over: bool


class Owed(Produced):
    """What is missing: downloads, and what they are worth at the booked price."""

    downloads: int
    value: Money | None = Field(description="Null for who does not see prices")


class SpotFigures(Produced):
    """The figures of one spot."""

    spot_id: str
    show_id: str
    episode_id: str | None
    position: Position
    ordinal: int
    insertion: Insertion
    window: DeliveryWindow
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
    shortfall: Owed = Field(description="max(0, booked - delivered), as it stands")
    make_good: MakeGood = Field(description="What the order says is owed for a shortfall")
    owed: Owed = Field(description="The shortfall once the window is over; before, nothing")


class CampaignFigures(Produced):
    """The figures of a campaign. Listeners are not in here: they do not add up over spots."""

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
    owed: Owed
    spots: list[SpotFigures]


def campaign_figures(campaign_id: str, rules: str, found: CampaignDelivery) -> CampaignFigures:
    """All figures of a campaign, with their money."""
    return CampaignFigures(
        campaign_id=campaign_id,
        rules=rules,
        goal=found.goal,
        booked=found.booked,
        delivered=found.delivered,
        percent=found.percent,
        elapsed=found.elapsed,
        pacing=found.pacing,
        projected=found.projected,
        is_final=found.final,
        spend=found.spend,
        ecpm=found.ecpm,
        owed=Owed(downloads=found.owed, value=found.owed_value),
        spots=[spot_figures(each) for each in found.spots],
    )


def spot_figures(found: SpotDelivery) -> SpotFigures:
    """All figures of a spot, with their money."""
    spot, counted = found.spot, found.counted
    return SpotFigures(
        spot_id=found.spot_id,
        show_id=spot.show_id,
        episode_id=spot.episode_id,
        position=spot.position,
        ordinal=spot.ordinal,
        insertion=spot.insertion,
        window=DeliveryWindow(
            starts_on=counted.window.first,
            ends_on=counted.window.last,
            zone=counted.window.zone,
            is_over=found.is_over,
        ),
        booked=spot.booked_downloads,
        delivered=counted.delivered,
        percent=found.percent,
        elapsed=found.elapsed,
        pacing=found.pacing,
        projected=counted.projection[0],
        projection=counted.projection[1],
        is_final=counted.final,
        spend=found.spend,
        ecpm=found.ecpm,
        shortfall=Owed(downloads=found.shortfall, value=found.shortfall_value),
        make_good=found.make_good,
        owed=Owed(downloads=found.owed, value=found.owed_value),
    )


def spot_without_money(spot: SpotFigures) -> SpotFigures:
    """A spot's figures for who does not see prices."""
    return spot.model_copy(
        update={
            "spend": None,
            "ecpm": None,
            "shortfall": _unpriced(spot.shortfall),
            "owed": _unpriced(spot.owed),
        }
    )


def without_money(campaign: CampaignFigures) -> CampaignFigures:
    """A campaign's figures for who does not see prices."""
    return campaign.model_copy(
        update={
            "spend": None,
            "ecpm": None,
            "owed": _unpriced(campaign.owed),
            "spots": [spot_without_money(each) for each in campaign.spots],
        }
    )


def _unpriced(owed: Owed) -> Owed:
    return Owed(downloads=owed.downloads, value=None)
