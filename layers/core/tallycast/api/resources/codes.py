"""Promo codes and vanity links of campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.resources.selling import Kept, act, change_model, changes_of, is_own, kept, seen
from tallycast.api.routes import Routes
from tallycast.aws.records import LISTING, LOOKUP, Stored
from tallycast.sponsorship.changing import ChangeInvalidError
from tallycast.sponsorship.errors import (
    CodeTakenError,
    DatesInvalidError,
    PromoCodeNotFoundError,
    ReferenceUnknownError,
    SlugTakenError,
    VanityLinkNotFoundError,
)
from tallycast.sponsorship.kinds import PROMO_CODES, VANITY_LINKS, of_campaign
from tallycast.sponsorship.materials import PromoCode, PromoCodeFacts, VanityLink, VanityLinkFacts
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from tallycast.api.call import Call

codes = Routes("codes", "Promo codes and vanity links that hosts read out")


class NewPromoCode(PromoCodeFacts):
    """A promo code to be."""


class NewVanityLink(VanityLinkFacts):
    """A vanity link to be."""


PromoCodeChange = change_model(
    "PromoCodeChange", PromoCodeFacts, without=("code", "campaign_id", "show_id")
)
VanityLinkChange = change_model(
    "VanityLinkChange", VanityLinkFacts, without=("slug", "campaign_id", "show_id")
)


class PromoCodeView(PromoCodeFacts, Kept):
    """A promo code."""

    sponsor_id: str


class VanityLinkView(VanityLinkFacts, Kept):
    """A vanity link."""

    sponsor_id: str


class CodesQuery(PageQuery, BaseModel):
    """Of which campaign."""

    campaign_id: ThingId | None = None


@codes.post(
    "/v1/codes",
    scope="codes:write",
    body=NewPromoCode,
    returns=PromoCodeView,
    raises=(CodeTakenError, ReferenceUnknownError, DatesInvalidError),
)
def create_promo_code(call: Call, body: NewPromoCode) -> Reply:
    """Create a promo code; no two are spelled the same, whatever their case."""
    made = sponsorship().codes.add_code(act(call), body)
    return Reply(_code(made), version=made.version, location=f"/v1/codes/{made.id}")


@codes.get("/v1/codes", scope="codes:read", query=CodesQuery, returns=PageOf[PromoCodeView])
def list_promo_codes(call: Call, query: CodesQuery) -> PageOf[PromoCodeView]:
    """List promo codes, in the order in which they were added."""
    page = sponsorship().codes.codes.page(
        call.tenant,
        within=of_campaign(query.campaign_id) if query.campaign_id else (),
        index=LOOKUP if query.campaign_id else LISTING,
        limit=query.limit,
        cursor=query.after(),
        keep=lambda stored: is_own(call.principal, stored.document.sponsor_id),
    )
    return page_of(page, _code)


@codes.get(
    "/v1/codes/{code_id}",
    scope="codes:read",
    returns=PromoCodeView,
    raises=(PromoCodeNotFoundError,),
    versioned=True,
)
def show_promo_code(call: Call, code_id: str) -> Reply:
    """Show a promo code."""
    found = seen(call, sponsorship().codes.codes, PROMO_CODES, code_id)
    return Reply(_code(found), version=found.version)


@codes.patch(
    "/v1/codes/{code_id}",
    scope="codes:write",
    body=PromoCodeChange,
    returns=PromoCodeView,
    raises=(PromoCodeNotFoundError, DatesInvalidError, ChangeInvalidError),
    versioned=True,
)
def change_promo_code(call: Call, code_id: str, body: BaseModel) -> Reply:
    """Change when a promo code is valid, and what it gives."""
    changed = sponsorship().codes.change_code(
        act(call), code_id, changes_of(call, body), call.if_match
    )
    return Reply(_code(changed), version=changed.version)


@codes.delete(
    "/v1/codes/{code_id}", scope="codes:write", raises=(PromoCodeNotFoundError,), versioned=True
)
def remove_promo_code(call: Call, code_id: str) -> None:
    """Remove a promo code; it can be given again."""
    sponsorship().codes.remove_code(act(call), code_id, call.if_match)


@codes.post(
    "/v1/links",
    scope="codes:write",
    body=NewVanityLink,
    returns=VanityLinkView,
    raises=(SlugTakenError, ReferenceUnknownError),
)
def create_vanity_link(call: Call, body: NewVanityLink) -> Reply:
    """Create a vanity link; no two have the same slug."""
    made = sponsorship().codes.add_link(act(call), body)
    return Reply(_link(made), version=made.version, location=f"/v1/links/{made.id}")


@codes.get("/v1/links", scope="codes:read", query=CodesQuery, returns=PageOf[VanityLinkView])
def list_vanity_links(call: Call, query: CodesQuery) -> PageOf[VanityLinkView]:
    """List vanity links, in the order in which they were added."""
    page = sponsorship().codes.links.page(
        call.tenant,
        within=of_campaign(query.campaign_id) if query.campaign_id else (),
        index=LOOKUP if query.campaign_id else LISTING,
        limit=query.limit,
        cursor=query.after(),
        keep=lambda stored: is_own(call.principal, stored.document.sponsor_id),
    )
    return page_of(page, _link)


@codes.get(
    "/v1/links/{link_id}",
    scope="codes:read",
    returns=VanityLinkView,
    raises=(VanityLinkNotFoundError,),
    versioned=True,
)
def show_vanity_link(call: Call, link_id: str) -> Reply:
    """Show a vanity link."""
    found = seen(call, sponsorship().codes.links, VANITY_LINKS, link_id)
    return Reply(_link(found), version=found.version)


@codes.patch(
    "/v1/links/{link_id}",
    scope="codes:write",
    body=VanityLinkChange,
    returns=VanityLinkView,
    raises=(VanityLinkNotFoundError, ChangeInvalidError),
    versioned=True,
)
def change_vanity_link(call: Call, link_id: str, body: BaseModel) -> Reply:
    """Change where a vanity link leads, or switch it off."""
    changed = sponsorship().codes.change_link(
        act(call), link_id, changes_of(call, body), call.if_match
    )
    return Reply(_link(changed), version=changed.version)


@codes.delete(
    "/v1/links/{link_id}", scope="codes:write", raises=(VanityLinkNotFoundError,), versioned=True
)
def remove_vanity_link(call: Call, link_id: str) -> None:
    """Remove a vanity link; its slug can be given again."""
    sponsorship().codes.remove_link(act(call), link_id, call.if_match)


def _code(stored: Stored[PromoCode]) -> PromoCodeView:
    return PromoCodeView(**dict(stored.document), **kept(stored))


def _link(stored: Stored[VanityLink]) -> VanityLinkView:
    return VanityLinkView(**dict(stored.document), **kept(stored))
