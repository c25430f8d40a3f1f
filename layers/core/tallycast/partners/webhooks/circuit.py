"""How an endpoint has been doing, and how many may send to it at the same time.

An endpoint has a few slots, so that a slow one never holds all senders. Each failure in a row
counts; from the fifth on the circuit is open: the endpoint rests a while, then one sender at a
time may try, and the first success closes the circuit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Attr

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel import keys
from tallycast.kernel.times import from_text, to_text
from tallycast.partners.webhooks.schedule import OPENS_AT, WHOLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SLOTS: Final = 6  # senders at one endpoint at the same time
HELD_FOR: Final = timedelta(seconds=60)  # longer than any attempt
_FORGOTTEN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to send to an endpoint, until then."""

    tenant: str
    endpoint_id: str
    name: str
    until: int


@dataclass(frozen=True, slots=True)
class Busy:
    """No sending now; `until` when that is known, else soon. `open` when it fails at present."""

    until: datetime | None
    open: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an endpoint's recent past."""

    failures: int = 0
    failing_since: datetime | None = None
    last_success: datetime | None = None
    rest_until: datetime | None = None

    def is_failing_for_good(self, now: datetime) -> bool:
        """Whether nothing was delivered for as long as a whole schedule of attempts lasts."""
        return self.failing_since is not None and now - self.failing_since >= WHOLE


class Circuits:
    """Slots and health of endpoints, in the deliveries table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, tenant: str, endpoint_id: str, now: datetime) -> Slot | Busy:
        """A slot, if one is free and the endpoint does not rest."""
        item = self._read(tenant, endpoint_id)
        health = _health(item)
        if health.rest_until is not None and now < health.rest_until:
            return Busy(health.rest_until, open=health.failures >= OPENS_AT)
        is_open = health.failures >= OPENS_AT
        moment = int(now.timestamp())
        names = [f"slot_{number}" for number in range(1 if is_open else SLOTS)]
        free = [name for name in names if int(str(item.get(name, 0))) <= moment]
        random.shuffle(free)
        until = moment + int(HELD_FOR.total_seconds())
        for name in free:
            try:
                self._update(
                    tenant,
                    endpoint_id,
                    "SET #slot = :until, expires_at = :expires",
                    condition=Attr(name).not_exists() | Attr(name).lte(moment),
                    names={"#slot": name},
                    values={":until": until, ":expires": int((now + _FORGOTTEN).timestamp())},
                )
            except ConditionFailedError:
                continue
            return Slot(tenant, endpoint_id, name, until)
        return Busy(None, open=is_open)

    def give_back(self, slot: Slot) -> None:
        """Nothing was sent after all."""
        try:
            self._update(
                slot.tenant,
                slot.endpoint_id,
                "REMOVE #slot",
                condition=Attr(slot.name).eq(slot.until),
                names={"#slot": slot.name},
            )
        except ConditionFailedError:
            return  # it had run out, and somebody else has it

    def succeeded(self, slot: Slot, now: datetime) -> None:
        """Something was delivered: whatever failed before is over."""
        self._update(
            slot.tenant,
            slot.endpoint_id,
            "SET last_success = :now REMOVE failures, failing_since, rest_until",
            values={":now": to_text(now)},
        )
        self.give_back(slot)

    def failed(self, slot: Slot, now: datetime) -> Health:
        """An attempt failed; how the endpoint stands with it. The slot is kept for `rest`."""
        found = self._update(
            slot.tenant,
            slot.endpoint_id,
            "SET failing_since = if_not_exists(failing_since, :now) ADD failures :one",
            values={":now": to_text(now), ":one": 1},
        )
        return _health(found)

    def rest(self, slot: Slot, until: datetime | None) -> None:
        """Leave the endpoint alone until then, if at all, and give the slot back."""
        if until is not None:
            self._update(
                slot.tenant,
                slot.endpoint_id,
                "SET rest_until = :until",
                values={":until": to_text(until)},
            )
        self.give_back(slot)

    def health(self, tenant: str, endpoint_id: str) -> Health:
        """How an endpoint has been doing."""
        return _health(self._read(tenant, endpoint_id))

    def forget(self, tenant: str, endpoint_id: str) -> None:
        """A new beginning: the endpoint was enabled."""
        with translated(f"forget how {endpoint_id} was doing"):
            self._table.delete_item(Key=keys.circuit(tenant, endpoint_id))

    def _read(self, tenant: str, endpoint_id: str) -> dict[str, Any]:
        with translated(f"read how {endpoint_id} is doing"):
            found = self._table.get_item(Key=keys.circuit(tenant, endpoint_id), ConsistentRead=True)
        return dict(found.get("Item", {}))

    def _update(
        self,
        tenant: str,
        endpoint_id: str,
        expression: str,
        *,
        condition: Any = None,  # noqa: ANN401 - boto3's conditions have no common public base
        names: dict[str, str] | None = None,
        values: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        arguments: dict[str, Any] = {"UpdateExpression": expression, "ReturnValues": "ALL_NEW"}
        if condition is not None:
            arguments["ConditionExpression"] = condition
        if names:
            arguments["ExpressionAttributeNames"] = names
        if values:
            arguments["ExpressionAttributeValues"] = values
        with translated(f"write how {endpoint_id} is doing"):
            found = self._table.update_item(Key=keys.circuit(tenant, endpoint_id), **arguments)
        return dict(found["Attributes"])


def _health(item: dict[str, Any]) -> Health:
    def moment(name: str) -> datetime | None:
        return from_text(str(item[name])).astimezone(UTC) if name in item else None

    return Health(
        failures=int(str(item.get("failures", 0))),
        failing_since=moment("failing_since"),
        last_success=moment("last_success"),
        rest_until=moment("rest_until"),
    )
