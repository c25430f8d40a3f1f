"""What this room tells the rest of the world, on the event bus. Past tense, versioned."""

from __future__ import annotations

from typing import Literal

from tallycast.kernel.schema import Produced

SOURCE = "tallycast.sponsorship"
Life = Literal[
    "draft", "proposed", "booked", "live", "paused", "completed", "reconciled", "cancelled"
]


class CampaignChanged(Produced):
    """A campaign was created, took a step in its life, or changed in its facts or spots.

    `change` says which: `created`, `moved` (from `previous_status` to `status`) or `edited`. Who
    wants to know more reads the campaign: there is nothing in here that not everybody may see.
    """

    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    tenant: str
    campaign_id: str
    sponsor_id: str
    change: Literal["created", "moved", "edited"]
    status: Life
    previous_status: Life | None
    starts_on: str
    ends_on: str
    spots: int
    renewed_from: str | None
    revision: int


SponsorshipEvent = CampaignChanged
EVENTS: tuple[type[SponsorshipEvent], ...] = (CampaignChanged,)
