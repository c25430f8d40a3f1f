"""The rate card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, Query
from tallycast.api.resources.selling import Kept, act, kept
from tallycast.api.routes import Routes
from tallycast.kernel.written import Day
from tallycast.sponsorship.errors import RateNotFoundError, RateTakenError, ReferenceUnknownError
from tallycast.sponsorship.materials import RateFacts
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import ThingId

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.sponsorship.materials import RateEntry

rates = Routes("rates", "The rate card: what spots cost, from which day on")


class NewRate(RateFacts):
    """A line of the rate card to be."""


class RateView(RateFacts, Kept):
    """A line of the rate card."""


class RatesQuery(Query, BaseModel):
    """Of which show, valid when."""

    show_id: ThingId
    on: Annotated[Day | None, Field(description="Only the lines that are valid on this day")] = None


@rates.post(
    "/v1/rates",
    scope="rates:write",
    body=NewRate,
    returns=RateView,
    raises=(ReferenceUnknownError, RateTakenError),
)
def create_rate(call: Call, body: NewRate) -> Reply:
    """Add a line to the rate card; from its day on it replaces the one before."""
    made = sponsorship().rates.add(act(call), body)
    return Reply(_shown(made), location=f"/v1/rates/{made.id}")


@rates.get("/v1/rates", scope="rates:read", query=RatesQuery, returns=PageOf[RateView])
def list_rates(call: Call, query: RatesQuery) -> PageOf[RateView]:
    """List the rate card of a show, all at once, by position, length and day."""
    found = sponsorship().rates.of_show(call.tenant, query.show_id, query.on)
    return PageOf(items=[_shown(each) for each in found])


@rates.get("/v1/rates/{rate_id}", scope="rates:read", returns=RateView, raises=(RateNotFoundError,))
def show_rate(call: Call, rate_id: str) -> RateView:
    """Show a line of the rate card."""
    return _shown(sponsorship().rates.records.get(call.tenant, rate_id))


@rates.delete("/v1/rates/{rate_id}", scope="rates:write", raises=(RateNotFoundError,))
def remove_rate(call: Call, rate_id: str) -> None:
    """Remove a line of the rate card; the one before it is valid again."""
    sponsorship().rates.remove(act(call), rate_id)


def _shown(stored: Stored[RateEntry]) -> RateView:
    return RateView(**dict(stored.document), **kept(stored))
