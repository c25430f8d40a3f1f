"""The deliveries table: one item per delivery, written only over the ticket that was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel import keys
from tallycast.kernel.times import to_text
from tallycast.partners.lists import newest_first
from tallycast.partners.webhooks.model import KEPT, Delivery, DeliveryNotFoundError, DeliveryStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

_KIND: Final = "delivery"


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A part of a list; `cursor` goes on behind it, None at the end."""

    items: tuple[Delivery, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """What the due-index says of a delivery; it may be a moment behind the table."""

    tenant: str
    endpoint_id: str
    delivery_id: str
    ticket: int


class Deliveries:
    """Reads and writes deliveries.

    The ticket is the version of an item: whoever changes a delivery takes the next one, so that
    every message and every sender that still holds an older one has lost it.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, tenant: str, delivery_id: str) -> Delivery | None:
        """One delivery, read consistently; None when there is none (any more)."""
        with translated(f"read delivery {delivery_id}"):
            found = self._table.get_item(
                Key=keys.delivery(tenant, delivery_id), ConsistentRead=True
            )
        return _delivery(found["Item"]) if "Item" in found else None

    def get(self, tenant: str, endpoint_id: str, delivery_id: str) -> Delivery:
        """One delivery of an endpoint.

        Raises:
            DeliveryNotFoundError: the endpoint has none of this id.
        """
        found = self.find(tenant, delivery_id)
        if found is None or found.endpoint_id != endpoint_id:
            raise DeliveryNotFoundError(f"no delivery {delivery_id} here", id=delivery_id)
        return found

    def add(self, delivery: Delivery, due_at: datetime | None) -> bool:
        """Keep a new delivery; False when it is there already, which is left as it is."""
        return self._put(delivery, due_at, Attr("pk").not_exists())

    def replace(self, before: Delivery, after: Delivery, due_at: datetime | None) -> bool:
        """Write a delivery anew, over what was read; False when somebody else did meanwhile.

        Args:
            before: as it was read.
            after: with the next ticket.
            due_at: when the tick shall look at it; None for what waits for nothing.
        """
        return self._put(after, due_at, Attr("ticket").eq(before.ticket))

    def hand_over(self, due: Due, due_at: datetime) -> bool:
        """Take the next ticket for a message in the queue; False when another has it."""
        try:
            with translated(f"hand over delivery {due.delivery_id}"):
                self._table.update_item(
                    Key=keys.delivery(due.tenant, due.delivery_id),
                    UpdateExpression="SET ticket = :next, due_at = :due_at",
                    ConditionExpression=Attr("ticket").eq(due.ticket) & Attr("due_at").exists(),
                    ExpressionAttributeValues={
                        ":next": due.ticket + 1,
                        ":due_at": to_text(due_at),
                    },
                )
        except ConditionFailedError:
            return False
        return True

    def due(self, until: datetime) -> Iterator[Due]:
        """Deliveries that the tick has to look at, shard by shard, the oldest first."""
        for shard in keys.due_shards_of(_KIND):
            condition = Key("due_shard").eq(shard) & Key("due_at").lte(to_text(until))
            for item in self._query("due", condition):
                yield Due(
                    tenant=str(item["tenant"]),
                    endpoint_id=str(item["endpoint_id"]),
                    delivery_id=str(item["id"]),
                    ticket=int(item["ticket"]),
                )

    def page(
        self,
        tenant: str,
        endpoint_id: str,
        status: DeliveryStatus | None = None,
        *,
        limit: int,
        cursor: str | None = None,
    ) -> DeliveryPage:
        """Deliveries of an endpoint, the newest first."""
        items, following = newest_first(
            self._table,
            keys.deliveries(tenant, endpoint_id, status.value if status else ""),
            by_status=status is not None,
            limit=limit,
            cursor=cursor,
        )
        return DeliveryPage(tuple(map(_delivery, items)), following)

    def of_status(
        self, tenant: str, endpoint_id: str, status: DeliveryStatus, since: datetime
    ) -> Iterator[Delivery]:
        """Deliveries of one status that were made since then, the oldest first."""
        condition = Key("status_key").eq(keys.deliveries(tenant, endpoint_id, status.value)) & Key(
            "list_sort"
        ).gte(to_text(since))
        for item in self._query("by_status", condition):
            delivery = self.find(tenant, str(item["pk"]).rpartition("#")[2])
            if delivery is not None and delivery.status is status:
                yield delivery

    def _query(self, index: str, condition: ConditionBase) -> Iterator[dict[str, Any]]:
        arguments: dict[str, Any] = {"IndexName": index, "KeyConditionExpression": condition}
        while True:
            with translated(f"read the index {index} of deliveries"):
                page = self._table.query(**arguments)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _put(self, delivery: Delivery, due_at: datetime | None, condition: ConditionBase) -> bool:
        try:
            with translated(f"write delivery {delivery.id}"):
                self._table.put_item(Item=_item(delivery, due_at), ConditionExpression=condition)
        except ConditionFailedError:
            return False
        return True


def _item(delivery: Delivery, due_at: datetime | None) -> dict[str, Any]:
    item = {
        **keys.delivery(delivery.tenant, delivery.id),
        "kind": _KIND,
        "tenant": delivery.tenant,
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "ticket": delivery.ticket,
        "document": delivery.model_dump_json(exclude={"ticket"}),
        "list_key": keys.deliveries(delivery.tenant, delivery.endpoint_id),
        "status_key": keys.deliveries(delivery.tenant, delivery.endpoint_id, delivery.status.value),
        "list_sort": f"{to_text(delivery.created_at)}#{delivery.id}",
        "expires_at": int(((due_at or delivery.changed_at) + KEPT).timestamp()),
    }
    if due_at is not None:
        item["due_shard"] = keys.due_shard_of(_KIND, delivery.tenant, delivery.id)
        item["due_at"] = to_text(due_at)
    return item


def _delivery(item: dict[str, Any]) -> Delivery:
    read = Delivery.model_validate_json(str(item["document"]))
    return read.model_copy(update={"ticket": int(item["ticket"])})
