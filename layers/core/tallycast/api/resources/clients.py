"""Machine clients of the tenant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.routes import Routes
from tallycast.identity.documents import ClientNotFoundError
from tallycast.identity.granting import BeyondOwnScopesError, UnknownScopesError
from tallycast.identity.machines import ClientNameTakenError, TooManyClientsError
from tallycast.identity.use_cases.api import machines

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.identity.documents import MachineClient

clients = Routes("clients", "Partner systems that get tokens by client credentials")


class NewClient(BaseModel):
    """A partner system, and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        str, Field(min_length=1, max_length=80, pattern=r"^[\w .,:+=@-]*\w[\w .,:+=@-]*$")
    ]
    scopes: Annotated[
        list[Annotated[str, Field(max_length=40)]],
        Field(min_length=1, max_length=50, description="Within the role partner and your own"),
    ]


class ClientView(BaseModel):
    """A machine client."""

    model_config = ConfigDict(frozen=True)

    client_id: str
    name: str
    scopes: list[str] = Field(description="As `tallycast/<scope>` at the token endpoint")
    created_by: str
    created_at: datetime


class ClientMade(ClientView):
    """A new machine client with its secret."""

    client_secret: str = Field(description="Shown this once")


@clients.get("/v1/clients", scope="clients:read", query=PageQuery, returns=PageOf[ClientView])
def list_clients(call: Call, query: PageQuery) -> PageOf[ClientView]:
    """List machine clients, sorted by their ids."""
    page = machines().page(call.tenant, query.limit, query.after())
    return page_of(page, lambda stored: ClientView(**_shown(stored)))


@clients.get(
    "/v1/clients/{client_id}",
    scope="clients:read",
    returns=ClientView,
    versioned=True,
    raises=(ClientNotFoundError,),
)
def show_client(call: Call, client_id: str) -> Reply:
    """Show one machine client, without its secret."""
    found = machines().get(call.tenant, client_id)
    return Reply(ClientView(**_shown(found)), version=found.version)


@clients.post(
    "/v1/clients",
    scope="clients:write",
    body=NewClient,
    returns=ClientMade,
    status=201,
    idempotent=True,  # the reply holds a secret, which must not be remembered
    raises=(
        BeyondOwnScopesError,
        ClientNameTakenError,
        TooManyClientsError,
        UnknownScopesError,
    ),
)
def make_client(call: Call, body: NewClient) -> Reply:
    """Make a machine client.

    The reply alone holds the secret: when it is lost, delete the client and make another. Names
    are unique, so asking twice makes one.
    """
    stored, secret = machines().make(
        call.principal,
        body.name,
        body.scopes,
        deed=lambda target: call.deed("client.make", target, scopes=" ".join(body.scopes)),
        now=call.now,
    )
    shown = ClientMade(**_shown(stored), client_secret=secret)
    return Reply(shown, version=stored.version, location=f"/v1/clients/{stored.id}")


@clients.delete("/v1/clients/{client_id}", scope="clients:write", raises=(ClientNotFoundError,))
def remove_client(call: Call, client_id: str) -> None:
    """End a machine client; tokens that it has are refused from now on."""
    deed = call.deed("client.remove", client_id)
    machines().remove(call.principal, client_id, deed, call.now)


def _shown(stored: Stored[MachineClient]) -> dict[str, object]:
    client = stored.document
    return {
        "client_id": stored.id,
        "name": client.name,
        "scopes": list(client.scopes),
        "created_by": client.created_by,
        "created_at": stored.created_at,
    }
