"""Sponsors with their brands and contacts, and the history of the relationship."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - a model's field
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.resources.selling import (
    Kept,
    act,
    change_model,
    changes_of,
    is_own,
    kept,
    sees_inside,
)
from tallycast.api.routes import Routes
from tallycast.identity.model import Role
from tallycast.kernel.written import Moment  # noqa: TC001 - a model's field
from tallycast.sponsorship.buyers import NoteFacts, SponsorFacts
from tallycast.sponsorship.changing import ChangeInvalidError
from tallycast.sponsorship.errors import (
    NoteNotFoundError,
    ReferenceUnknownError,
    SponsorNotFoundError,
)
from tallycast.sponsorship.kinds import of_sponsor
from tallycast.sponsorship.use_cases.routes import sponsorship

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.sponsorship.buyers import Note, Sponsor

sponsors = Routes("sponsors", "Who pays for spots, and what was said to them")


class NewSponsor(SponsorFacts):
    """A sponsor to be."""


SponsorChange = change_model("SponsorChange", SponsorFacts)


class SponsorView(SponsorFacts, Kept):
    """A sponsor. Contacts are shown to who sells and to the sponsor itself."""


class NewNote(NoteFacts):
    """A call, a mail, a meeting, a thought."""

    happened_at: Annotated[Moment | None, Field(description="Now without it")] = None


class NoteView(NoteFacts):
    """One event in the relationship."""

    id: str
    happened_at: datetime
    author: str = Field(description="Pseudonymous id of who wrote it")


@sponsors.post(
    "/v1/sponsors",
    scope="sponsors:write",
    body=NewSponsor,
    returns=SponsorView,
    raises=(ReferenceUnknownError,),
)
def create_sponsor(call: Call, body: NewSponsor) -> Reply:
    """Create a sponsor."""
    made = sponsorship().parties.add_sponsor(act(call), body)
    return Reply(_shown(call, made), version=made.version, location=f"/v1/sponsors/{made.id}")


@sponsors.get("/v1/sponsors", scope="sponsors:read", query=PageQuery, returns=PageOf[SponsorView])
def list_sponsors(call: Call, query: PageQuery) -> PageOf[SponsorView]:
    """List sponsors.

    In the order in which they were added. A sponsor's person sees that sponsor alone.
    """
    records = sponsorship().parties.sponsors
    who = call.principal
    if who.role is Role.SPONSOR:
        own = records.find(call.tenant, who.sponsor_id) if who.sponsor_id else None
        return PageOf(items=[_shown(call, own)] if own else [])
    page = records.page(call.tenant, limit=query.limit, cursor=query.after())
    return page_of(page, lambda stored: _shown(call, stored))


@sponsors.get(
    "/v1/sponsors/{sponsor_id}",
    scope="sponsors:read",
    returns=SponsorView,
    raises=(SponsorNotFoundError,),
    versioned=True,
)
def show_sponsor(call: Call, sponsor_id: str) -> Reply:
    """Show a sponsor."""
    if not is_own(call.principal, sponsor_id):
        raise SponsorNotFoundError(f"no sponsor {sponsor_id} here", id=sponsor_id)
    found = sponsorship().parties.sponsors.get(call.tenant, sponsor_id)
    return Reply(_shown(call, found), version=found.version)


@sponsors.patch(
    "/v1/sponsors/{sponsor_id}",
    scope="sponsors:write",
    body=SponsorChange,
    returns=SponsorView,
    raises=(SponsorNotFoundError, ReferenceUnknownError, ChangeInvalidError),
    versioned=True,
)
def change_sponsor(call: Call, sponsor_id: str, body: BaseModel) -> Reply:
    """Change a sponsor.

    Lists and objects are replaced whole. Campaigns keep the category they were made with.
    """
    changed = sponsorship().parties.change_sponsor(
        act(call), sponsor_id, changes_of(call, body), call.if_match
    )
    return Reply(_shown(call, changed), version=changed.version)


@sponsors.post(
    "/v1/sponsors/{sponsor_id}/notes",
    scope="sponsors:write",
    body=NewNote,
    returns=NoteView,
    raises=(SponsorNotFoundError,),
)
def create_sponsor_note(call: Call, sponsor_id: str, body: NewNote) -> Reply:
    """Note something in the history of a sponsor."""
    facts = NoteFacts(kind=body.kind, text=body.text)
    made = sponsorship().parties.add_note(act(call), sponsor_id, facts, body.happened_at)
    return Reply(_note(made), location=f"/v1/sponsors/{sponsor_id}/notes/{made.id}")


@sponsors.get(
    "/v1/sponsors/{sponsor_id}/notes",
    scope="sponsors:write",
    query=PageQuery,
    returns=PageOf[NoteView],
    raises=(SponsorNotFoundError,),
)
def list_sponsor_notes(call: Call, sponsor_id: str, query: PageQuery) -> PageOf[NoteView]:
    """Show the history of a sponsor, the newest first; for those who sell alone."""
    parties = sponsorship().parties
    parties.sponsors.get(call.tenant, sponsor_id)
    page = parties.notes.page(
        call.tenant,
        within=of_sponsor(sponsor_id),
        limit=query.limit,
        cursor=query.after(),
        newest_first=True,
    )
    return page_of(page, _note)


@sponsors.delete(
    "/v1/sponsors/{sponsor_id}/notes/{note_id}",
    scope="sponsors:write",
    raises=(NoteNotFoundError,),
)
def remove_sponsor_note(call: Call, sponsor_id: str, note_id: str) -> None:
    """Remove a note."""
    sponsorship().parties.remove_note(act(call), sponsor_id, note_id)


def _shown(call: Call, stored: Stored[Sponsor]) -> SponsorView:
    facts = stored.document.model_dump()
    who = call.principal
    if not (sees_inside(who) or who.role is Role.SPONSOR):
        facts["contacts"] = ()
    return SponsorView(**facts, **kept(stored))


def _note(stored: Stored[Note]) -> NoteView:
    note = stored.document
    return NoteView(
        id=stored.id,
        kind=note.kind,
        text=note.text,
        happened_at=note.happened_at,
        author=note.author,
    )
