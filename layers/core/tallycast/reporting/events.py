"""What this room tells the rest of the world, on the event bus. Past tense, versioned."""

from __future__ import annotations

from typing import Literal

from tallycast.kernel.schema import Produced

SOURCE = "tallycast.reporting"


class ReportReady(Produced):
    """A report was made. Who wants its numbers reads it: prices are not for everybody."""

    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    tenant: str
    report_id: str
    campaign_id: str
    sponsor_id: str
    as_of: str
    is_final: bool


EVENTS = (ReportReady,)
