"""People in the tenant, and invitations to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.routes import Routes
from tallycast.identity.accounts import EmailRefusedError
from tallycast.identity.addresses import Address
from tallycast.identity.documents import (
    InvitationNotFoundError,
    PersonNotFoundError,
    SponsorId,
)
from tallycast.identity.granting import (
    BeyondOwnScopesError,
    MachineRoleError,
    SponsorNotNamedError,
)
from tallycast.identity.invitations import AlreadyInvitedError, InvitationOverError
from tallycast.identity.memberships import (
    AlreadyMemberError,
    LastOwnerError,
    TooManyTenantsError,
)
from tallycast.identity.model import Role
from tallycast.identity.use_cases.api import invitations as offers
from tallycast.identity.use_cases.api import memberships

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.identity.documents import Invitation, Member

people = Routes("people", "People in your organisation")
invitations = Routes("invitations", "Invitations to your organisation")

_SPONSOR = "The sponsor that a person of the role sponsor belongs to"
_ROLE_ERRORS = (BeyondOwnScopesError, MachineRoleError, SponsorNotNamedError)


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class PersonView(_Shown):
    """A person in your organisation."""

    id: str
    email: str
    role: Role
    sponsor_id: str | None = Field(description=_SPONSOR)
    joined_at: datetime


class PersonChange(_Asked):
    """What can be changed of a person: the role, with a sponsor where it needs one."""

    role: Role | None = None
    sponsor_id: Annotated[SponsorId | None, Field(description=_SPONSOR)] = None


class NewInvitation(_Asked):
    """Whom to invite, as what, and for how long the offer stands."""

    email: Address
    role: Role
    sponsor_id: Annotated[SponsorId | None, Field(description=_SPONSOR)] = None
    days: Annotated[int, Field(ge=1, le=30, description="Until the invitation's time is up")] = 7


class InvitationView(_Shown):
    """An offer to join your organisation."""

    id: str
    email: str
    role: Role
    sponsor_id: str | None = Field(description=_SPONSOR)
    invited_by: str
    state: Literal["open", "accepted", "revoked", "expired"]
    expires_at: datetime
    created_at: datetime


class InvitationMade(InvitationView):
    """A new invitation, with the token that the invited person needs."""

    token: str = Field(description="Shown this once: hand it to whoever is invited")


class InvitationToken(_Asked):
    """What an invited person was handed."""

    token: Annotated[str, Field(min_length=1, max_length=100)]


class InvitationAccepted(_Shown):
    """The organisation that was joined."""

    tenant: str
    role: Role


# ── people ──


@people.get("/v1/people", scope="people:read", query=PageQuery, returns=PageOf[PersonView])
def list_people(call: Call, query: PageQuery) -> PageOf[PersonView]:
    """List the people in your organisation, sorted by their ids."""
    return page_of(memberships().page(call.tenant, query.limit, query.after()), _person)


@people.get(
    "/v1/people/{person_id}",
    scope="people:read",
    returns=PersonView,
    versioned=True,
    raises=(PersonNotFoundError,),
)
def show_person(call: Call, person_id: str) -> Reply:
    """Show one person."""
    found = memberships().get(call.tenant, person_id)
    return Reply(_person(found), version=found.version)


@people.patch(
    "/v1/people/{person_id}",
    scope="people:write",
    body=PersonChange,
    returns=PersonView,
    versioned=True,
    raises=(PersonNotFoundError, LastOwnerError, *_ROLE_ERRORS),
)
def change_person(call: Call, person_id: str, body: PersonChange) -> Reply:
    """Give a person another role.

    It counts at once, for tokens that were issued before as well. You can give and take roles that
    may do no more than you, and the last owner stays one.
    """
    before = memberships().get(call.tenant, person_id)
    call.if_match(before)
    role = body.role or before.document.role
    kept = before.document.sponsor_id if role is before.document.role else None
    sponsor_id = body.sponsor_id if "sponsor_id" in body.model_fields_set else kept
    deed = call.deed("person.change", person_id, was=before.document.role.value, role=role.value)
    after = memberships().change(
        call.principal, person_id, role, sponsor_id, seen=call.if_match, deed=deed, now=call.now
    )
    return Reply(_person(after), version=after.version)


@people.delete(
    "/v1/people/{person_id}",
    scope="people:write",
    versioned=True,
    raises=(PersonNotFoundError, LastOwnerError, BeyondOwnScopesError),
)
def remove_person(call: Call, person_id: str) -> None:
    """Take a person out of your organisation; it counts at once."""
    deed = call.deed("person.remove", person_id)
    memberships().remove(call.principal, person_id, seen=call.if_match, deed=deed, now=call.now)


# ── invitations ──


@invitations.get(
    "/v1/invitations", scope="people:read", query=PageQuery, returns=PageOf[InvitationView]
)
def list_invitations(call: Call, query: PageQuery) -> PageOf[InvitationView]:
    """List invitations, newest first; those that are over, too."""
    page = offers().page(call.tenant, query.limit, query.after())
    return page_of(page, lambda stored: InvitationView(**_offer(stored, call.now)))


@invitations.get(
    "/v1/invitations/{invitation_id}",
    scope="people:read",
    returns=InvitationView,
    versioned=True,
    raises=(InvitationNotFoundError,),
)
def show_invitation(call: Call, invitation_id: str) -> Reply:
    """Show one invitation, without its token."""
    found = offers().get(call.tenant, invitation_id)
    return Reply(InvitationView(**_offer(found, call.now)), version=found.version)


@invitations.post(
    "/v1/invitations",
    scope="people:write",
    body=NewInvitation,
    returns=InvitationMade,
    status=201,
    idempotent=True,  # the reply holds a secret, which must not be remembered
    raises=(AlreadyInvitedError, AlreadyMemberError, *_ROLE_ERRORS),
)
def invite_person(call: Call, body: NewInvitation) -> Reply:
    """Invite somebody by e-mail address.

    The reply alone holds the token. An address has one open invitation: asking twice makes one.
    """
    stored, token = offers().invite(
        call.principal,
        body.email,
        body.role,
        body.sponsor_id,
        lasting=timedelta(days=body.days),
        deed=lambda target: call.deed("person.invite", target, role=body.role.value),
        now=call.now,
    )
    shown = InvitationMade(**_offer(stored, call.now), token=token)
    return Reply(shown, version=stored.version, location=f"/v1/invitations/{stored.id}")


@invitations.delete(
    "/v1/invitations/{invitation_id}",
    scope="people:write",
    raises=(InvitationNotFoundError, InvitationOverError, BeyondOwnScopesError),
)
def revoke_invitation(call: Call, invitation_id: str) -> None:
    """Take an open invitation back."""
    deed = call.deed("invitation.revoke", invitation_id)
    offers().revoke(call.principal, invitation_id, deed, call.now)


@invitations.post(
    "/v1/invitations/accept",
    scope=None,
    body=InvitationToken,
    returns=InvitationAccepted,
    status=200,
    raises=(
        InvitationNotFoundError,
        InvitationOverError,
        AlreadyMemberError,
        TooManyTenantsError,
        EmailRefusedError,
    ),
)
def accept_invitation(call: Call, body: InvitationToken) -> InvitationAccepted:
    """Accept an invitation; the token is all it takes.

    The account of the invited address joins the organisation. When there is none, it is made, and
    a first password comes by mail.
    """
    found = offers().accept(body.token, call.request_id, call.now)
    return InvitationAccepted(tenant=found.tenant, role=found.document.role)


# ── what is shown ──


def _person(stored: Stored[Member]) -> PersonView:
    member = stored.document
    return PersonView(
        id=stored.id,
        email=member.email,
        role=member.role,
        sponsor_id=member.sponsor_id,
        joined_at=stored.created_at,
    )


def _offer(stored: Stored[Invitation], now: datetime) -> dict[str, object]:
    offer = stored.document
    over = offer.state == "open" and offer.expires_at <= now
    return {
        "id": stored.id,
        "email": offer.email,
        "role": offer.role,
        "sponsor_id": offer.sponsor_id,
        "invited_by": offer.invited_by,
        "state": "expired" if over else offer.state,
        "expires_at": offer.expires_at,
        "created_at": stored.created_at,
    }
