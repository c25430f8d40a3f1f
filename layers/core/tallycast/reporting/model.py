"""Reports as they are kept: once made, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from tallycast.analytics.tables import Table
from tallycast.aws.records import Kind
from tallycast.kernel.schema import Produced
from tallycast.reporting.errors import ReportNotFoundError
from tallycast.sponsorship.figures import CampaignFigures
from tallycast.sponsorship.kinds import of_campaign
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallycast.analytics.tables import Cell

COLUMNS: Final = (
    "spot_id", "show_id", "episode_id", "position", "ordinal", "insertion", "starts_on", "ends_on",
    "zone", "booked", "delivered", "percent", "pacing", "projected", "is_final", "spend", "ecpm",
    "currency", "shortfall_downloads", "owed_downloads", "owed_value",
)  # fmt: skip


class Report(Produced):
    """The delivery of a campaign as it stood.

    Attributes:
        as_of: when its numbers were read.
        asked_by: subject of who asked for it.
        figures: with their money; who does not see prices is shown none.
    """

    sponsor_id: ThingId
    campaign_name: str
    as_of: datetime
    asked_by: str
    figures: CampaignFigures


REPORTS: Final = Kind(
    "report",
    Report,
    ReportNotFoundError,
    found_by=lambda report: of_campaign(report.figures.campaign_id),
)


def table(report_id: str, figures: CampaignFigures) -> Table:
    """A report as a table, a row per spot; money in minor units of `currency`."""
    return Table(f"report-{report_id}", COLUMNS, _rows(figures))


def _rows(figures: CampaignFigures) -> Iterator[list[Cell]]:
    for spot in figures.spots:
        priced = next((each for each in (spot.spend, spot.ecpm, spot.owed.value) if each), None)
        cells: dict[str, Cell] = {
            **{name: getattr(spot, name) for name in COLUMNS if name in type(spot).model_fields},
            "starts_on": spot.window.starts_on,
            "ends_on": spot.window.ends_on,
            "zone": spot.window.zone,
            "spend": spot.spend.amount if spot.spend else None,
            "ecpm": spot.ecpm.amount if spot.ecpm else None,
            "currency": priced.currency if priced else None,
            "shortfall_downloads": spot.shortfall.downloads,
            "owed_downloads": spot.owed.downloads,
            "owed_value": spot.owed.value.amount if spot.owed.value else None,
        }
        yield [cells[name] for name in COLUMNS]
