"""Downloads over time and in detail, of the tenant, a show or an episode."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from tallycast.analytics.charts import Question
from tallycast.analytics.discrepancy import Discrepancy
from tallycast.analytics.drilldown import DayOfEpisodes
from tallycast.analytics.model import (
    EpisodeNotFoundError,
    PeriodInvalidError,
    UnknownRulesError,
)
from tallycast.analytics.rolling import Rolling
from tallycast.analytics.series import DownloadSeries, Step
from tallycast.analytics.use_cases import numbers
from tallycast.analytics.waterfall import Waterfall
from tallycast.api.numbers import Id, PeriodQuery, RulesQuery, answered
from tallycast.api.paging import CursorInvalidError, PageQuery, encode_cursor
from tallycast.api.routes import Routes
from tallycast.feeds.store import ShowNotFoundError
from tallycast.kernel.errors import NotFoundError
from tallycast.measurement.tenancy import RuleSetName  # noqa: TC001 - a model's field

if TYPE_CHECKING:
    from tallycast.api.call import Call, Reply

downloads = Routes(
    "downloads", "Downloads by the rules of the count, with how far each number stands"
)
RAISES: Final = (
    PeriodInvalidError,
    ShowNotFoundError,
    EpisodeNotFoundError,
    UnknownRulesError,
)


class DayNotFoundError(NotFoundError):
    """No day is written so."""


class SeriesQuery(PeriodQuery):
    """Downloads over time."""

    step: Annotated[Step, Field(description="hour: at most 100 days; others: at most 400")] = "day"


class DiscrepancyQuery(PeriodQuery):
    """Two rule sets to be compared."""

    second: Annotated[
        RuleSetName, Field(description="The other rule set; the tenant has to count by it, too")
    ]


class DayQuery(RulesQuery, PageQuery):
    """A page of a day's episodes."""

    show_id: Annotated[Id | None, Field(description="Without it: of all shows")] = None


@downloads.get(
    "/v1/downloads",
    scope="downloads:read",
    query=SeriesQuery,
    returns=DownloadSeries,
    raises=RAISES,
)
def show_downloads(call: Call, query: SeriesQuery) -> DownloadSeries | Reply:
    """Show downloads over time.

    In steps of an hour, 6 or 12 hours or a day, with the episodes released meanwhile. Without a
    period: the last 30 days.
    """
    return answered(call, query, numbers.charts().downloads(query.question(call), query.step))


@downloads.get(
    "/v1/downloads/rolling",
    scope="downloads:read",
    query=PeriodQuery,
    returns=Rolling,
    raises=RAISES,
)
def show_rolling_downloads(call: Call, query: PeriodQuery) -> Rolling | Reply:
    """Show rolling downloads.

    The last 7 and 30 days on every day of the period, beside as many days before.
    """
    return answered(call, query, numbers.charts().rolling(query.question(call)))


@downloads.get(
    "/v1/downloads/waterfall",
    scope="downloads:read",
    query=PeriodQuery,
    returns=Waterfall,
    raises=RAISES,
)
def show_waterfall(call: Call, query: PeriodQuery) -> Waterfall | Reply:
    """Show why requests did not count.

    From all requests to the downloads, rule by rule in the order in which they are applied.
    """
    return answered(call, query, numbers.charts().waterfall(query.question(call)))


@downloads.get(
    "/v1/downloads/discrepancy",
    scope="downloads:read",
    query=DiscrepancyQuery,
    returns=Discrepancy,
    raises=RAISES,
)
def show_discrepancy(call: Call, query: DiscrepancyQuery) -> Discrepancy | Reply:
    """Compare the counts by two rule sets.

    Together, by day, and the episodes and days that differ most, each with the rules that explain
    the difference and whether it is within ±5 %. At most 31 days.
    """
    return answered(call, query, numbers.charts().discrepancy(query.question(call), query.second))


@downloads.get(
    "/v1/downloads/days/{day}",
    scope="downloads:read",
    query=DayQuery,
    returns=DayOfEpisodes,
    raises=(DayNotFoundError, ShowNotFoundError, UnknownRulesError, CursorInvalidError),
)
def show_day(call: Call, day: str, query: DayQuery) -> DayOfEpisodes | Reply:
    """Show a day's episodes.

    Most downloads first. `day` is a reporting day, `2026-11-20`.
    """
    question = Question(call.tenant, call.now, rules=query.rules, show_id=query.show_id)
    after = _place(query.after())
    found = numbers.charts().day(question, _day(day), limit=query.limit, after=after)
    seen = after + len(found.items)
    more = seen < found.episodes
    page = found.model_copy(update={"next": encode_cursor(f"after {seen}") if more else None})
    return answered(call, query, page)


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if found.isoformat() != text or not date(2000, 1, 1) <= found <= date(2100, 1, 1):
        raise DayNotFoundError(f"{text!r} is no day: write it like 2026-11-20")
    return found


def _place(cursor: str | None) -> int:
    """How many episodes were on the pages before."""
    if cursor is None:
        return 0
    word, _, number = cursor.partition(" ")
    if word != "after" or not number.isdecimal() or len(number) > 9:  # noqa: PLR2004 - digits
        raise CursorInvalidError("the cursor is not one that a page of this list gave")
    return int(number)
