"""Accounts at other platforms: connect them, see how they do, take the access back."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, Query, page_of
from tallycast.api.routes import Routes
from tallycast.partners.connections.invitations import BadStateError
from tallycast.partners.connections.model import ConnectionNotFoundError, Health, State
from tallycast.partners.connections.providers import ProviderNotFoundError
from tallycast.partners.connections.use_cases.routes import connections as use_cases
from tallycast.partners.connections.use_cases.routes import removal

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.partners.connections.connecting import Returned, Sent
    from tallycast.partners.connections.model import Connection
    from tallycast.partners.connections.providers import Provider

connections = Routes("connections", "Accounts at other platforms that numbers are read from")
_PAGE: Final = "text/html; charset=utf-8"
_NOTHING_ELSE: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class ProviderView(BaseModel):
    """A platform that can be connected here."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="What `provider` of a new connection says")
    title: str
    scopes: list[str] = Field(description="What is asked of the person who connects")


class Providers(BaseModel):
    """Every platform that can be connected here."""

    model_config = ConfigDict(frozen=True)

    items: list[ProviderView]


class NewConnection(BaseModel):
    """A connection to begin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$")]
    label: Annotated[
        str, Field(max_length=100, description="What you call it: which of your accounts it is")
    ] = ""


class ConnectionView(BaseModel):
    """A connection; its tokens are shown to nobody."""

    model_config = ConfigDict(frozen=True)

    id: str
    provider: str
    label: str
    state: State
    health: Health = Field(
        description="`failing` is tried again by itself; `broken` has to be connected again"
    )
    problem: str | None = Field(description="What went wrong last; null when all is well")
    scopes: list[str] = Field(description="What was granted")
    connected_by: str = Field(description="Id of the person who connected it last")
    connected_at: datetime | None
    expires_at: datetime | None = Field(description="Of the access; it is refreshed before")
    refreshed_at: datetime | None
    next_refresh_at: datetime | None
    refresh_expires_at: datetime | None = Field(
        description="When even the refresh token ends; null where the platform does not say"
    )
    created_at: datetime


class Connecting(BaseModel):
    """Where to send the person who connects."""

    model_config = ConfigDict(frozen=True)

    connection: ConnectionView
    authorization_url: str = Field(description="Open it in the person's browser; good once")
    expires_at: datetime = Field(description="Until then the person must be back")


class RemovedConnection(BaseModel):
    """A connection that is gone."""

    model_config = ConfigDict(frozen=True)

    id: str
    revoked_at_provider: bool = Field(
        description="Whether the platform was told; where not, its own settings still list us"
    )
    problem: str | None = Field(description="Why it could not be told, if it was tried")
    removal_url: str | None = Field(description="Where a person can take the access away by hand")


class CallbackQuery(Query):
    """What a platform sends people back with (RFC 6749 §4.1.2); what else it adds is not read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Annotated[str, Field(min_length=1, max_length=1000)]
    code: Annotated[str | None, Field(min_length=1, max_length=4000)] = None
    error: Annotated[str | None, Field(max_length=200)] = None


@connections.get("/v1/connection-providers", scope="connections:read", returns=Providers)
def list_connection_providers(call: Call) -> Providers:  # noqa: ARG001 - the same for everybody
    """List the platforms that can be connected here."""
    return Providers(items=[_provider(each) for each in use_cases().providers()])


@connections.get(
    "/v1/connections",
    scope="connections:read",
    query=PageQuery,
    returns=PageOf[ConnectionView],
)
def list_connections(call: Call, query: PageQuery) -> PageOf[ConnectionView]:
    """List your connections and how they do, in the order they were begun."""
    page = use_cases().page(call.tenant, limit=query.limit, cursor=query.after())
    return page_of(page, _view)


@connections.post(
    "/v1/connections",
    scope="connections:write",
    body=NewConnection,
    returns=Connecting,
    raises=(ProviderNotFoundError,),
)
def begin_connection(call: Call, body: NewConnection) -> Reply:
    """Begin to connect an account.

    Send the person to `authorization_url`; after consent the platform sends it back to us, and the
    connection is `active`. It has ten minutes, and one try. One that nobody goes through with is
    cleared away.
    """
    deed = call.deed("connection.begin", "", provider=body.provider)
    sent = use_cases().begin(
        call.tenant, body.provider, body.label, deed=deed, base_url=call.base_url, now=call.now
    )
    return Reply(_connecting(sent), location=f"/v1/connections/{sent.stored.id}")


