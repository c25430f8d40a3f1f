"""Write every table that somebody asked for to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from pydantic import Json

from tallycast.analytics.exports.model import ExportMessage
from tallycast.analytics.use_cases.export_table import worker
from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


class ExportRecord(SqsRecordModel):
    """A message of the queue of exports."""

    body: Json[ExportMessage]


processor = BatchProcessor(
    EventType.SQS,
    model=ExportRecord,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # as Powertools documents it
)


def export_one(record: ExportRecord) -> None:
    """Make the file of one export."""
    message: ExportMessage = record.body
    with (
        logger.append_context_keys(tenant=message.tenant, export=message.export_id),
        task(),
    ):
        worked = worker().work(message, tries=int(record.attributes.ApproximateReceiveCount))
        if worked.state == "failed":
            metrics.add_metric("exports_failed", MetricUnit.Count, 1)
        elif not worked.again:
            metrics.add_metric("exports_made", MetricUnit.Count, 1)
            metrics.add_metric("rows_exported", MetricUnit.Count, worked.rows)
            metrics.add_metric(
                "processing_latency", MetricUnit.Milliseconds, worked.lag_seconds * 1000
            )
        logger.info(
            "exported", extra={"state": worked.state, "rows": worked.rows, "again": worked.again}
        )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work off one batch; an export that has to wait comes back alone."""
    return process_partial_response(event, export_one, processor, context)
