"""Conversions: sponsors' systems tell what listeners did, and each is kept once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.paging import CursorInvalidError, PageOf, PageQuery, page_of
from tallycast.api.problems import FieldError, FieldsInvalidError
from tallycast.api.resources.selling import SponsorFilter, is_own
from tallycast.api.routes import Routes
from tallycast.attribution.errors import ConversionNotFoundError
from tallycast.attribution.intake import MOST_EVENTS, is_ahead
from tallycast.attribution.model import ConversionEvent, ConversionKind, Evidence, Utm
from tallycast.attribution.use_cases.routes import conversions as room
from tallycast.aws.observability import NAMESPACE, MetricUnit, single_metric
from tallycast.aws.records import LISTING, LOOKUP
from tallycast.identity.model import Role
from tallycast.kernel.money import Money
from tallycast.sponsorship.errors import CampaignNotFoundError, ReferenceUnknownError
from tallycast.sponsorship.kinds import CAMPAIGNS, of_campaign, of_sponsor
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.attribution.model import Conversion
    from tallycast.aws.records import Stored
    from tallycast.identity.model import Principal

conversions = Routes("conversions", "What listeners did for a sponsor, as its systems tell it")


class NewConversions(BaseModel):
    """Some events of one sponsor, together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sponsor_id: ThingId
    events: Annotated[list[ConversionEvent], Field(min_length=1, max_length=MOST_EVENTS)]


class TakenView(BaseModel):
    """What became of one event."""

    model_config = ConfigDict(frozen=True)

    conversion_id: str
    status: Literal["recorded", "known"] = Field(
        description="known: it was told before, and stands as it was told first"
    )
    differs: bool = Field(description="A known one was told with other facts than now")
    campaign_id: str | None = Field(description="That its promo code proves")


class ConversionsTaken(BaseModel):
    """What became of the events: recorded + known is their number."""

    model_config = ConfigDict(frozen=True)

    recorded: int
    known: int
    results: list[TakenView] = Field(description="In the order of the events")


class ConversionView(BaseModel):
    """A conversion. What stands for the buyer is kept, and shown to nobody."""

    model_config = ConfigDict(frozen=True)

    id: str
    sponsor_id: str
    campaign_id: str | None
    code_id: str | None
    evidence: Evidence | None = Field(description="What proves the campaign")
    kind: ConversionKind
    occurred_at: datetime
    recorded_at: datetime
    event_id: str | None
    order_number: str | None
    value: Money | None
    discount_code: str | None
    is_new_customer: bool | None
    is_subscription: bool | None
    num_items: int | None
    product: str | None
    subtype: str | None
    utm: Utm | None
    has_address: bool = Field(description="A hash of the buyer's address was kept, to match with")


class ConversionsQuery(PageQuery):
    """Of which sponsor or campaign."""

    sponsor_id: SponsorFilter = None
    campaign_id: Annotated[
        ThingId | None, Field(description="Those whose promo code proves this campaign")
    ] = None


@conversions.post(
    "/v1/conversions",
    scope="conversions:write",
    body=NewConversions,
    returns=ConversionsTaken,
    status=200,
    raises=(ReferenceUnknownError,),
)
def take_conversions(call: Call, body: NewConversions) -> ConversionsTaken:
    """Tell of conversions, up to 100 at once.

    An order counts once, whatever tells of it and how often; so does an event without an order. If
    one of the events is wrong, nothing of the batch is recorded and the answer says which.
    """
    ahead = [
        FieldError(
            pointer=f"/events/{place}/occurred_at",
            detail="it lies in the future: tell of what has happened, by a clock that is right",
        )
        for place, event in enumerate(body.events)
        if is_ahead(event, call.now)
    ]
    if ahead:
        raise FieldsInvalidError(f"{ahead[0].pointer}: {ahead[0].detail}", ahead)
    taken = room().take(
        call.tenant, body.sponsor_id, body.events, told_by=call.principal.subject, now=call.now
    )
    recorded = sum(each.status == "recorded" for each in taken)
    for outcome, number in (("stored", recorded), ("deduplicated", len(taken) - recorded)):
        with single_metric(
            "conversion_volume", MetricUnit.Count, number, namespace=NAMESPACE
        ) as metric:
            metric.add_dimension("outcome", outcome)
    return ConversionsTaken(
        recorded=recorded,
        known=len(taken) - recorded,
        results=[
            TakenView(
                conversion_id=each.stored.id,
                status=each.status,
                differs=each.differs,
                campaign_id=each.stored.document.campaign_id,
            )
            for each in taken
        ],
    )


@conversions.get(
    "/v1/conversions",
    scope="conversions:read",
    query=ConversionsQuery,
    returns=PageOf[ConversionView],
    raises=(CampaignNotFoundError, CursorInvalidError),
)
def list_conversions(call: Call, query: ConversionsQuery) -> PageOf[ConversionView]:
    """List conversions of a sponsor or of a campaign, the latest first.

    A partner system sees those that it told itself.
    """
    within, index = _list_of(call, query)
    page = room().records.page(
        call.tenant,
        within=within,
        index=index,
        limit=query.limit,
        cursor=query.after(),
        newest_first=True,
        keep=lambda stored: _may_see(call.principal, stored.document),
    )
    return page_of(page, _shown)


@conversions.get(
    "/v1/conversions/{conversion_id}",
    scope="conversions:read",
    returns=ConversionView,
    raises=(ConversionNotFoundError,),
)
def show_conversion(call: Call, conversion_id: str) -> ConversionView:
    """Show a conversion."""
    found = room().records.get(call.tenant, conversion_id)
    if not _may_see(call.principal, found.document):
        raise ConversionNotFoundError(f"no conversion {conversion_id} here", id=conversion_id)
    return _shown(found)


def _list_of(call: Call, query: ConversionsQuery) -> tuple[tuple[str, str], str]:
    """The list that holds what is asked for, and its index."""
    if query.campaign_id is not None:
        campaign = sponsorship().campaigns.records.get(call.tenant, query.campaign_id)
        of = campaign.document.sponsor_id
        if not is_own(call.principal, of) or query.sponsor_id not in {None, of}:
            raise CAMPAIGNS.missing(f"no campaign {query.campaign_id} here", id=query.campaign_id)
        return of_campaign(query.campaign_id), LOOKUP
    sponsor_id = query.sponsor_id or call.principal.sponsor_id
    if sponsor_id is None:
        wrong = FieldError(
            pointer="query.sponsor_id", detail="name the sponsor, or a campaign_id, to list"
        )
        raise FieldsInvalidError(f"{wrong.pointer}: {wrong.detail}", [wrong])
    return of_sponsor(sponsor_id), LISTING


def _may_see(who: Principal, conversion: Conversion) -> bool:
    if who.role is Role.PARTNER:
        return conversion.told_by == who.subject
    return is_own(who, conversion.sponsor_id)


def _shown(stored: Stored[Conversion]) -> ConversionView:
    conversion = stored.document
    same = ConversionView.model_fields.keys() & type(conversion).model_fields.keys()
    return ConversionView(
        **{name: getattr(conversion, name) for name in same},
        id=stored.id,
        recorded_at=stored.created_at,
        has_address=conversion.ip_hash is not None,
    )
