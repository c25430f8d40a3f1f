"""Count one day of one tenant under one rule set: open it, count its shards, settle it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.aws.observability import logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.measurement.use_cases.count import steps

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step of the counting workflow; its answer is the next step's input."""
    with task():
        return steps().take(event)
