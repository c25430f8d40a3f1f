"""The books of the shows that a campaign is in: read, checked, and written in its transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.sponsorship.booking import Book, booking_of, rebooked
from tallycast.sponsorship.kinds import BOOKS
from tallycast.sponsorship.model import HOLDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallycast.aws.records import Write
    from tallycast.sponsorship.desk import Act, Desk
    from tallycast.sponsorship.model import Campaign, Spot, Terms


@dataclass(frozen=True, slots=True)
class Hold:
    """What a campaign is to hold: the positions of these spots, by id, as they shall be.

    A campaign that holds nothing in the state it is in, or has no terms, gives everything back.
    """

    campaign_id: str
    campaign: Campaign
    terms: Terms | None
    spots: Mapping[str, Spot]


def held(desk: Desk, act: Act, hold: Hold, *, before: Iterable[str] = ()) -> list[Write]:
    """The writes by which a campaign holds exactly what it is to hold.

    Args:
        desk: where the books are.
        act: whose.
        hold: what it is to hold.
        before: ids of shows that it may have held positions of.

    Raises:
        PositionTakenError, CompetitorBookedError, CategoryExclusiveError, ShowFullError: why it
            cannot.
    """
    campaign, terms = hold.campaign, hold.terms
    wanted = hold.spots if campaign.status in HOLDING and terms is not None else {}
    shows = sorted({*before, *(spot.show_id for spot in wanted.values())})
    writes: list[Write] = []
    for show_id in shows:
        stored = desk.of(BOOKS).find(act.tenant, show_id)
        book = stored.document if stored else Book()
        bookings = [
            booking_of(spot_id, spot, campaign, terms)
            for spot_id, spot in wanted.items()
            if spot.show_id == show_id and terms is not None
        ]
        changed = rebooked(book, hold.campaign_id, bookings, show_id=show_id, today=act.now.date())
        if changed == book:
            continue
        if stored is None:
            writes.append(desk.of(BOOKS).creation(act.tenant, show_id, changed, act.now))
        else:
            writes.append(desk.of(BOOKS).replacement(stored, changed, act.now))
    return writes


def book_of(desk: Desk, tenant: str, show_id: str) -> Book:
    """All bookings of a show."""
    stored = desk.of(BOOKS).find(tenant, show_id)
    return stored.document if stored else Book()
