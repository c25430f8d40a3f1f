"""Campaigns: their facts, and every step of their life."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery
from tallycast.api.resources.selling import (
    Kept,
    SponsorFilter,
    act,
    change_model,
    changes_of,
    listed,
    refuse_money,
    seen,
    sees_inside,
    sees_money,
)
from tallycast.api.routes import Routes
from tallycast.sponsorship.changing import ChangeInvalidError
from tallycast.sponsorship.errors import (
    CampaignClosedError,
    CampaignNotFoundError,
    CategoryExclusiveError,
    CompetitorBookedError,
    CurrencyDiffersError,
    DatesInvalidError,
    MoneyHiddenError,
    PositionTakenError,
    ReferenceUnknownError,
    ShowFullError,
)
from tallycast.sponsorship.kinds import CAMPAIGNS
from tallycast.sponsorship.model import CampaignFacts, Status
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.sponsorship.model import Campaign

campaigns = Routes("campaigns", "A sponsor's spots over one flight, and how it goes with them")

CONFLICTS: Final = (
    PositionTakenError,
    CompetitorBookedError,
    CategoryExclusiveError,
    ShowFullError,
)


class NewCampaign(CampaignFacts):
    """A campaign to be."""


CampaignChange = change_model("CampaignChange", CampaignFacts, without=("sponsor_id",))


class StepView(BaseModel):
    """One step in a campaign's life."""

    model_config = ConfigDict(frozen=True)

    came_from: Status | None
    to: Status
    at: datetime
    by: str | None = Field(description="Pseudonymous id of who did it, `system:…` for a schedule")
    reason: str | None


class CampaignView(CampaignFacts, Kept):
    """A campaign. Budget, comment and who did what are shown to those who may see them."""

    status: Status
    category: str
    spots: int = Field(description="How many spots it has")
    creatives: int = Field(description="How many creatives it has")
    renewed_from: str | None
    history: list[StepView]


class CampaignsQuery(PageQuery, BaseModel):
    """Which campaigns."""

    sponsor_id: SponsorFilter = None
    order_id: ThingId | None = None
    status: Status | None = None


@campaigns.post(
    "/v1/campaigns",
    scope="campaigns:write",
    body=NewCampaign,
    returns=CampaignView,
    raises=(ReferenceUnknownError, CurrencyDiffersError, MoneyHiddenError, ChangeInvalidError),
)
def create_campaign(call: Call, body: NewCampaign) -> Reply:
    """Create a campaign, in draft."""
    refuse_money(call, body.model_dump(exclude_none=True))
    made = sponsorship().campaigns.add(act(call), body)
    return Reply(
        campaign_view(call, made), version=made.version, location=f"/v1/campaigns/{made.id}"
    )


@campaigns.get(
    "/v1/campaigns", scope="campaigns:read", query=CampaignsQuery, returns=PageOf[CampaignView]
)
def list_campaigns(call: Call, query: CampaignsQuery) -> PageOf[CampaignView]:
    """List campaigns, in the order in which they were added."""
    return listed(
        call,
        query,
        sponsorship().campaigns.records,
        campaign_view,
        sponsor_id=query.sponsor_id,
        keep=lambda campaign: (
            query.status in {None, campaign.status} and query.order_id in {None, campaign.order_id}
        ),
    )


@campaigns.get(
    "/v1/campaigns/{campaign_id}",
    scope="campaigns:read",
    returns=CampaignView,
    raises=(CampaignNotFoundError,),
    versioned=True,
)
def show_campaign(call: Call, campaign_id: str) -> Reply:
    """Show a campaign."""
    return campaign_reply(call, campaign_for(call, campaign_id))


@campaigns.patch(
    "/v1/campaigns/{campaign_id}",
    scope="campaigns:write",
    body=CampaignChange,
    returns=CampaignView,
    raises=(
        CampaignNotFoundError,
        CampaignClosedError,
        ReferenceUnknownError,
        CurrencyDiffersError,
        DatesInvalidError,
        MoneyHiddenError,
        ChangeInvalidError,
        *CONFLICTS,
    ),
    versioned=True,
)
def change_campaign(call: Call, campaign_id: str, body: BaseModel) -> Reply:
    """Change a campaign; objects and lists are replaced whole.

    One that is booked keeps its positions, or moves them with its flight if nobody else has them.
    """
    changed = sponsorship().campaigns.change(
        act(call), campaign_id, changes_of(call, body), call.if_match
    )
    return campaign_reply(call, changed)


def campaign_for(call: Call, campaign_id: str) -> Stored[Campaign]:
    """A campaign, for who may see it.

    Raises:
        CampaignNotFoundError: there is none, or it is another sponsor's.
    """
    return seen(call, sponsorship().campaigns.records, CAMPAIGNS, campaign_id)


def campaign_view(call: Call, stored: Stored[Campaign]) -> CampaignView:
    """A campaign as somebody sees it."""
    campaign, inside = stored.document, sees_inside(call.principal)
    facts = {name: getattr(campaign, name) for name in CampaignFacts.model_fields}
    if not sees_money(call.principal):
        facts["budget"] = None
    if not inside:
        facts["comment"] = None
    return CampaignView(
        **facts,
        id=stored.id,
        status=campaign.status,
        category=campaign.category,
        spots=len(campaign.spot_ids),
        creatives=len(campaign.creative_ids),
        renewed_from=campaign.renewed_from,
        history=[
            StepView(
                came_from=each.came_from,
                to=each.to,
                at=each.at,
                by=each.by if inside else None,
                reason=each.reason if inside else None,
            )
            for each in campaign.history
        ],
        created_at=stored.created_at,
        changed_at=stored.changed_at,
    )


def campaign_reply(call: Call, stored: Stored[Campaign]) -> Reply:
    """A campaign with its version."""
    return Reply(campaign_view(call, stored), version=stored.version)
