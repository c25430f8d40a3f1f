"""Lay each event of the bus out for the webhook endpoints that want it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from pydantic import Json

from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.partners.use_cases.queue_webhooks import announcer
from tallycast.partners.webhooks.topics import BusEvent

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


class EventRecord(SqsRecordModel):
    """One SQS record that carries an event of the bus."""

    body: Json[BusEvent]


processor = BatchProcessor(
    EventType.SQS,
    model=EventRecord,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # as Powertools documents it
)


@tracer.capture_method(capture_response=False)
def queue_one(record: EventRecord) -> None:
    """Make the deliveries of one event."""
    event = record.body
    with logger.append_context_keys(event=event.detail_type), task():
        made = announcer().announce(event)
        logger.info("laid out", extra={"event_id": event.read.event_id, "deliveries": made})
    metrics.add_metric("webhooks_queued", MetricUnit.Count, made)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Lay out each event; a record that failed goes back to the queue alone."""
    return process_partial_response(event, queue_one, processor, context)
