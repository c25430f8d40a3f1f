"""What listeners and creators get: codes, links, creatives; and the lines of the rate card."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tallycast.kernel.schema import Produced
from tallycast.kernel.written import Day
from tallycast.sponsorship.model import Rate
from tallycast.sponsorship.words import Name, Position, Text, ThingId, WebUrl


class PromoCodeFacts(Produced):
    """A code that a host reads out; unique in a tenant whatever its case."""

    code: Annotated[str, Field(min_length=2, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    campaign_id: ThingId
    show_id: ThingId | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None
    benefit: Annotated[str | None, Field(max_length=200)] = None


class PromoCode(PromoCodeFacts):
    """A promo code as it is kept."""

    sponsor_id: ThingId


class VanityLinkFacts(Produced):
    """A short address that a host reads out, and where it leads."""

    slug: Annotated[str, Field(min_length=2, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
    target: WebUrl
    campaign_id: ThingId
    show_id: ThingId | None = None
    active: bool = True


class VanityLink(VanityLinkFacts):
    """A vanity link as it is kept."""

    sponsor_id: ThingId


class Comment(Produced):
    """What somebody says about a creative."""

    at: datetime
    by: str
    text: Annotated[str, Field(min_length=1, max_length=5000)]


CreativeStatus = Literal["draft", "submitted", "approved", "rejected"]


class CreativeFacts(Produced):
    """What is to be heard: a script, talking points, or a recording by its address."""

    name: Name
    kind: Literal["script", "talking_points", "audio"]
    text: Text | None = None
    audio_url: WebUrl | None = None


class Creative(CreativeFacts):
    """A creative as it is kept."""

    campaign_id: ThingId
    sponsor_id: ThingId
    status: CreativeStatus = "draft"
    comments: Annotated[tuple[Comment, ...], Field(max_length=200)] = ()


class RateFacts(Produced):
    """A line of the rate card: what a spot costs from a day on, until a later line."""

    show_id: ThingId
    position: Position
    length_seconds: Annotated[int, Field(ge=5, le=600)]
    rate: Rate
    valid_from: Day


class RateEntry(RateFacts):
    """A line of the rate card as it is kept."""
