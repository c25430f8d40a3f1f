"""Make reports, and find them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.aws.records import Records, Stored
from tallycast.kernel.ids import new_id
from tallycast.kernel.times import to_millis
from tallycast.reporting.errors import ReportTooLargeError
from tallycast.reporting.model import REPORTS, Report

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.sponsorship.figures import CampaignFigures
    from tallycast.sponsorship.model import Campaign

_MOST_BYTES: Final = 350_000  # an item of DynamoDB holds 400 KB


class Reports:
    """A tenant's reports."""

    def __init__(self, table: Table) -> None:
        self.records = Records(table, REPORTS)

    def freeze(
        self, campaign: Stored[Campaign], figures: CampaignFigures, *, asked_by: str, now: datetime
    ) -> Stored[Report]:
        """Keep a campaign's figures as they are now.

        Raises:
            ReportTooLargeError: they do not fit into one report.
        """
        report = Report(
            sponsor_id=campaign.document.sponsor_id,
            campaign_name=campaign.document.name,
            as_of=now,
            asked_by=asked_by,
            figures=figures,
        )
        size = len(report.model_dump_json())
        if size > _MOST_BYTES:
            raise ReportTooLargeError(
                f"{len(figures.spots)} spots are more than a report holds: split the campaign, or "
                "read the delivery of its spots",
                size=size,
            )
        report_id = new_id("rep", now)
        self.records.put(self.records.creation(campaign.tenant, report_id, report, now))
        at = to_millis(now)
        return Stored(campaign.tenant, report_id, report, 1, at, at)
