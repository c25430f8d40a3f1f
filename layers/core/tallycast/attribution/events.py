"""What this room tells the rest of the world, on the event bus. Past tense, versioned."""

from __future__ import annotations

from typing import Literal

from tallycast.kernel.schema import Produced

SOURCE = "tallycast.attribution"


class ConversionRecorded(Produced):
    """A conversion was told for the first time. Nothing in here is about the buyer.

    `campaign_id` and `evidence` are null where no promo code proves a campaign.
    """

    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    tenant: str
    conversion_id: str
    sponsor_id: str
    campaign_id: str | None
    kind: Literal["view", "lead", "signup", "purchase", "custom"]
    evidence: Literal["code"] | None
    converted_at: str


EVENTS = (ConversionRecorded,)
