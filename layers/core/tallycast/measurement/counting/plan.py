"""Which days are counted next: those that are due at a tick, and those that a person asks for.

Both become a plan: a list of days in the lake's bucket, which the counting workflow fans out over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from tallycast.aws.errors import translated
from tallycast.kernel import keys
from tallycast.kernel.errors import PermanentError
from tallycast.kernel.ids import derived_id, new_id
from tallycast.kernel.schema import Produced
from tallycast.kernel.times import to_text
from tallycast.measurement.counting.days import DayRef
from tallycast.measurement.rollups.listeners import weeks_and_months

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_stepfunctions.client import SFNClient

    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.tenancy import MeasurementSettingsStore

# A day that was handed out and not counted, because the run was lost, comes back after this.
HANDED_OUT = timedelta(minutes=45)
MOST_DAYS = 3_660
_DAY = timedelta(days=1)


class BadPeriodError(PermanentError):
    """The days asked for make no period."""


class Plan(Produced):
    """A list of days on its way to the counting workflow."""

    plan_id: str
    days: int
    execution: str | None = None


@dataclass(frozen=True, slots=True)
class Planner:
    """Hands days out to the counting workflow."""

    days: DayStore
    settings: MeasurementSettingsStore
    s3: S3Client
    bucket: str
    step_functions: SFNClient
    state_machine: str

    def tick(self, now: datetime) -> Plan | None:
        """Hand out every day that is due; None when none is."""
        due = list(self.days.due(now))
        if not due:
            return None
        # The schedule delivers at least once: a plan made twice at one tick is one plan.
        plan_id = derived_id("plan", to_text(now), *(_text(ref) for ref in due))
        plan = self._start(plan_id, due, force=False)
        for ref in due:
            self.days.postpone(ref, now + HANDED_OUT)
        return plan

    def recount(
        self, tenant: str, first: date, last: date, now: datetime, *, rules: Sequence[str] = ()
    ) -> Plan:
        """Count every day of a period again, whether anything changed or not.

        Raises:
            BadPeriodError: the period ends before it begins, or is too long.
        """
        if not first <= last:
            raise BadPeriodError(f"the period ends ({last}) before it begins ({first})")
        if (last - first).days >= MOST_DAYS:
            raise BadPeriodError(f"at most {MOST_DAYS} days at once; split the period")
        names = rules or self.settings.get(tenant).rules
        wanted = [
            DayRef(tenant=tenant, rules=name, day=first + number * _DAY)
            for name in names
            for number in range((last - first).days + 1)
        ]
        plan_id = new_id("plan", now)
        return self._start(plan_id, wanted, force=True)

    def _start(self, plan_id: str, refs: Sequence[DayRef], *, force: bool) -> Plan:
        listed = [{**ref.model_dump(mode="json"), "plan": plan_id, "force": force} for ref in refs]
        key = keys.count_plan(plan_id)
        periods = keys.count_plan(f"{plan_id}.periods")
        with translated("write the plan of a count"):
            for name, body in ((key, listed), (periods, _periods(refs))):
                self.s3.put_object(Bucket=self.bucket, Key=name, Body=json.dumps(body).encode())
        execution = None
        try:
            with translated("start the counting workflow"):
                execution = self.step_functions.start_execution(
                    stateMachineArn=self.state_machine,
                    name=plan_id,
                    input=json.dumps({"plan": key, "periods": periods}),
                )["executionArn"]
        except PermanentError as error:
            if error.facts.get("aws_code") != "ExecutionAlreadyExists":
                raise
        return Plan(plan_id=plan_id, days=len(listed), execution=execution)


def _periods(refs: Sequence[DayRef]) -> list[dict[str, str]]:
    """The weeks and months that the days lie in, each once."""
    by_count: dict[tuple[str, str], set[date]] = {}
    for ref in refs:
        by_count.setdefault((ref.tenant, ref.rules), set()).add(ref.day)
    return [
        {"tenant": tenant, "rules": rules, "period": period, "name": name}
        for (tenant, rules), days in sorted(by_count.items())
        for period, name in weeks_and_months(days)
    ]


def _text(ref: DayRef) -> str:
    return f"{ref.tenant}/{ref.rules}/{ref.day}"
