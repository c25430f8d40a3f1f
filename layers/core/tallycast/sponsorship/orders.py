"""Insertion orders: drawn up, signed, and then as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.aws.records import LOOKUP, claim, release
from tallycast.kernel.ids import new_id
from tallycast.kernel.times import to_millis
from tallycast.sponsorship.changing import made, merged
from tallycast.sponsorship.errors import (
    OrderInUseError,
    OrderNumberTakenError,
    OrderSignedError,
    ReferenceUnknownError,
)
from tallycast.sponsorship.kinds import (
    AGENCIES,
    CAMPAIGNS,
    ORDER_NUMBER,
    ORDERS,
    SPONSORS,
    of_sponsor,
)
from tallycast.sponsorship.model import HOLDING, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallycast.aws.records import Stored, Write
    from tallycast.sponsorship.desk import Act, Desk
    from tallycast.sponsorship.model import OrderFacts
    from tallycast.sponsorship.shows import Shows

    Seen = Callable[[Stored[Any]], None]


class Orders:
    """Keeps insertion orders."""

    def __init__(self, desk: Desk, shows: Shows) -> None:
        self.desk = desk
        self.records = desk.of(ORDERS)
        self._shows = shows

    def add(self, act: Act, facts: OrderFacts) -> Stored[Order]:
        """A new order in draft.

        Raises:
            ReferenceUnknownError: its sponsor, agency or rule set is not there.
            OrderNumberTakenError: another order has its number.
        """
        order = self._checked(act.tenant, made(Order, facts.model_dump()))
        order_id = new_id("ord", act.now)
        number = self._claim(act, order, order_id)
        return self.desk.add_as(act, ORDERS, order_id, order, "order.create", [number])

    def change(
        self, act: Act, order_id: str, changes: Mapping[str, Any], seen: Seen
    ) -> Stored[Order]:
        """An order in draft with some facts changed.

        Raises:
            OrderSignedError: it is no draft any more.
        """
        before = self.records.get(act.tenant, order_id)
        seen(before)
        _insist_on_draft(before)
        order = self._checked(act.tenant, merged(before.document, changes))
        more: list[Write] = []
        if order.number.casefold() != before.document.number.casefold():
            old = before.document.number.casefold()
            more = [
                self._claim(act, order, order_id),
                release(act.tenant, ORDER_NUMBER, old, owner=order_id),
            ]
        return self.desk.change(act, ORDERS, before, order, "order.change", more)

    def sign(self, act: Act, order_id: str, signed_by: str) -> Stored[Order]:
        """The order signed: its terms stand from here on.

        Raises:
            OrderSignedError: it is signed or void already.
        """
        before = self.records.get(act.tenant, order_id)
        _insist_on_draft(before)
        order = before.document.model_copy(
            update={"status": "signed", "signed_at": to_millis(act.now), "signed_by": signed_by}
        )
        return self.desk.change(act, ORDERS, before, order, "order.sign")

    def void(self, act: Act, order_id: str) -> Stored[Order]:
        """The order void: nothing can be booked under it.

        Raises:
            OrderSignedError: it is void already.
            OrderInUseError: a campaign is booked under it.
        """
        before = self.records.get(act.tenant, order_id)
        if before.document.status == "void":
            raise OrderSignedError(f"order {before.document.number} is void already")
        campaigns = self.desk.of(CAMPAIGNS).every(
            act.tenant, within=of_sponsor(before.document.sponsor_id), index=LOOKUP
        )
        using = [
            each.id
            for each in campaigns
            if each.document.order_id == order_id and each.document.status in HOLDING
        ]
        if using:
            raise OrderInUseError(
                f"{', '.join(using)} is booked under this order: cancel it first", id=order_id
            )
        order = before.document.model_copy(update={"status": "void"})
        return self.desk.change(act, ORDERS, before, order, "order.void")

    def _claim(self, act: Act, order: Order, order_id: str) -> Write:
        taken = OrderNumberTakenError(
            f"another order has the number {order.number}: choose another", number=order.number
        )
        number = order.number.casefold()
        return claim(act.tenant, ORDER_NUMBER, number, owner=order_id, refused=taken)

    def _checked(self, tenant: str, order: Order) -> Order:
        """The order with its rule set named, if all it names is there."""
        if self.desk.of(SPONSORS).find(tenant, order.sponsor_id) is None:
            raise ReferenceUnknownError(f"sponsor_id: there is no sponsor {order.sponsor_id}")
        agency = order.agency_id
        if agency is not None and self.desk.of(AGENCIES).find(tenant, agency) is None:
            raise ReferenceUnknownError(f"agency_id: there is no agency {agency}")
        counted = self._shows.settings(tenant).rules
        rules = order.terms.rules or counted[0]
        if rules not in counted:
            raise ReferenceUnknownError(
                f"terms.rules: downloads are counted by {', '.join(counted)} here, not by {rules}"
            )
        return order.model_copy(update={"terms": order.terms.model_copy(update={"rules": rules})})


def _insist_on_draft(order: Stored[Order]) -> None:
    if order.document.status != "draft":
        raise OrderSignedError(
            f"order {order.document.number} is {order.document.status} and stays as it is: "
            "make a new one"
        )
