"""What the routes of this room ask, wired."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.reporting.reports import Reports
from tallycast.reporting.settings import ReportingSettings


@cache
def reports() -> Reports:
    """The tenant's reports, as the environment wants them."""
    return Reports(clients.table(ReportingSettings.from_environment().core_table))
