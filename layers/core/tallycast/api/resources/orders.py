"""Insertion orders and their terms."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.call import Reply
from tallycast.api.paging import PageOf, PageQuery
from tallycast.api.resources.selling import (
    Kept,
    SponsorFilter,
    act,
    change_model,
    changes_of,
    kept,
    listed,
)
from tallycast.api.routes import Routes
from tallycast.kernel.schema import Produced
from tallycast.sponsorship.changing import ChangeInvalidError
from tallycast.sponsorship.errors import (
    OrderInUseError,
    OrderNotFoundError,
    OrderNumberTakenError,
    OrderSignedError,
    ReferenceUnknownError,
)
from tallycast.sponsorship.model import OrderFacts
from tallycast.sponsorship.use_cases.routes import sponsorship
from tallycast.sponsorship.words import Name

if TYPE_CHECKING:
    from tallycast.api.call import Call
    from tallycast.aws.records import Stored
    from tallycast.sponsorship.model import Order

orders = Routes("orders", "Insertion orders: what was agreed with a sponsor")
OrderStatus = Literal["draft", "signed", "void"]


class NewOrder(OrderFacts):
    """An insertion order to be."""


OrderChange = change_model("OrderChange", OrderFacts, without=("sponsor_id",))


class OrderView(OrderFacts, Kept, Produced):
    """An insertion order."""

    status: OrderStatus
    signed_at: datetime | None
    signed_by: str | None


class Signature(BaseModel):
    """Who signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signed_by: Name = Field(description="Name under the order, as it stands on paper")


class OrdersQuery(PageQuery):
    """Which orders."""

    sponsor_id: SponsorFilter = None
    status: OrderStatus | None = None


@orders.post(
    "/v1/orders",
    scope="orders:write",
    body=NewOrder,
    returns=OrderView,
    raises=(ReferenceUnknownError, OrderNumberTakenError),
)
def create_order(call: Call, body: NewOrder) -> Reply:
    """Create an insertion order, in draft.

    Without `terms.rules` it is counted by the first rule set of the tenant, and stays so.
    """
    made = sponsorship().orders.add(act(call), body)
    return Reply(_shown(call, made), version=made.version, location=f"/v1/orders/{made.id}")


@orders.get("/v1/orders", scope="orders:read", query=OrdersQuery, returns=PageOf[OrderView])
def list_orders(call: Call, query: OrdersQuery) -> PageOf[OrderView]:
    """List insertion orders, in the order in which they were added."""
    return listed(
        call,
        query,
        sponsorship().orders.records,
        _shown,
        sponsor_id=query.sponsor_id,
        keep=lambda order: query.status in {None, order.status},
    )


@orders.get(
    "/v1/orders/{order_id}",
    scope="orders:read",
    returns=OrderView,
    raises=(OrderNotFoundError,),
    versioned=True,
)
def show_order(call: Call, order_id: str) -> Reply:
    """Show an insertion order."""
    found = sponsorship().orders.records.get(call.tenant, order_id)
    return Reply(_shown(call, found), version=found.version)


@orders.patch(
    "/v1/orders/{order_id}",
    scope="orders:write",
    body=OrderChange,
    returns=OrderView,
    raises=(
        OrderNotFoundError,
        OrderSignedError,
        OrderNumberTakenError,
        ReferenceUnknownError,
        ChangeInvalidError,
    ),
    versioned=True,
)
def change_order(call: Call, order_id: str, body: BaseModel) -> Reply:
    """Change an insertion order in draft; `terms` are replaced whole."""
    changed = sponsorship().orders.change(
        act(call), order_id, changes_of(call, body), call.if_match
    )
    return Reply(_shown(call, changed), version=changed.version)


@orders.post(
    "/v1/orders/{order_id}/sign",
    scope="orders:write",
    body=Signature,
    returns=OrderView,
    status=200,
    raises=(OrderNotFoundError, OrderSignedError),
    versioned=True,
)
def sign_order(call: Call, order_id: str, body: Signature) -> Reply:
    """Sign an insertion order: from here on its terms stand."""
    signed = sponsorship().orders.sign(act(call), order_id, body.signed_by)
    return Reply(_shown(call, signed), version=signed.version)


@orders.post(
    "/v1/orders/{order_id}/void",
    scope="orders:write",
    returns=OrderView,
    status=200,
    raises=(OrderNotFoundError, OrderSignedError, OrderInUseError),
    versioned=True,
)
def void_order(call: Call, order_id: str) -> Reply:
    """Void an insertion order: nothing can be booked under it any more."""
    voided = sponsorship().orders.void(act(call), order_id)
    return Reply(_shown(call, voided), version=voided.version)


def _shown(_: Call, stored: Stored[Order]) -> OrderView:
    return OrderView(**stored.document.model_dump(), **kept(stored))
