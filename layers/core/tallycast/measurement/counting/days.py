"""The days of a count: when each was counted, from what, and when it is to be counted again.

A day is `provisional` until its requests can no longer be late, then `final`. It stands in the
due-index while it waits for a count; a final day leaves it, and comes back when late data, new
reference data or new rules touch it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from boto3.dynamodb.conditions import Attr, Key
from pydantic import Field

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.kernel import keys
from tallycast.kernel.errors import RetryableError
from tallycast.kernel.schema import Produced
from tallycast.kernel.times import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb.service_resource import Table

DUE = "due"


class DayBeingCountedError(RetryableError):
    """Another run counts the same day at this moment; wait for it."""


class LeaseExpiredError(RetryableError):
    """The run took too long and another has taken the day over; its result is dropped."""


class DayRef(Produced):
    """One day of one tenant under one rule set: the unit of a count."""

    tenant: str
    rules: str
    day: date

    @property
    def key(self) -> dict[str, str]:
        """Where its state lies."""
        return keys.count_day(self.tenant, self.rules, self.day.isoformat())


class Inputs(Produced):
    """Digests of everything that a count was made from: the same inputs give the same count."""

    files: str
    episodes: str
    rules: str
    reference: str
    settings: str


class DayState(Produced):
    """What is known of a day's count. `marks` says how often it was marked due, ever."""

    tenant: str
    rules: str
    day: date
    state: Literal["waiting", "provisional", "final"] = "waiting"
    version: int = 0
    counted_at: datetime | None = None
    inputs: Inputs | None = None
    reference_versions: dict[str, str] = Field(default_factory=dict)
    requests: int = 0
    downloads: int = 0
    listeners: int = 0
    shards: int = 0
    due_at: datetime | None = None
    marks: int = 0
    lease_id: str | None = None
    lease_until: datetime | None = None

    @property
    def ref(self) -> DayRef:
        """Which day this is."""
        return DayRef(tenant=self.tenant, rules=self.rules, day=self.day)


def _state_of(item: Mapping[str, Any]) -> DayState:
    return DayState.model_validate({k: v for k, v in item.items() if k in DayState.model_fields})


