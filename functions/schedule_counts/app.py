"""Hand out every day that waits for a count, at each tick of the schedule."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.parser import event_parser

from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.kernel.schema import Received
from tallycast.measurement.use_cases.plan import planner

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Tick(Received):
    """The schedule's message: the time it was made for."""

    scheduled_time: datetime


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=Tick)
def lambda_handler(event: Tick, context: LambdaContext) -> dict[str, Any]:
    """Start one run of the counting workflow over the days that are due, if any are."""
    logger.append_keys(tick=event.scheduled_time.isoformat())
    with task():
        plan = planner().tick(event.scheduled_time)
    days = plan.days if plan else 0
    metrics.add_metric("days_due", MetricUnit.Count, days)
    logger.info("tick", extra={"days": days, "plan": plan.plan_id if plan else None})
    return {"days": days, "plan": plan.plan_id if plan else None}
