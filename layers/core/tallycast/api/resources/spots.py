"""Spots of campaigns."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.resources.campaigns import CONFLICTS, campaign_for
from tallycast.api.resources.selling import (
    Kept,
    act,
    change_model,
    changes_of,
    is_own,
    kept,
    refuse_money,
    seen,
    sees_money,
)
from tallycast.api.routes import Routes
from tallycast.aws.records import LOOKUP, Stored
from tallycast.kernel.schema import Produced
from tallycast.sponsorship.changing import ChangeInvalidError
from tallycast.sponsorship.errors import (
    CampaignClosedError,
    CampaignNotFoundError,
    CurrencyDiffersError,
    DatesInvalidError,
    MoneyHiddenError,
    PlacementInvalidError,
    ReferenceUnknownError,
    SpotNotFoundError,
    TooManyPartsError,
)
from tallycast.sponsorship.kinds import SPOTS, of_show
from tallycast.sponsorship.model import Spot, SpotFacts
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from tallycast.api.call import Call

spots = Routes("spots", "Placements of a campaign in episodes and shows")


class NewSpot(SpotFacts):
    """A spot to be."""


SpotChange = change_model("SpotChange", SpotFacts)


class SpotView(SpotFacts, Kept, Produced):
    """A spot. Its own price is shown to those who see prices."""

    campaign_id: str
    sponsor_id: str
    released_on: date | None


class SpotsQuery(PageQuery, BaseModel):
    """Of which show."""

    show_id: ThingId


_PLACING = (
    CampaignClosedError,
    ReferenceUnknownError,
    PlacementInvalidError,
    DatesInvalidError,
    CurrencyDiffersError,
    MoneyHiddenError,
    *CONFLICTS,
)


@spots.post(
    "/v1/campaigns/{campaign_id}/spots",
    scope="spots:write",
    body=NewSpot,
    returns=SpotView,
    raises=(CampaignNotFoundError, TooManyPartsError, *_PLACING),
)
def create_spot(call: Call, campaign_id: str, body: NewSpot) -> Reply:
    """Add a spot to a campaign.

    It is in an episode (`episode_id`) or in a show from one day to another (`starts_on`,
    `ends_on`). In a campaign that is booked it has to find its position free.
    """
    refuse_money(call, body.model_dump(exclude_none=True))
    made = sponsorship().spots.add(act(call), campaign_id, body)
    return Reply(_shown(call, made), version=made.version, location=f"/v1/spots/{made.id}")


@spots.get(
    "/v1/campaigns/{campaign_id}/spots",
    scope="spots:read",
    returns=PageOf[SpotView],
    raises=(CampaignNotFoundError,),
)
def list_campaign_spots(call: Call, campaign_id: str) -> PageOf[SpotView]:
    """List the spots of a campaign, all at once, in the order in which they were added."""
    campaign = campaign_for(call, campaign_id)
    ids = campaign.document.spot_ids
    found = sponsorship().spots.records.many(call.tenant, ids)
    return PageOf(items=[_shown(call, found[each]) for each in ids if each in found])


@spots.get("/v1/spots", scope="spots:read", query=SpotsQuery, returns=PageOf[SpotView])
def list_show_spots(call: Call, query: SpotsQuery) -> PageOf[SpotView]:
    """List the spots of a show, in the order in which they were added."""
    page = sponsorship().spots.records.page(
        call.tenant,
        within=of_show(query.show_id),
        index=LOOKUP,
        limit=query.limit,
        cursor=query.after(),
        keep=lambda stored: is_own(call.principal, stored.document.sponsor_id),
    )
    return page_of(page, lambda stored: _shown(call, stored))


@spots.get(
    "/v1/spots/{spot_id}",
    scope="spots:read",
    returns=SpotView,
    raises=(SpotNotFoundError,),
    versioned=True,
)
def show_spot(call: Call, spot_id: str) -> Reply:
    """Show a spot."""
    found = spot_for(call, spot_id)
    return Reply(_shown(call, found), version=found.version)


@spots.patch(
    "/v1/spots/{spot_id}",
    scope="spots:write",
    body=SpotChange,
    returns=SpotView,
    raises=(SpotNotFoundError, ChangeInvalidError, *_PLACING),
    versioned=True,
)
def change_spot(call: Call, spot_id: str, body: BaseModel) -> Reply:
    """Change a spot.

    When the campaign is over, only the script and the aircheck may still be noted.
    """
    changed = sponsorship().spots.change(act(call), spot_id, changes_of(call, body), call.if_match)
    return Reply(_shown(call, changed), version=changed.version)


@spots.delete(
    "/v1/spots/{spot_id}",
    scope="spots:write",
    raises=(SpotNotFoundError, CampaignClosedError),
    versioned=True,
)
def remove_spot(call: Call, spot_id: str) -> None:
    """Remove a spot; its position is free again."""
    sponsorship().spots.remove(act(call), spot_id, call.if_match)


def spot_for(call: Call, spot_id: str) -> Stored[Spot]:
    """A spot, for who may see it.

    Raises:
        SpotNotFoundError: there is none, or it is another sponsor's.
    """
    return seen(call, sponsorship().spots.records, SPOTS, spot_id)


def _shown(call: Call, stored: Stored[Spot]) -> SpotView:
    facts = dict(stored.document)
    if not sees_money(call.principal):
        facts["rate"] = None
    return SpotView(**facts, **kept(stored))
