"""From what was written to what happened: stream records of conversions become events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.attribution.events import ConversionRecorded
from tallycast.attribution.model import Conversion
from tallycast.kernel.ids import derived_id

if TYPE_CHECKING:
    from collections.abc import Mapping


def events_of(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, at: str
) -> list[ConversionRecorded]:
    """The event that one change of one item means: a conversion is told once, when it is new.

    Args:
        old: the item before, None when it was not there.
        new: the item after, None when it was deleted.
        at: when the change was made.
    """
    if new is None or old is not None or new.get("kind") != "conversion":
        return []
    conversion = Conversion.model_validate_json(str(new["document"]))
    return [
        ConversionRecorded(
            event_id=derived_id("evt", "ConversionRecorded", new["tenant"], new["id"]),
            occurred_at=at,
            tenant=new["tenant"],
            conversion_id=new["id"],
            sponsor_id=conversion.sponsor_id,
            campaign_id=conversion.campaign_id,
            kind=conversion.kind,
            evidence=conversion.evidence,
            converted_at=conversion.occurred_at.isoformat(),
        )
    ]