@connections.get(
    "/v1/connections/callback",
    scope=None,
    query=CallbackQuery,
    returns=str,
    content_type=_PAGE,
    raises=(BadStateError, ProviderNotFoundError),
)
def return_from_provider(call: Call, query: CallbackQuery) -> Reply:
    """Take back a person whom a platform sends; shows a page that says what came of it.

    Nobody signs in here: `state` says for which tenant, and by whom it was begun.
    """
    returned = use_cases().complete(
        query.state, code=query.code, error=query.error, request_id=call.request_id, now=call.now
    )
    return Reply(_page(returned), content_type=_PAGE, headers=_NOTHING_ELSE)


@connections.get(
    "/v1/connections/{connection_id}",
    scope="connections:read",
    returns=ConnectionView,
    raises=(ConnectionNotFoundError,),
)
def show_connection(call: Call, connection_id: str) -> ConnectionView:
    """Show one connection."""
    return _view(use_cases().get(call.tenant, connection_id))


@connections.post(
    "/v1/connections/{connection_id}/reconnect",
    scope="connections:write",
    returns=Connecting,
    status=200,
    raises=(ConnectionNotFoundError, ProviderNotFoundError),
)
def reconnect(call: Call, connection_id: str) -> Connecting:
    """Connect an account again, after its access ended or with other rights.

    The access that there is stays in use until the person is back.
    """
    deed = call.deed("connection.reconnect", connection_id)
    sent = use_cases().begin_again(
        call.tenant, connection_id, deed=deed, base_url=call.base_url, now=call.now
    )
    return _connecting(sent)


@connections.delete(
    "/v1/connections/{connection_id}",
    scope="connections:write",
    status=200,
    returns=RemovedConnection,
    raises=(ConnectionNotFoundError,),
)
def remove_connection(call: Call, connection_id: str) -> RemovedConnection:
    """Take the access back: the platform is told, where it can be, and our tokens are destroyed.

    A platform that does not answer stops nothing; the reply says whether it was told.
    """
    deed = call.deed("connection.remove", connection_id)
    removed = removal()(call.tenant, connection_id, deed=deed, now=call.now)
    return RemovedConnection(
        id=removed.connection_id,
        revoked_at_provider=removed.revoked,
        problem=removed.problem,
        removal_url=removed.provider.removal_url if removed.provider else None,
    )


def _provider(provider: Provider) -> ProviderView:
    return ProviderView(name=provider.name, title=provider.title, scopes=list(provider.scopes))


def _view(stored: Stored[Connection]) -> ConnectionView:
    connection = stored.document
    return ConnectionView(
        id=stored.id,
        provider=connection.provider,
        label=connection.label,
        state=connection.state,
        health=connection.health,
        problem=connection.problem,
        scopes=list(connection.scopes),
        connected_by=connection.connected_by,
        connected_at=connection.connected_at,
        expires_at=connection.expires_at,
        refreshed_at=connection.refreshed_at,
        next_refresh_at=connection.refresh_at if connection.state is State.ACTIVE else None,
        refresh_expires_at=connection.refresh_expires_at,
        created_at=stored.created_at,
    )


def _connecting(sent: Sent) -> Connecting:
    return Connecting(
        connection=_view(sent.stored),
        authorization_url=sent.authorization_url,
        expires_at=sent.expires_at,
    )


def _page(returned: Returned) -> str:
    title, tenant = escape(returned.provider.title), escape(returned.tenant)
    if returned.problem is None:
        head = f"{title} is connected"
        text = (
            f"The account is connected to the organisation <b>{tenant}</b>. Is that not yours? "
            "Then take the access away in the settings of your account."
        )
    else:
        head = f"{title} is not connected"
        text = f"{escape(returned.problem[:1].upper() + returned.problem[1:])}. Begin once again."
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{head}</title>"
        f"<h1>{head}</h1><p>{text}</p><p>You can close this window.</p></html>"
    )
