"""What every route of numbers can be asked, and its answer as JSON or, for who asks so, as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from pydantic import Field, model_validator

from tallycast.analytics.charts import Question
from tallycast.analytics.model import Chart
from tallycast.analytics.tables import to_csv
from tallycast.api.call import Reply
from tallycast.api.paging import Query
from tallycast.kernel.written import Day  # noqa: TC001 - a model's field
from tallycast.measurement.tenancy import RuleSetName

if TYPE_CHECKING:
    from tallycast.analytics.tables import Table
    from tallycast.api.call import Call

CSV: Final = "text/csv"

C = TypeVar("C", bound=Chart)
Format = Literal["json", "csv"] | None
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,199}$")]
RulesName = Annotated[RuleSetName, Field(description="Rule set; the tenant's first")]


class TableQuery(Query):
    """What every table can be asked for."""

    format: Annotated[
        Format,
        Field(description="csv: the same as a table; also by the header `Accept: text/csv`"),
    ] = None


class RulesQuery(TableQuery):
    """By which rules numbers are to be counted."""

    rules: RulesName | None = None


class ScopeQuery(RulesQuery):
    """Whose numbers: the tenant's, a show's or an episode's."""

    show_id: Annotated[Id | None, Field(description="Without it: of the tenant as a whole")] = None
    episode_id: Annotated[
        Id | None, Field(description="Of that show; without it: of the show as a whole")
    ] = None

    @model_validator(mode="after")
    def _has_show(self) -> ScopeQuery:
        if self.episode_id is not None and self.show_id is None:
            raise ValueError("name the show of the episode, too: show_id")
        return self


class PeriodQuery(ScopeQuery):
    """Of which days, in the show's reporting time zone."""

    first: Annotated[Day | None, Field(description="First day; what is usual without it")] = None
    last: Annotated[Day | None, Field(description="Last day, included; today without it")] = None

    def question(self, call: Call) -> Question:
        """What is asked, of the caller's tenant."""
        return Question(
            tenant=call.tenant,
            now=call.now,
            rules=self.rules,
            show_id=self.show_id,
            episode_id=self.episode_id,
            first=self.first,
            last=self.last,
        )


def answered(call: Call, query: TableQuery, chart: C) -> C | Reply:
    """A chart as the caller wants it."""
    return csv_reply(chart.table()) if wants_csv(call, query) else chart


def wants_csv(call: Call, query: TableQuery) -> bool:
    """Whether the answer shall be a table; what the query says is stronger than the header."""
    if query.format is not None:
        return query.format == "csv"
    named = (each.partition(";")[0].strip() for each in call.headers.get("accept", "").split(","))
    # The first that we have wins: browsers and libraries that take anything get JSON.
    return next((kind for kind in named if kind in {CSV, "application/json"}), None) == CSV


def csv_reply(table: Table, *, following: str | None = None) -> Reply:
    """A table as a file, safe to open in a spreadsheet; `following` is the next page's address."""
    headers = {"Content-Disposition": f'attachment; filename="{table.name}.csv"'}
    if following is not None:
        headers["Link"] = f'<{following}>; rel="next"'
    return Reply(to_csv(table), content_type=f"{CSV}; charset=utf-8", headers=headers)