class DayStore:
    """The days in the metrics table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, ref: DayRef) -> DayState:
        """A day's state, read consistently; a day never heard of is waiting."""
        with translated(f"read day {ref.day}"):
            item = self._table.get_item(Key=ref.key, ConsistentRead=True).get("Item")
        if item is None:
            return DayState(tenant=ref.tenant, rules=ref.rules, day=ref.day)
        return _state_of(item)

    def of_tenant(self, tenant: str, rules: str, first: date, last: date) -> Iterator[DayState]:
        """The days from `first` to `last` that were ever counted or wait for it, in order."""
        condition = Key("pk").eq(keys.count_days(tenant, rules)) & Key("sk").between(
            f"DAY#{first.isoformat()}", f"DAY#{last.isoformat()}"
        )
        for item in self._query(KeyConditionExpression=condition):
            yield _state_of(item)

    def mark_due(self, ref: DayRef, at: datetime) -> None:
        """Have a day counted at `at`, or earlier if it is due earlier already.

        Every mark is counted, so that a run which began before it leaves the day due.
        """
        while not (self._mark_earlier(ref, at) or self._mark_again(ref)):
            pass  # it was settled between the two: it is due no more, and marked anew

    def _mark_again(self, ref: DayRef) -> bool:
        """Mark a day that is due early enough; whether it is due still."""
        try:
            with translated(f"mark day {ref.day} due"):
                self._table.update_item(
                    Key=ref.key,
                    UpdateExpression="ADD marks :one",
                    ConditionExpression=Attr("due_at").exists(),
                    ExpressionAttributeValues={":one": 1},
                )
        except ConditionFailedError:
            return False
        return True

    def _mark_earlier(self, ref: DayRef, at: datetime) -> bool:
        """Mark a day due at `at`; False when it is due earlier already."""
        condition = Attr("due_at").not_exists() | Attr("due_at").gt(to_text(at))
        try:
            with translated(f"mark day {ref.day} due"):
                self._table.update_item(
                    Key=ref.key,
                    UpdateExpression=(
                        "SET due_shard = :shard, due_at = :at, tenant = :tenant, "
                        "#rules = :rules, #day = :day, kind = :kind ADD marks :one"
                    ),
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#rules": "rules", "#day": "day"},
                    ExpressionAttributeValues={
                        ":shard": keys.count_due_shard(ref.tenant),
                        ":at": to_text(at),
                        ":tenant": ref.tenant,
                        ":rules": ref.rules,
                        ":day": ref.day.isoformat(),
                        ":kind": "day",
                        ":one": 1,
                    },
                )
        except ConditionFailedError:
            return False
        return True

    def due(self, now: datetime) -> Iterator[DayRef]:
        """Every day that waits for a count, of all tenants."""
        for shard in range(keys.DUE_SHARDS):
            condition = Key("due_shard").eq(keys.count_due_shard_name(shard)) & Key("due_at").lte(
                to_text(now)
            )
            for item in self._query(IndexName=DUE, KeyConditionExpression=condition):
                yield DayRef(
                    tenant=str(item["tenant"]),
                    rules=str(item["rules"]),
                    day=date.fromisoformat(str(item["day"])),
                )

    def postpone(self, ref: DayRef, until: datetime) -> None:
        """Take a day that was handed out out of the next ticks.

        Should the run be lost, the day comes back by itself.
        """
        try:
            with translated(f"hand out day {ref.day}"):
                self._table.update_item(
                    Key=ref.key,
                    UpdateExpression="SET due_at = :at",
                    ConditionExpression=Attr("due_at").exists(),
                    ExpressionAttributeValues={":at": to_text(until)},
                )
        except ConditionFailedError:
            return  # it was counted in between

    def lease(self, ref: DayRef, lease_id: str, now: datetime, until: datetime) -> DayState:
        """Take a day for one run; gives the state before it.

        Raises:
            DayBeingCountedError: another run has it.
        """
        free = (
            Attr("lease_until").not_exists()
            | Attr("lease_until").lt(to_text(now))
            | Attr("lease_id").eq(lease_id)
        )
        try:
            with translated(f"lease day {ref.day}"):
                answer = self._table.update_item(
                    Key=ref.key,
                    UpdateExpression=(
                        "SET lease_id = :id, lease_until = :until, tenant = :tenant, "
                        "#rules = :rules, #day = :day, kind = :kind"
                    ),
                    ConditionExpression=free,
                    ExpressionAttributeNames={"#rules": "rules", "#day": "day"},
                    ExpressionAttributeValues={
                        ":id": lease_id,
                        ":until": to_text(until),
                        ":tenant": ref.tenant,
                        ":rules": ref.rules,
                        ":day": ref.day.isoformat(),
                        ":kind": "day",
                    },
                    ReturnValues="ALL_NEW",
                )
        except ConditionFailedError as error:
            raise DayBeingCountedError(
                f"{ref.day} of {ref.tenant} is being counted by another run", day=str(ref.day)
            ) from error
        return _state_of(answer["Attributes"])

    def release(self, ref: DayRef, lease_id: str) -> None:
        """Give a day back without having counted it; it stays due."""
        try:
            with translated(f"release day {ref.day}"):
                self._table.update_item(
                    Key=ref.key,
                    UpdateExpression="REMOVE lease_id, lease_until",
                    ConditionExpression=Attr("lease_id").eq(lease_id),
                )
        except ConditionFailedError:
            return

    def settle(self, state: DayState, lease_id: str, *, seen_marks: int) -> None:
        """Write a day's new state and give the day back.

        `state.due_at` is when it is to be counted next, None for never. When the day was marked
        due again while it was counted (its `marks` are not `seen_marks` any more), it stays due.

        Raises:
            LeaseExpiredError: another run has taken the day over.
        """
        fields = state.model_dump(mode="json", exclude_none=True, exclude={"due_at", "marks"})
        for name in ("lease_id", "lease_until"):
            fields.pop(name, None)
        if state.counted_at is not None:
            fields["counted_at"] = to_text(state.counted_at)
        self._settle(state.ref, fields, lease_id)
        self._settle_due(state, seen_marks)

    def _settle(self, ref: DayRef, fields: dict[str, Any], lease_id: str) -> None:
        sets = ", ".join(f"#{name} = :{name}" for name in fields)
        try:
            with translated(f"settle day {ref.day}"):
                self._table.update_item(
                    Key=ref.key,
                    UpdateExpression=f"SET {sets} REMOVE lease_id, lease_until",
                    ConditionExpression=Attr("lease_id").eq(lease_id),
                    ExpressionAttributeNames={f"#{name}": name for name in fields},
                    ExpressionAttributeValues={f":{name}": fields[name] for name in fields},
                )
        except ConditionFailedError as error:
            raise LeaseExpiredError(
                f"another run counts {ref.day} now", day=str(ref.day)
            ) from error

    def _settle_due(self, state: DayState, seen_marks: int) -> None:
        marks = Attr("marks")
        unmarked = marks.eq(seen_marks) if seen_marks else marks.not_exists()
        arguments: dict[str, Any] = {"UpdateExpression": "REMOVE due_at, due_shard"}
        if state.due_at is not None:
            arguments = {
                "UpdateExpression": "SET due_at = :at, due_shard = :shard",
                "ExpressionAttributeValues": {
                    ":at": to_text(state.due_at),
                    ":shard": keys.count_due_shard(state.tenant),
                },
            }
        try:
            with translated(f"schedule day {state.day}"):
                self._table.update_item(
                    Key=state.ref.key, ConditionExpression=unmarked, **arguments
                )
        except ConditionFailedError:
            return  # marked in between: it stays due

    def _query(self, **arguments: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3's own
        start: dict[str, Any] = {}
        while True:
            with translated("read the days of a count"):
                page = self._table.query(**arguments, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
