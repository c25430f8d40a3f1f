"""Who has which position of a show, and what cannot be booked beside it. Pure rules.

All bookings of a show stand in one document, its book. Whoever books writes the book over the
version that was checked, so that of two who want the same position exactly one gets it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from tallycast.kernel.schema import Produced
from tallycast.sponsorship.errors import (
    CategoryExclusiveError,
    CompetitorBookedError,
    PositionTakenError,
    ShowFullError,
)
from tallycast.sponsorship.words import Insertion, Position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallycast.kernel.errors import ConflictError
    from tallycast.sponsorship.model import Campaign, Spot, Terms

# A book is one item of at most 400 KB; a booking takes some 450 bytes.
MOST_BOOKINGS: Final = 800
# By then a flight's positions are history: a baked-in spot is heard as it is, nobody books over it.
KEPT_DAYS: Final = 60


class Booking(Produced):
    """One spot's hold on its position.

    Attributes:
        first: of the days of the placement: the flight's for a spot in an episode.
        released_on: the day of release of the spot's episode, when that is out.
        exclusive: categories that nobody else may have in the show during the flight.
    """

    spot_id: str
    campaign_id: str
    sponsor_id: str
    category: str
    episode_id: str | None
    released_on: date | None
    first: date
    last: date
    flight_first: date
    flight_last: date
    position: Position
    ordinal: int
    insertion: Insertion
    downloads: int
    separation: bool
    exclusive: tuple[str, ...]


class Book(Produced):
    """All bookings of one show."""

    bookings: tuple[Booking, ...] = ()


def booking_of(spot_id: str, spot: Spot, campaign: Campaign, terms: Terms) -> Booking:
    """What a spot holds while its campaign is booked."""
    flight = campaign.flight
    return Booking(
        spot_id=spot_id,
        campaign_id=spot.campaign_id,
        sponsor_id=spot.sponsor_id,
        category=campaign.category,
        episode_id=spot.episode_id,
        released_on=spot.released_on,
        first=spot.starts_on or flight.starts_on,
        last=spot.ends_on or flight.ends_on,
        flight_first=flight.starts_on,
        flight_last=flight.ends_on,
        position=spot.position,
        ordinal=spot.ordinal,
        insertion=spot.insertion,
        downloads=spot.booked_downloads,
        separation=terms.separation,
        exclusive=terms.exclusive_categories,
    )


def rebooked(
    book: Book, campaign_id: str, wanted: Iterable[Booking], *, show_id: str, today: date
) -> Book:
    """A show's book with these bookings of a campaign in place of those it had.

    Raises:
        PositionTakenError, CompetitorBookedError, CategoryExclusiveError: one of them cannot
            stand beside another campaign's, or beside another of its own.
        ShowFullError: there are too many.
    """
    others = [
        each
        for each in book.bookings
        if each.campaign_id != campaign_id
        and max(each.last, each.flight_last) >= today - timedelta(days=KEPT_DAYS)
    ]
    kept = list(others)
    for booking in wanted:
        for other in kept:
            refused = conflict(booking, other, show_id)
            if refused is not None:
                raise refused
        kept.append(booking)
    if len(kept) > MOST_BOOKINGS:
        raise ShowFullError(
            f"{show_id} has {len(others)} bookings and takes {MOST_BOOKINGS}: book whole runs of "
            "the show rather than single episodes"
        )
    return Book(bookings=tuple(kept))


def conflict(new: Booking, old: Booking, show_id: str) -> ConflictError | None:
    """Why two bookings of one show cannot both be, None when they can."""
    together = meet(new, old)
    if together and (new.position, new.ordinal) == (old.position, old.ordinal):
        return PositionTakenError(
            f"{new.position}-roll {new.ordinal} of {_where(old, show_id)} is booked already"
            + (" by this campaign" if new.campaign_id == old.campaign_id else "")
            + ": take another position, episode or day",
            spot_id=new.spot_id,
        )
    if new.sponsor_id == old.sponsor_id:
        return None
    if together and new.category == old.category and (new.separation or old.separation):
        return CompetitorBookedError(
            f"a competitor in {new.category} is in {_where(old, show_id)}, and competitors are "
            "kept apart there: take another episode or day",
            spot_id=new.spot_id,
        )
    if _overlap(new.flight_first, new.flight_last, old.flight_first, old.flight_last):
        if new.category in old.exclusive:
            return CategoryExclusiveError(
                f"{new.category} is exclusive to another sponsor in {show_id} from "
                f"{old.flight_first} to {old.flight_last}: take other days or another show",
                spot_id=new.spot_id,
            )
        if old.category in new.exclusive:
            return CategoryExclusiveError(
                f"{old.category} cannot be exclusive in {show_id} from {new.flight_first} to "
                f"{new.flight_last}: another sponsor of the category is booked",
                spot_id=new.spot_id,
            )
    return None


def meet(a: Booking, b: Booking) -> bool:
    """Whether a listener can hear both in one download of one episode.

    A baked-in spot belongs to its episodes for good. A dynamic one is there on its days alone. A
    run of the show reaches every episode released on its days, and a dynamic run every episode.
    """
    if a.episode_id is not None and b.episode_id is not None:
        baked = "baked_in" in {a.insertion, b.insertion}
        return a.episode_id == b.episode_id and (baked or _days_overlap(a, b))
    if a.episode_id is None and b.episode_id is None:
        return _days_overlap(a, b)
    single, run = (a, b) if a.episode_id is not None else (b, a)
    if "baked_in" not in {single.insertion, run.insertion}:
        return _days_overlap(single, run)
    released = single.released_on
    return released is not None and run.first <= released <= run.last


def _days_overlap(a: Booking, b: Booking) -> bool:
    return _overlap(a.first, a.last, b.first, b.last)


def _overlap(first: date, last: date, other_first: date, other_last: date) -> bool:
    return first <= other_last and other_first <= last


def _where(booking: Booking, show_id: str) -> str:
    if booking.episode_id is not None:
        return f"episode {booking.episode_id}"
    return f"{show_id} from {booking.first} to {booking.last}"
