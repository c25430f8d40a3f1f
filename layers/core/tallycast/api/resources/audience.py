"""Who listens, when, with what and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tallycast.analytics.audience import Audience, Every
from tallycast.analytics.breakdowns import Dimension, DownloadBreakdown
from tallycast.analytics.heat_map import HeatMap
from tallycast.analytics.use_cases import numbers
from tallycast.api.numbers import PeriodQuery, answered
from tallycast.api.resources.downloads import RAISES
from tallycast.api.routes import Routes

if TYPE_CHECKING:
    from tallycast.api.call import Call, Reply

audience = Routes("audience", "Who listens, when, with what and where")


class ListenersQuery(PeriodQuery):
    """Listeners by period."""

    every: Annotated[
        Every, Field(description="Weeks (ISO 8601) or months; those at the ends are taken whole")
    ] = "month"


class BreakdownQuery(PeriodQuery):
    """Downloads by a property."""

    by: Dimension
    limit: Annotated[int, Field(ge=1, le=200, description="Most values")] = 50


@audience.get(
    "/v1/audience/listeners",
    scope="downloads:read",
    query=ListenersQuery,
    returns=Audience,
    raises=RAISES,
)
def show_listeners(call: Call, query: ListenersQuery) -> Audience | Reply:
    """Show downloads and listeners by month or week.

    Listeners are distinct within their period and add up over nothing. Without a period: the last
    twelve months or weeks.
    """
    return answered(call, query, numbers.charts().audience(query.question(call), query.every))


@audience.get(
    "/v1/audience/heat-map",
    scope="downloads:read",
    query=PeriodQuery,
    returns=HeatMap,
    raises=RAISES,
)
def show_heat_map(call: Call, query: PeriodQuery) -> HeatMap | Reply:
    """Show downloads by weekday and hour.

    In the show's local time. Without a period: the last twelve weeks.
    """
    return answered(call, query, numbers.charts().heat_map(query.question(call)))


@audience.get(
    "/v1/audience/breakdown",
    scope="downloads:read",
    query=BreakdownQuery,
    returns=DownloadBreakdown,
    raises=RAISES,
)
def show_breakdown(call: Call, query: BreakdownQuery) -> DownloadBreakdown | Reply:
    """Show downloads by app, device, country, referrer, source or network.

    Most downloads first; what the days' numbers do not name is in `other`.
    """
    found = numbers.charts().breakdown(query.question(call), query.by, query.limit)
    return answered(call, query, found)
