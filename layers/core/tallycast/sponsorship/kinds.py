"""How this room's things lie in the `core` table: their names, their lists, what finds them."""

from __future__ import annotations

from typing import Final

from tallycast.aws.records import Kind
from tallycast.kernel.times import to_text
from tallycast.sponsorship import errors
from tallycast.sponsorship.booking import Book
from tallycast.sponsorship.buyers import Agency, Note, Sponsor
from tallycast.sponsorship.lifecycle import due_at
from tallycast.sponsorship.materials import Creative, PromoCode, RateEntry, VanityLink
from tallycast.sponsorship.model import Campaign, Order, Spot

# What is unique in a tenant, as `aws.records.claim` knows it.
ORDER_NUMBER: Final = "order_number"
PROMO_CODE: Final = "promo_code"  # by the code's lower-case form
VANITY_SLUG: Final = "vanity_slug"
RATE_LINE: Final = "rate_line"

SPONSORS: Final = Kind("sponsor", Sponsor, errors.SponsorNotFoundError)
AGENCIES: Final = Kind("agency", Agency, errors.AgencyNotFoundError)
NOTES: Final = Kind(
    "sponsor_note",
    Note,
    errors.NoteNotFoundError,
    within=lambda note: of_sponsor(note.sponsor_id),
    sort=lambda record_id, note: f"{to_text(note.happened_at)}#{record_id}",
)
ORDERS: Final = Kind(
    "order",
    Order,
    errors.OrderNotFoundError,
    found_by=lambda order: of_sponsor(order.sponsor_id),
)
CAMPAIGNS: Final = Kind(
    "campaign",
    Campaign,
    errors.CampaignNotFoundError,
    found_by=lambda campaign: of_sponsor(campaign.sponsor_id),
    due=due_at,
)
SPOTS: Final = Kind(
    "spot",
    Spot,
    errors.SpotNotFoundError,
    within=lambda spot: of_campaign(spot.campaign_id),
    found_by=lambda spot: of_show(spot.show_id),
)
PROMO_CODES: Final = Kind(
    "promo_code",
    PromoCode,
    errors.PromoCodeNotFoundError,
    found_by=lambda code: of_campaign(code.campaign_id),
)
VANITY_LINKS: Final = Kind(
    "vanity_link",
    VanityLink,
    errors.VanityLinkNotFoundError,
    found_by=lambda link: of_campaign(link.campaign_id),
)
CREATIVES: Final = Kind(
    "creative",
    Creative,
    errors.CreativeNotFoundError,
    within=lambda creative: of_campaign(creative.campaign_id),
)
RATES: Final = Kind(
    "rate",
    RateEntry,
    errors.RateNotFoundError,
    within=lambda rate: of_show(rate.show_id),
    sort=lambda record_id, rate: (
        f"{rate.position}#{rate.length_seconds:05d}#{rate.valid_from}#{record_id}"
    ),
)
BOOKS: Final = Kind("show_book", Book)


def of_sponsor(sponsor_id: str) -> tuple[str, str]:
    """The list of a sponsor's things."""
    return "SPONSOR", sponsor_id


def of_campaign(campaign_id: str) -> tuple[str, str]:
    """The list of a campaign's things."""
    return "CAMPAIGN", campaign_id


def of_show(show_id: str) -> tuple[str, str]:
    """The list of a show's things."""
    return "SHOW", show_id
