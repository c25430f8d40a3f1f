"""The steps of the counting workflow, as `statemachines/count_days.asl.yaml` asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from tallycast.aws.observability import MetricUnit, logger, metrics
from tallycast.kernel.schema import Received
from tallycast.measurement.counting.opening import PlannedDay
from tallycast.measurement.counting.periods import PlannedPeriod

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.counting.opening import Opening
    from tallycast.measurement.counting.periods import Periods
    from tallycast.measurement.counting.run import Run, RunStore
    from tallycast.measurement.counting.settling import Settled, Settling
    from tallycast.measurement.counting.shards import Shards


ANOTHER_TRY: Final = timedelta(minutes=15)


class Open(Received):
    """Fix what a day is counted from."""

    step: Literal["open"]
    day: PlannedDay


class CountShard(Received):
    """Count one shard of an opened day."""

    step: Literal["count"]
    run: str
    shard: int


class Settle(Received):
    """Replace the day's numbers."""

    step: Literal["settle"]
    run: str


class GiveBack(Received):
    """Give a day back that could not be counted; it stays due."""

    step: Literal["give_back"]
    run: str
    problem: dict[str, Any] = Field(default_factory=dict)


class CountListeners(Received):
    """Count the listeners of a week or month."""

    step: Literal["listeners"]
    period: PlannedPeriod


Step = Annotated[
    Open | CountShard | Settle | GiveBack | CountListeners, Field(discriminator="step")
]
_STEP: TypeAdapter[Step] = TypeAdapter(Step)


@dataclass(frozen=True, slots=True)
class Steps:
    """Takes the steps."""

    opening: Opening
    shards: Shards
    settling: Settling
    periods: Periods
    runs: RunStore
    days: DayStore
    clock: Callable[[], datetime]

    def take(self, event: dict[str, Any]) -> dict[str, Any]:
        """Take one step; its answer is what the workflow needs for the next.

        Raises:
            ValidationError: the event is no step.
        """
        step = _STEP.validate_python(event)
        match step:
            case Open():
                return self._open(step.day)
            case CountShard():
                run = self._run(step.run)
                requests = self.shards.count(run, step.shard)
                metrics.add_metric("requests_counted", MetricUnit.Count, requests)
                return {"shard": step.shard, "requests": requests}
            case Settle():
                return self._settle(self._run(step.run))
            case GiveBack():
                run = self._run(step.run)
                logger.error("day not counted", extra={"problem": step.problem})
                self.days.release(run.day, run.run_id)
                # A final day that somebody wanted counted again was not due before.
                self.days.mark_due(run.day, self.clock() + ANOTHER_TRY)
                return {"given_back": True}
            case CountListeners():
                logger.append_keys(tenant=step.period.tenant, rules=step.period.rules)
                return {"listeners": self.periods.count(step.period)}

    def _open(self, planned: PlannedDay) -> dict[str, Any]:
        logger.append_keys(tenant=planned.tenant, rules=planned.rules, day=planned.day)
        run = self.opening.open(planned)
        if run is None:
            metrics.add_metric("days_unchanged", MetricUnit.Count, 1)
            return {"unchanged": True}
        each = [{"step": "count", "run": run.key, "shard": n} for n in range(run.shards)]
        return {"unchanged": False, "run": run.key, "shards": each}

    def _settle(self, run: Run) -> dict[str, Any]:
        settled = self.settling.settle(run)
        now = self.clock()
        metrics.add_metric("days_counted", MetricUnit.Count, 1)
        metrics.add_metric("downloads_counted", MetricUnit.Count, settled.downloads)
        metrics.add_metric("cards_written", MetricUnit.Count, settled.cards_written)
        metrics.add_metric("episodes_restated", MetricUnit.Count, settled.restated)
        waited = (now - run.opened_at).total_seconds() * 1000
        metrics.add_metric("processing_latency", MetricUnit.Milliseconds, waited)
        if settled.newest is not None and not run.final:
            age = (now - settled.newest.replace(tzinfo=UTC)).total_seconds()
            metrics.add_metric("data_freshness", MetricUnit.Seconds, age)
        summary = _summary(run, settled)
        logger.info("counted", extra=summary)
        return summary

    def _run(self, key: str) -> Run:
        run = self.runs.get(key)
        logger.append_keys(tenant=run.day.tenant, rules=run.day.rules, day=str(run.day.day))
        return run


def _summary(run: Run, settled: Settled) -> dict[str, Any]:
    return {
        "count": run.version,
        "final": run.final,
        "requests": settled.requests,
        "downloads": settled.downloads,
        "listeners": settled.listeners,
        "restated": settled.restated,
    }
