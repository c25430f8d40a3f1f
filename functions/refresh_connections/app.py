"""Refresh what is going to expire at other platforms, at each tick of the schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.partners.connections.sweeping import ERRORS
from tallycast.partners.connections.use_cases.refresh import sweeper

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Look after every connection that is due; nothing in the event matters."""
    with task():
        done = sweeper().run(lambda: context.get_remaining_time_in_millis() / 1000)
    metrics.add_metric("connections_looked_after", MetricUnit.Count, done.total())
    metrics.add_metric("connections_not_looked_after", MetricUnit.Count, done[ERRORS])
    logger.info("connections refreshed", extra={"outcomes": dict(done)})
    return dict(done)
