"""Agencies that buy for sponsors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.resources.selling import Kept, act, change_model, changes_of, kept
from tallycast.api.routes import Routes
from tallycast.sponsorship.buyers import AgencyFacts
from tallycast.sponsorship.changing import ChangeInvalidError
from tallycast.sponsorship.errors import AgencyNotFoundError
from tallycast.sponsorship.use_cases.routes import sponsorship

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.sponsorship.buyers import Agency

agencies = Routes("agencies", "Who buys for sponsors")


class NewAgency(AgencyFacts):
    """An agency to be."""


AgencyChange = change_model("AgencyChange", AgencyFacts)


class AgencyView(AgencyFacts, Kept):
    """An agency."""


@agencies.post("/v1/agencies", scope="orders:write", body=NewAgency, returns=AgencyView)
def create_agency(call: Call, body: NewAgency) -> Reply:
    """Create an agency."""
    made = sponsorship().parties.add_agency(act(call), body)
    return Reply(_shown(made), version=made.version, location=f"/v1/agencies/{made.id}")


@agencies.get("/v1/agencies", scope="orders:read", query=PageQuery, returns=PageOf[AgencyView])
def list_agencies(call: Call, query: PageQuery) -> PageOf[AgencyView]:
    """List agencies, in the order in which they were added."""
    records = sponsorship().parties.agencies
    return page_of(records.page(call.tenant, limit=query.limit, cursor=query.after()), _shown)


@agencies.get(
    "/v1/agencies/{agency_id}",
    scope="orders:read",
    returns=AgencyView,
    raises=(AgencyNotFoundError,),
    versioned=True,
)
def show_agency(call: Call, agency_id: str) -> Reply:
    """Show an agency."""
    found = sponsorship().parties.agencies.get(call.tenant, agency_id)
    return Reply(_shown(found), version=found.version)


@agencies.patch(
    "/v1/agencies/{agency_id}",
    scope="orders:write",
    body=AgencyChange,
    returns=AgencyView,
    raises=(AgencyNotFoundError, ChangeInvalidError),
    versioned=True,
)
def change_agency(call: Call, agency_id: str, body: BaseModel) -> Reply:
    """Change an agency; lists are replaced whole."""
    changed = sponsorship().parties.change_agency(
        act(call), agency_id, changes_of(call, body), call.if_match
    )
    return Reply(_shown(changed), version=changed.version)


def _shown(stored: Stored[Agency]) -> AgencyView:
    return AgencyView(**stored.document.model_dump(), **kept(stored))
