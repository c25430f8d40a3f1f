"""Make next month's key in time, and destroy the keys behind the retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.measurement.reference.use_cases.keys import rotation

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Rotate; nothing in the event matters, and once more does nothing more."""
    with task():
        done = rotation()()
    metrics.add_metric("keys_created", MetricUnit.Count, len(done.created))
    metrics.add_metric("keys_destroyed", MetricUnit.Count, len(done.destroyed))
    summary = {"keys_created": list(done.created), "keys_destroyed": list(done.destroyed)}
    logger.info("rotated", extra=summary)
    return summary
