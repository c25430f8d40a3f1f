"""Send the webhook deliveries that are handed over, signed, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from pydantic import Json

from tallycast.aws.observability import (
    NAMESPACE,
    MetricUnit,
    logger,
    metrics,
    single_metric,
    tracer,
)
from tallycast.aws.tasks import task
from tallycast.partners.use_cases.send_webhook import sender
from tallycast.partners.webhooks.model import Handover

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tallycast.partners.webhooks.sending import Sent


class HandoverRecord(SqsRecordModel):
    """One SQS record that carries a hand-over."""

    body: Json[Handover]


processor = BatchProcessor(
    EventType.SQS,
    model=HandoverRecord,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # as Powertools documents it
)


@tracer.capture_method(capture_response=False)
def send_one(record: HandoverRecord) -> None:
    """Send one delivery and report what came of it."""
    handover = record.body
    with logger.append_context_keys(
        tenant=handover.tenant,
        webhook_id=handover.endpoint_id,
        delivery_id=handover.delivery_id,
    ):
        with task():
            sent = sender().send(handover)
        _report(sent)


def _report(sent: Sent) -> None:
    with single_metric("webhook_volume", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("outcome", sent.outcome.value)
    if sent.waited is not None:
        latency = sent.waited.total_seconds() * 1000
        metrics.add_metric("processing_latency", MetricUnit.Milliseconds, latency)
    metrics.add_metric("webhooks_disabled", MetricUnit.Count, 1 if sent.disabled else 0)
    answer = sent.answer
    logger.info(
        "sent",
        extra={
            "outcome": sent.outcome.value,
            "event": sent.event,
            "message_id": sent.message_id,
            "status": answer and answer.status,
            "duration": answer and round(answer.duration, 3),
            "error": answer and answer.error,
            "disabled": sent.disabled and sent.disabled.value,
        },
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Send each delivery; a record that failed on our side goes back to the queue alone."""
    return process_partial_response(event, send_one, processor, context)
