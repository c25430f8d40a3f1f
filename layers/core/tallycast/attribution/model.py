"""Conversions: something that a listener did for a sponsor, as the sponsor's systems tell it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tallycast.kernel.money import Money
from tallycast.kernel.schema import Produced
from tallycast.kernel.written import Moment
from tallycast.measurement.lengths import LONGEST_AGENT
from tallycast.measurement.privacy.addresses import packed
from tallycast.sponsorship.words import ThingId

ConversionKind = Literal["view", "lead", "signup", "purchase", "custom"]
Evidence = Literal["code"]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed")
    return text


def _address(text: str) -> str:
    packed(text)
    return text


Word = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
Ip = Annotated[str, StringConstraints(max_length=45), AfterValidator(_address)]
EmailHash = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the trimmed address in lower case, in hex; never the address",
    ),
]


class Utm(Produced):
    """What the address that was opened said of where the visitor came from."""

    source: Word | None = None
    medium: Word | None = None
    campaign: Word | None = None
    content: Word | None = None
    term: Word | None = None


class ConversionFacts(Produced):
    """What is kept of a conversion as it was told."""

    kind: ConversionKind
    occurred_at: Moment
    event_id: Annotated[
        Word | None,
        Field(description="The sender's name for the event, the same if sent again"),
    ] = None
    order_number: Annotated[
        Word | None, Field(description="The sponsor's order: it counts once, whatever tells of it")
    ] = None
    value: Money | None = None
    discount_code: Word | None = None
    is_new_customer: bool | None = None
    is_subscription: bool | None = None
    num_items: Annotated[int | None, Field(ge=1, le=100_000)] = None
    product: Word | None = None
    subtype: Annotated[
        Word | None, Field(description="Of a lead, a signup or a custom event: which")
    ] = None
    hashed_email: EmailHash | None = None
    user_id: Annotated[Word | None, Field(description="The sponsor's pseudonym for the buyer")] = (
        None
    )
    utm: Utm | None = None
    click_id: Word | None = None
    user_agent: Annotated[str | None, Field(max_length=LONGEST_AGENT)] = None

    @property
    def name(self) -> str:
        """What makes it the same conversion when it is told again."""
        return self.order_number or self.event_id or ""


class ConversionEvent(ConversionFacts):
    """One conversion as a sender tells it.

    It has an `order_number` or an `event_id`, by which a second telling is known: the order number
    is stronger. A purchase needs its order number.
    """

    ip: Annotated[
        Ip | None,
        Field(
            description="Of the buyer, plain IPv4 or IPv6. Kept as a keyed hash alone (of IPv6 the "
            "/64), never as it is"
        ),
    ] = None

    @model_validator(mode="after")
    def _has_a_name(self) -> ConversionEvent:
        if self.kind == "purchase" and self.order_number is None:
            raise ValueError("a purchase needs its order_number: orders are counted once by it")
        if not self.name:
            raise ValueError("an event needs an order_number or an event_id, to be known by again")
        return self


class Conversion(ConversionFacts):
    """A conversion as it is kept.

    Attributes:
        sponsor_id: whose it is.
        campaign_id, code_id, evidence: the campaign that its promo code proves, if any.
        ip_key, ip_hash, ip_hash_previous: what stands for the buyer's address
            (`measurement.privacy`); None when none was told, or its month has no key any more.
        told_by: subject of who told it.
    """

    sponsor_id: ThingId
    campaign_id: ThingId | None = None
    code_id: ThingId | None = None
    evidence: Evidence | None = None
    ip_key: str | None = None
    ip_hash: str | None = None
    ip_hash_previous: str | None = None
    told_by: str
