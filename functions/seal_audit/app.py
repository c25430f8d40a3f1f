"""Seal what was logged on the days before today, once a day."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tallycast.aws import clients
from tallycast.aws.errors import translated
from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.identity.audit.use_cases.seal import sealing

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Seal every log that has something to seal; nothing in the event matters."""
    with task():
        done = sealing().run(lambda: context.get_remaining_time_in_millis() / 1000)
        if done.rest:
            _go_on(context)
    metrics.add_metric("audit_days_sealed", MetricUnit.Count, done.days)
    metrics.add_metric("audit_entries_sealed", MetricUnit.Count, done.entries)
    metrics.add_metric("audit_logs_not_sealed", MetricUnit.Count, len(done.failed))
    metrics.add_metric("audit_logs_broken", MetricUnit.Count, len(done.broken))
    for trouble in [*done.broken, *done.failed]:
        logger.warning("not sealed", extra={"error": trouble})
    summary = {
        "days": done.days,
        "entries": done.entries,
        "broken": len(done.broken),
        "failed": len(done.failed),
        "done": not done.rest,
    }
    logger.info("sealed", extra=summary)
    return summary


def _go_on(context: LambdaContext) -> None:
    """What is sealed is due no more: the next invocation begins where this one ended."""
    with translated("go on with sealing"):
        clients.lambdas().invoke(
            FunctionName=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", context.function_name),
            InvocationType="Event",
            Payload=b"{}",
        )
