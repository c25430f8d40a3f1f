"""How this room's things lie in the `core` table: their names, their lists, what finds them."""

from __future__ import annotations

from typing import Final

from tallycast.attribution.errors import ConversionNotFoundError
from tallycast.attribution.model import Conversion
from tallycast.aws.records import Kind
from tallycast.kernel.times import to_text
from tallycast.sponsorship.kinds import of_campaign, of_sponsor

CONVERSIONS: Final = Kind(
    "conversion",
    Conversion,
    ConversionNotFoundError,
    within=lambda conversion: of_sponsor(conversion.sponsor_id),
    found_by=lambda conversion: (
        of_campaign(conversion.campaign_id) if conversion.campaign_id else None
    ),
    sort=lambda record_id, conversion: f"{to_text(conversion.occurred_at)}#{record_id}",
)
