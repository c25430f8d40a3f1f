"""Rate limits: a token bucket per client in DynamoDB, exact under any number of parallel calls.

The bucket is kept as one time (the generic cell rate algorithm): the moment at which it would be
full again. A request moves it on by the time that one token takes; a request that would move it
further ahead than the burst takes is refused. One conditional write decides, so that two parallel
requests never take the same token; the day's quota is in the same item and the same write.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from tallycast.aws.errors import ServiceUnavailableError, translated

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.plans import Plan

_KEPT_SECONDS: Final = 2 * 86400
_TRIES: Final = 8
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket as it lies in the table: when it would be full (µs), and what its day has used."""

    full_at: int
    used: int
    day: str


_NO_BUCKET: Final = Bucket(0, 0, "")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client has left after a request.

    Attributes:
        allowed: whether this request may go on.
        remaining: requests that may still come at once.
        reset_seconds: until the bucket is full again.
        retry_seconds: until a refused request may come again, 0 for one that was allowed.
        quota: whether it is the day's quota that refuses.
    """

    plan: Plan
    allowed: bool
    remaining: int
    reset_seconds: float
    retry_seconds: float = 0.0
    quota: bool = False

    def headers(self) -> dict[str, str]:
        """`RateLimit-*`, and `Retry-After` where it applies; whole seconds, rounded up."""
        plan = self.plan
        window = math.ceil(plan.burst / plan.per_second)
        shown = {
            "RateLimit-Limit": str(plan.burst),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(math.ceil(self.reset_seconds)),
            "RateLimit-Policy": f"{plan.burst};w={window}, {plan.per_day};w=86400",
        }
        if not self.allowed:
            shown["Retry-After"] = str(max(1, math.ceil(self.retry_seconds)))
        return shown


class RateLimiter:
    """Buckets of all clients, in a table whose items end by themselves."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, client: str, plan: Plan, now: datetime) -> Allowance:
        """Take one token of a client's bucket, if there is one.

        Raises:
            ServiceUnavailableError: the table does not answer.
        """
        micros, day = int(now.timestamp() * _MICROS), now.date().isoformat()
        found = self._take(client, plan, micros, day)
        for _ in range(_TRIES):
            if isinstance(found, int):
                return _allowed(plan, found - micros)
            held = found or _NO_BUCKET
            refused = _refused(plan, held, micros, day)
            if refused is not None:
                return refused
            if held.day == day and held.full_at > micros:
                found = self._take(client, plan, micros, day)  # somebody else has begun it
            else:
                found = self._begin(client, plan, micros, day, held)
        raise ServiceUnavailableError(f"the bucket of {client} is too busy", client=client)

    def _take(self, client: str, plan: Plan, micros: int, day: str) -> int | Bucket | None:
        """When the bucket is full after this request; or, when that needs a look, what is there."""
        return self._update(
            client,
            "SET full_at = full_at + :token ADD used :one",
            "#day = :day AND full_at > :now AND full_at <= :most AND used < :quota",
            {
                ":token": _token(plan),
                ":one": 1,
                ":day": day,
                ":now": micros,
                ":most": micros + _most(plan) - _token(plan),
                ":quota": plan.per_day,
            },
        )

    def _begin(
        self, client: str, plan: Plan, micros: int, day: str, held: Bucket
    ) -> int | Bucket | None:
        """The same for a bucket that is full or of another day, over exactly what was seen."""
        values: dict[str, Any] = {
            ":full": max(held.full_at, micros) + _token(plan),
            ":used": 1 + (held.used if held.day == day else 0),
            ":day": day,
            ":ends": micros // _MICROS + _KEPT_SECONDS,
        }
        condition = "attribute_not_exists(id)"
        if held is not _NO_BUCKET:
            condition = "full_at = :held AND used = :before AND #day = :on"
            values |= {":held": held.full_at, ":before": held.used, ":on": held.day}
        change = "SET full_at = :full, used = :used, #day = :day, expiration = :ends"
        return self._update(client, change, condition, values)

    def _update(
        self, client: str, change: str, condition: str, values: dict[str, Any]
    ) -> int | Bucket | None:
        arguments: dict[str, Any] = {
            "Key": {"id": f"limit#{client}"},
            "UpdateExpression": change,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#day": "day"},
            "ExpressionAttributeValues": values,
            "ReturnValues": "UPDATED_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        with translated("take a token"):
            try:
                answer = self._table.update_item(**arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                return _bucket(error.response.get("Item"))
        return int(str(answer["Attributes"]["full_at"]))


def _bucket(item: object) -> Bucket | None:
    """A bucket as a refused write shows it."""
    if not isinstance(item, dict) or not item:
        return None
    # Errors bypass the resource's own reading: values still have DynamoDB's type marks.
    bare = {n: next(iter(v.values())) if isinstance(v, dict) else v for n, v in item.items()}
    return Bucket(int(bare["full_at"]), int(bare["used"]), str(bare["day"]))


def _refused(plan: Plan, held: Bucket, micros: int, day: str) -> Allowance | None:
    """Why a bucket gives no token now, None if it does."""
    if held.day == day and held.used >= plan.per_day:
        left = 86400 - micros / _MICROS % 86400
        return Allowance(plan, False, 0, left, left, quota=True)  # noqa: FBT003 - the field
    over = max(held.full_at, micros) + _token(plan) - micros - _most(plan)
    if over > 0:
        reset = (held.full_at - micros) / _MICROS
        return Allowance(plan, False, 0, reset, over / _MICROS)  # noqa: FBT003 - the field
    return None


def _allowed(plan: Plan, ahead: int) -> Allowance:
    left = (_most(plan) - ahead) // _token(plan)
    return Allowance(plan, True, max(0, left), ahead / _MICROS)  # noqa: FBT003 - the field


def _token(plan: Plan) -> int:
    """Microseconds that one token takes to come back."""
    return round(_MICROS / plan.per_second)


def _most(plan: Plan) -> int:
    """How far ahead of now a bucket may be: the whole burst."""
    return plan.burst * _token(plan)
