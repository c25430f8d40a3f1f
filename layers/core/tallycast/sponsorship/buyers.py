"""Who buys: sponsors, their agencies, and the history of the relationship."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from tallycast.kernel.schema import Produced
from tallycast.sponsorship.words import Category, Name, ThingId, WebUrl

# The characters that count as blanks differ between languages: here they are the same for all.
_EMAIL: Final = r"^[^@\s\x00-\x1f\x7f-\x9f\ufeff]+@[^@\s\x00-\x1f\x7f-\x9f\ufeff]+$"


class Brand(Produced):
    """What a sponsor advertises."""

    name: Name
    category: Category


class Contact(Produced):
    """Somebody to talk to at a sponsor or agency."""

    name: Name
    email: Annotated[str | None, Field(max_length=254, pattern=_EMAIL)] = None
    phone: Annotated[str | None, Field(max_length=40, pattern=r"^[0-9+() ./-]+$")] = None
    role: Annotated[str | None, Field(max_length=100)] = None


class SponsorFacts(Produced):
    """Who pays for spots. `category` is that of campaigns without a brand."""

    name: Name
    category: Category
    brands: Annotated[tuple[Brand, ...], Field(max_length=50)] = ()
    contacts: Annotated[tuple[Contact, ...], Field(max_length=50)] = ()
    agency_id: ThingId | None = None
    website: WebUrl | None = None


class Sponsor(SponsorFacts):
    """A sponsor as it is kept."""


class AgencyFacts(Produced):
    """Who buys for sponsors, for a commission."""

    name: Name
    contacts: Annotated[tuple[Contact, ...], Field(max_length=50)] = ()
    commission_basis_points: Annotated[int, Field(ge=0, le=5000)] = 1500


class Agency(AgencyFacts):
    """An agency as it is kept."""


class NoteFacts(Produced):
    """One event in the relationship with a sponsor; for the tenant's own people alone."""

    kind: Literal["note", "call", "email", "meeting"] = "note"
    text: Annotated[str, Field(min_length=1, max_length=20_000)]


class Note(NoteFacts):
    """A note as it is kept."""

    sponsor_id: ThingId
    happened_at: datetime
    author: str
