"""From what was written to what happened: stream records of reports become events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.kernel.ids import derived_id
from tallycast.reporting.events import ReportReady
from tallycast.reporting.model import Report

if TYPE_CHECKING:
    from collections.abc import Mapping


def events_of(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, at: str
) -> list[ReportReady]:
    """The event that one change of one item means: a report is told when it is made.

    Args:
        old: the item before, None when it was not there.
        new: the item after, None when it was deleted.
        at: when the change was made.
    """
    if new is None or old is not None or new.get("kind") != "report":
        return []
    report = Report.model_validate_json(str(new["document"]))
    return [
        ReportReady(
            event_id=derived_id("evt", "ReportReady", new["tenant"], new["id"]),
            occurred_at=at,
            tenant=new["tenant"],
            report_id=new["id"],
            campaign_id=report.figures.campaign_id,
            sponsor_id=report.sponsor_id,
            as_of=report.as_of.isoformat(),
            is_final=report.figures.is_final,
        )
    ]
