"""The steps of a campaign's life, one command each: routes of `campaigns`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.resources.campaigns import (
    CONFLICTS,
    CampaignView,
    campaign_reply,
    campaign_view,
    campaigns,
)
from tallycast.api.resources.selling import act
from tallycast.sponsorship.errors import (
    CampaignNotFoundError,
    CampaignNotReadyError,
    CurrencyDiffersError,
    ReferenceUnknownError,
    TransitionRefusedError,
)
from tallycast.sponsorship.model import Flight, Status
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from tallycast.api.call import Call

__all__ = ["campaigns"]

_STEP: Final = (CampaignNotFoundError, TransitionRefusedError, CampaignNotReadyError)


class Renewal(BaseModel):
    """When the campaign runs again, and under which order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flight: Flight
    order_id: ThingId | None = None


class Cancellation(BaseModel):
    """Why a campaign ends before its time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1, max_length=500)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/propose",
    scope="campaigns:write",
    returns=CampaignView,
    status=200,
    raises=_STEP,
    versioned=True,
)
def propose_campaign(call: Call, campaign_id: str) -> Reply:
    """Propose a draft to the sponsor; it needs a spot."""
    return _move(call, campaign_id, Status.PROPOSED)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/revise",
    scope="campaigns:write",
    returns=CampaignView,
    status=200,
    raises=_STEP,
    versioned=True,
)
def revise_campaign(call: Call, campaign_id: str) -> Reply:
    """Take a proposal back to draft."""
    return _move(call, campaign_id, Status.DRAFT)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/book",
    scope="campaigns:write",
    returns=CampaignView,
    status=200,
    raises=(*_STEP, *CONFLICTS),
    versioned=True,
)
def book_campaign(call: Call, campaign_id: str) -> Reply:
    """Book a proposal: from here on it holds its positions.

    It needs a signed order, a spot, approved creatives (where approval is required), a flight that
    is not over, and positions that nobody else has.
    """
    return _move(call, campaign_id, Status.BOOKED)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/start",
    scope="campaigns:write",
    returns=CampaignView,
    status=200,
    raises=_STEP,
    versioned=True,
)
def start_campaign(call: Call, campaign_id: str) -> Reply:
    """Start a booked campaign within its flight, before the schedule does."""
    return _move(call, campaign_id, Status.LIVE)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/pause",
    scope="campaigns:write",
    returns=CampaignView,
    status=200,
    raises=_STEP,
    versioned=True,
)
def pause_campaign(call: Call, campaign_id: str) -> Reply:
    """Pause a live campaign; it keeps its positions."""
    return _move(call, campaign_id, Status.PAUSED)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/resume",
    scope="campaigns:write",
    returns=CampaignView,
    status=200,
    raises=_STEP,
    versioned=True,
)
def resume_campaign(call: Call, campaign_id: str) -> Reply:
    """Go on with a paused campaign within its flight."""
    return _move(call, campaign_id, Status.LIVE)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/complete",
    scope="campaigns:write",
    returns=CampaignView,
    status=200,
    raises=_STEP,
    versioned=True,
)
def complete_campaign(call: Call, campaign_id: str) -> Reply:
    """Complete a campaign whose flight is over, before the schedule does."""
    return _move(call, campaign_id, Status.COMPLETED)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/reconcile",
    scope="campaigns:write",
    returns=CampaignView,
    status=200,
    raises=_STEP,
    versioned=True,
)
def reconcile_campaign(call: Call, campaign_id: str) -> Reply:
    """Reconcile a completed campaign.

    Every spot's guarantee window has to be over, and its numbers final.
    """
    return _move(call, campaign_id, Status.RECONCILED)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/cancel",
    scope="campaigns:write",
    body=Cancellation,
    returns=CampaignView,
    status=200,
    raises=_STEP,
    versioned=True,
)
def cancel_campaign(call: Call, campaign_id: str, body: Cancellation) -> Reply:
    """Cancel a campaign that is not over; its positions are free again."""
    return _move(call, campaign_id, Status.CANCELLED, body.reason)


@campaigns.post(
    "/v1/campaigns/{campaign_id}/renew",
    scope="campaigns:write",
    body=Renewal,
    returns=CampaignView,
    raises=(
        CampaignNotFoundError,
        CampaignNotReadyError,
        ReferenceUnknownError,
        CurrencyDiffersError,
    ),
)
def renew_campaign(call: Call, campaign_id: str, body: Renewal) -> Reply:
    """Renew a campaign that was booked: a new draft in another flight, linked to this one.

    Its spots are not copied, as they are of other episodes.
    """
    made = sponsorship().campaigns.renew(act(call), campaign_id, body.flight, body.order_id)
    return Reply(
        campaign_view(call, made), version=made.version, location=f"/v1/campaigns/{made.id}"
    )


def _move(call: Call, campaign_id: str, to: Status, reason: str | None = None) -> Reply:
    return campaign_reply(call, sponsorship().campaigns.move(act(call), campaign_id, to, reason))
