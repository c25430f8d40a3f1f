"""From what was written to what happened: stream records of campaigns become events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.kernel.ids import derived_id
from tallycast.sponsorship.events import CampaignChanged
from tallycast.sponsorship.model import Campaign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallycast.sponsorship.events import SponsorshipEvent


def events_of(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, at: str
) -> list[SponsorshipEvent]:
    """The events that one change of one item means: one for each version of a campaign.

    Args:
        old: the item before, None when it was not there.
        new: the item after, None when it was deleted.
        at: when the change was made.
    """
    if new is None or new.get("kind") != "campaign":
        return []
    campaign = Campaign.model_validate_json(str(new["document"]))
    before = Campaign.model_validate_json(str(old["document"])) if old is not None else None
    revision = int(new["version"])
    moved = before is not None and before.status is not campaign.status
    return [
        CampaignChanged(
            event_id=derived_id("evt", "CampaignChanged", new["tenant"], new["id"], str(revision)),
            occurred_at=at,
            tenant=new["tenant"],
            campaign_id=new["id"],
            sponsor_id=campaign.sponsor_id,
            change="created" if before is None else "moved" if moved else "edited",
            status=campaign.status.value,
            previous_status=before.status.value if before is not None else None,
            starts_on=campaign.flight.starts_on.isoformat(),
            ends_on=campaign.flight.ends_on.isoformat(),
            spots=len(campaign.spot_ids),
            renewed_from=campaign.renewed_from,
            revision=revision,
        )
    ]
