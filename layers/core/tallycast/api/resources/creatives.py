"""Creatives and their approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf
from tallycast.api.resources.campaigns import campaign_for
from tallycast.api.resources.selling import Kept, act, change_model, changes_of, kept, seen
from tallycast.api.routes import Routes
from tallycast.sponsorship.changing import ChangeInvalidError
from tallycast.sponsorship.errors import (
    CampaignClosedError,
    CampaignNotFoundError,
    CreativeNotFoundError,
    CreativeStatusError,
    TooManyPartsError,
)
from tallycast.sponsorship.kinds import CREATIVES
from tallycast.sponsorship.materials import Comment, CreativeFacts, CreativeStatus
from tallycast.sponsorship.use_cases.routes import sponsorship

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.sponsorship.materials import Creative

creatives = Routes("creatives", "What is to be heard, and who has approved it")


class NewCreative(CreativeFacts):
    """A creative to be."""


CreativeChange = change_model("CreativeChange", CreativeFacts)


class CreativeView(CreativeFacts, Kept):
    """A creative."""

    campaign_id: str
    sponsor_id: str
    status: CreativeStatus
    comments: list[Comment]


class Remark(BaseModel):
    """What is to be said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1, max_length=5000)


_MOVES = (CreativeNotFoundError, CreativeStatusError)


@creatives.post(
    "/v1/campaigns/{campaign_id}/creatives",
    scope="campaigns:write",
    body=NewCreative,
    returns=CreativeView,
    raises=(CampaignNotFoundError, CampaignClosedError, TooManyPartsError),
)
def create_creative(call: Call, campaign_id: str, body: NewCreative) -> Reply:
    """Add a creative to a campaign, in draft."""
    made = sponsorship().creatives.add(act(call), campaign_id, body)
    return Reply(_shown(made), version=made.version, location=f"/v1/creatives/{made.id}")


@creatives.get(
    "/v1/campaigns/{campaign_id}/creatives",
    scope="campaigns:read",
    returns=PageOf[CreativeView],
    raises=(CampaignNotFoundError,),
)
def list_creatives(call: Call, campaign_id: str) -> PageOf[CreativeView]:
    """List the creatives of a campaign, all at once, in the order in which they were added."""
    campaign = campaign_for(call, campaign_id).document
    found = sponsorship().campaigns.creatives(call.tenant, campaign)
    return PageOf(items=[_shown(found[each]) for each in campaign.creative_ids if each in found])


@creatives.get(
    "/v1/creatives/{creative_id}",
    scope="campaigns:read",
    returns=CreativeView,
    raises=(CreativeNotFoundError,),
    versioned=True,
)
def show_creative(call: Call, creative_id: str) -> Reply:
    """Show a creative."""
    return _reply(_own(call, creative_id))


@creatives.patch(
    "/v1/creatives/{creative_id}",
    scope="campaigns:write",
    body=CreativeChange,
    returns=CreativeView,
    raises=(CreativeNotFoundError, CreativeStatusError, ChangeInvalidError),
    versioned=True,
)
def change_creative(call: Call, creative_id: str, body: BaseModel) -> Reply:
    """Change a creative; one that was approved or rejected is a draft again."""
    changed = sponsorship().creatives.change(
        act(call), creative_id, changes_of(call, body), call.if_match
    )
    return _reply(changed)


@creatives.post(
    "/v1/creatives/{creative_id}/submit",
    scope="campaigns:write",
    returns=CreativeView,
    status=200,
    raises=_MOVES,
    versioned=True,
)
def submit_creative(call: Call, creative_id: str) -> Reply:
    """Submit a creative for approval."""
    return _reply(sponsorship().creatives.move(act(call), creative_id, "submitted"))


@creatives.post(
    "/v1/creatives/{creative_id}/withdraw",
    scope="campaigns:write",
    returns=CreativeView,
    status=200,
    raises=_MOVES,
    versioned=True,
)
def withdraw_creative(call: Call, creative_id: str) -> Reply:
    """Take a creative back to draft, whether it waits, was approved or was rejected."""
    return _reply(sponsorship().creatives.move(act(call), creative_id, "draft"))


@creatives.post(
    "/v1/creatives/{creative_id}/approve",
    scope="creatives:approve",
    returns=CreativeView,
    status=200,
    raises=_MOVES,
    versioned=True,
)
def approve_creative(call: Call, creative_id: str) -> Reply:
    """Approve a submitted creative."""
    _own(call, creative_id)
    return _reply(sponsorship().creatives.move(act(call), creative_id, "approved"))


@creatives.post(
    "/v1/creatives/{creative_id}/reject",
    scope="creatives:approve",
    body=Remark,
    returns=CreativeView,
    status=200,
    raises=_MOVES,
    versioned=True,
)
def reject_creative(call: Call, creative_id: str, body: Remark) -> Reply:
    """Reject a submitted creative, and say why."""
    _own(call, creative_id)
    return _reply(sponsorship().creatives.move(act(call), creative_id, "rejected", body.text))


@creatives.post(
    "/v1/creatives/{creative_id}/comments",
    scope="creatives:approve",
    body=Remark,
    returns=CreativeView,
    raises=(CreativeNotFoundError,),
    versioned=True,
)
def comment_creative(call: Call, creative_id: str, body: Remark) -> Reply:
    """Say something about a creative; everybody who sees it reads that. The last 200 are kept."""
    _own(call, creative_id)
    return _reply(sponsorship().creatives.comment(act(call), creative_id, body.text))


def _own(call: Call, creative_id: str) -> Stored[Creative]:
    return seen(call, sponsorship().creatives.records, CREATIVES, creative_id)


def _reply(stored: Stored[Creative]) -> Reply:
    return Reply(_shown(stored), version=stored.version)


def _shown(stored: Stored[Creative]) -> CreativeView:
    return CreativeView(
        **{**dict(stored.document), "comments": list(stored.document.comments)}, **kept(stored)
    )
