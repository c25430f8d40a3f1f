"""Start and end the flights of campaigns, at each tick of the schedule."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.parser import event_parser

from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.kernel.schema import Received
from tallycast.sponsorship.use_cases.run_flights import flights

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
    """Move every campaign whose flight begins or ends; the next tick goes on where this ends."""
    logger.append_keys(tick=event.scheduled_time.isoformat())
    with task():
        flown = flights().run(
            event.scheduled_time, lambda: context.get_remaining_time_in_millis() / 1000
        )
    metrics.add_metric("flights_started", MetricUnit.Count, flown.started)
    metrics.add_metric("flights_completed", MetricUnit.Count, flown.completed)
    metrics.add_metric("flights_failed", MetricUnit.Count, flown.failed)
    summary = {"started": flown.started, "completed": flown.completed, "done": not flown.rest}
    logger.info("tick", extra=summary)
    return summary
