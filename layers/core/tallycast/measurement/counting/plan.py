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
from tallycast.measurement.counting import calendar
from tallycast.measurement.counting.days import DayRef
from tallycast.measurement.tenancy import LOOK_BACK_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_stepfunctions.client import SFNClient

    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.rulesets import RuleSet
    from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore

# A file seldom comes alone: a count waits this long for the next one.
SETTLING = timedelta(minutes=2)
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
    """Marks days due, and hands due days out to the counting workflow."""

    days: DayStore
    settings: MeasurementSettingsStore
    rules_of: Callable[[str, MeasurementSettings], RuleSet]
    s3: S3Client
    bucket: str
    step_functions: SFNClient
    state_machine: str

    def requests_changed(
        self, tenant: str, utc_days: Collection[date], now: datetime
    ) -> list[DayRef]:
        """Mark every reporting day due that is counted from the given UTC days of requests."""
        settings = self.settings.get(tenant)
        marked: list[DayRef] = []
        for name in settings.rules:
            rules = self.rules_of(name, settings)
            zones, back, ahead = reach(rules, settings)
            touched = {
                day
                for utc_day in utc_days
                for day in calendar.touched(utc_day, zones, back=back, ahead=ahead)
            }
            for day in sorted(touched):
                ref = DayRef(tenant=tenant, rules=name, day=day)
                self.days.mark_due(ref, now + SETTLING)
                marked.append(ref)
        return marked

    def tick(self, now: datetime) -> Plan | None:
        """Hand out every day that is due; None when none is."""
        due = list(self.days.due(now))
        if not due:
            return None
        # The schedule delivers at least once: a plan made twice at one tick is one plan.
        plan_id = derived_id("plan", to_text(now), *(_text(ref) for ref in due))
        plan = self._start(plan_id, [{**_item(ref), "force": False} for ref in due])
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
        return self._start(plan_id, [{**_item(ref), "force": True} for ref in wanted])

    def _start(self, plan_id: str, items: Iterable[dict[str, object]]) -> Plan:
        listed = list(items)
        key = keys.count_plan(plan_id)
        with translated("write the plan of a count"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(listed).encode())
        execution = None
        try:
            with translated("start the counting workflow"):
                execution = self.step_functions.start_execution(
                    stateMachineArn=self.state_machine,
                    name=plan_id,
                    input=json.dumps({"plan": key}),
                )["executionArn"]
        except PermanentError as error:
            if "ExecutionAlreadyExists" not in error.message:
                raise
        return Plan(plan_id=plan_id, days=len(listed), execution=execution)


def reach(rules: RuleSet, settings: MeasurementSettings) -> tuple[frozenset[str], int, int]:
    """The zones that a rule set reports in, and how many days before and after its windows reach."""
    zones = (
        frozenset({settings.zone, *settings.zones.values(), "UTC"})
        if rules.in_show_zone
        else frozenset({"UTC"})
    )
    return (zones, 0, 0) if rules.ends_at_midnight else (zones, LOOK_BACK_DAYS, 1)


def _item(ref: DayRef) -> dict[str, object]:
    return ref.model_dump(mode="json")


def _text(ref: DayRef) -> str:
    return f"{ref.tenant}/{ref.rules}/{ref.day}"
