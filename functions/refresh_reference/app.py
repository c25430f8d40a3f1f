"""Fetch reference data daily, and do what an operator asks about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.aws.commands import answered
from tallycast.aws.observability import (
    NAMESPACE,
    MetricUnit,
    logger,
    metrics,
    single_metric,
    tracer,
)
from tallycast.aws.tasks import task
from tallycast.measurement.reference.use_cases.refresh import desk

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tallycast.measurement.reference.refresh import Refreshed


def _report(refreshed: Refreshed) -> None:
    with single_metric("reference_documents", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("outcome", refreshed.outcome)
    error = refreshed.error and f"{refreshed.error.code}: {refreshed.error.message}"
    log = logger.info if error is None else logger.warning
    log(
        "reference document",
        extra={
            "document": refreshed.name,
            "outcome": refreshed.outcome,
            "document_version": refreshed.version,
            "error": error,
        },
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Carry one command out; the schedule's is `{"command": "refresh"}`."""
    with task():
        if event.get("command") == "refresh":
            return desk().run(event, _report)  # nobody reads the answer: a failure must be one
        return answered(lambda: desk().run(event))
