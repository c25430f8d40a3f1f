"""Shows, their episodes, and how episodes do from their release on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field

from tallycast.analytics.ages import AgesPage, EpisodeBrief
from tallycast.analytics.charts import EpisodeNotReleasedError, Question
from tallycast.analytics.curves import MOST_EPISODES, Curves
from tallycast.analytics.model import EpisodeNotFoundError, UnknownRulesError
from tallycast.analytics.shows import EpisodeDetail, ShowBrief, ShowDetail
from tallycast.analytics.tables import Table
from tallycast.analytics.use_cases import numbers
from tallycast.api.numbers import Id, RulesQuery, TableQuery, answered, csv_reply, wants_csv
from tallycast.api.paging import CursorInvalidError, PageOf, PageQuery, encode_cursor
from tallycast.api.routes import Routes
from tallycast.feeds.store import ShowNotFoundError
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from tallycast.api.call import Call, Reply

M = TypeVar("M", bound=Produced)
shows = Routes("shows", "Shows and their episodes, as their feeds say")


class TablePageQuery(TableQuery, PageQuery):
    """A page, as JSON or CSV."""


class AgesQuery(RulesQuery, PageQuery):
    """A page of episodes and the rules they are counted by."""


class CurvesQuery(RulesQuery):
    """Which episodes, and how far."""

    episode_id: Annotated[
        list[Id],
        Field(min_length=1, max_length=MOST_EPISODES, description="Up to eight, each named once"),
    ]
    hours: Annotated[int, Field(ge=1, le=720, description="Hours since the release")] = 168


@shows.get("/v1/shows", scope="shows:read", query=TablePageQuery, returns=PageOf[ShowBrief])
def list_shows(call: Call, query: TablePageQuery) -> PageOf[ShowBrief] | Reply:
    """List shows.

    In the order in which they were added. Shows of removed feeds are not listed; they can still
    be read by their id.
    """
    found = numbers.shows().page(call.tenant, limit=query.limit, after=query.after())
    return _page(call, query, ShowBrief, found)


@shows.get(
    "/v1/shows/{show_id}", scope="shows:read", returns=ShowDetail, raises=(ShowNotFoundError,)
)
def show_show(call: Call, show_id: str) -> ShowDetail:
    """Show a show, as its feed says."""
    return numbers.shows().show(call.tenant, show_id)


@shows.get(
    "/v1/shows/{show_id}/episodes",
    scope="shows:read",
    query=TablePageQuery,
    returns=PageOf[EpisodeBrief],
    raises=(ShowNotFoundError, CursorInvalidError),
)
def list_episodes(call: Call, show_id: str, query: TablePageQuery) -> PageOf[EpisodeBrief] | Reply:
    """List a show's episodes.

    Newest first, by the date of release; those without a date come last.
    """
    return _page(call, query, EpisodeBrief, _episodes(call, show_id, query))


@shows.get(
    "/v1/shows/{show_id}/episodes/{episode_id}",
    scope="shows:read",
    returns=EpisodeDetail,
    raises=(EpisodeNotFoundError,),
)
def show_episode(call: Call, show_id: str, episode_id: str) -> EpisodeDetail:
    """Show an episode, as the feed says; also one that has left the feed."""
    return numbers.shows().episode(call.tenant, show_id, episode_id)


@shows.get(
    "/v1/shows/{show_id}/ages",
    scope="downloads:read",
    query=AgesQuery,
    returns=AgesPage,
    raises=(ShowNotFoundError, UnknownRulesError, CursorInvalidError),
)
def list_episode_ages(call: Call, show_id: str, query: AgesQuery) -> AgesPage | Reply:
    """List episodes with their downloads since release.

    Within 1, 3, 7, 30 and 90 days and all of them; newest episode first.
    """
    found, after = _episodes(call, show_id, query)
    question = Question(call.tenant, call.now, rules=query.rules, show_id=show_id)
    page = numbers.charts().ages(question, found)
    page = page.model_copy(update={"next": None if after is None else encode_cursor(after)})
    return answered(call, query, page)


@shows.get(
    "/v1/shows/{show_id}/curves",
    scope="downloads:read",
    query=CurvesQuery,
    returns=Curves,
    raises=(ShowNotFoundError, EpisodeNotFoundError, EpisodeNotReleasedError, UnknownRulesError),
)
def show_curves(call: Call, show_id: str, query: CurvesQuery) -> Curves | Reply:
    """Compare episodes from their release on.

    Cumulative downloads of up to eight episodes, aligned on the hour of release, beside the median
    of the show.
    """
    question = Question(call.tenant, call.now, rules=query.rules, show_id=show_id)
    wanted = list(dict.fromkeys(query.episode_id))
    return answered(call, query, numbers.charts().curves(question, wanted, query.hours))


def _episodes(call: Call, show_id: str, query: PageQuery) -> tuple[list[EpisodeBrief], str | None]:
    reads = numbers.shows()
    reads.check(call.tenant, show_id)
    return reads.episodes(call.tenant, show_id, limit=query.limit, after=query.after())


def _page(
    call: Call, query: TablePageQuery, kind: type[M], found: tuple[list[M], str | None]
) -> PageOf[M] | Reply:
    """A page of things as a list or as a table of their fields."""
    items, after = found
    following = None if after is None else encode_cursor(after)
    if not wants_csv(call, query):
        return PageOf(items=items, next=following)
    columns = list(kind.model_fields)
    name = f"{kind.__name__.removesuffix('Brief').lower()}s"
    rows = ([getattr(item, column) for column in columns] for item in items)
    return csv_reply(Table(name, columns, rows), following=following)
