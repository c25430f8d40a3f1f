"""Store each provider's message that was promised to be, once, and tell of it."""

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
from tallycast.kernel.times import utc_now
from tallycast.partners.hooks.model import Message
from tallycast.partners.use_cases.take_hook import taker

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


class MessageRecord(SqsRecordModel):
    """One SQS record that carries a message of a provider."""

    body: Json[Message]


processor = BatchProcessor(
    EventType.SQS,
    model=MessageRecord,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # as Powertools documents it
)


@tracer.capture_method(capture_response=False)
def take_one(record: MessageRecord) -> None:
    """Take one message and report what became of it."""
    message = record.body
    with (
        logger.append_context_keys(
            tenant=message.tenant, hook_id=message.hook_id, message_id=message.id
        ),
        task(),
    ):
        taken = taker().take(message)
        logger.info("taken", extra={"outcome": taken.value, "scheme": message.scheme.value})
    with single_metric("webhook_volume", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("outcome", taken.value)
    latency = max(0.0, (utc_now() - message.received_at).total_seconds() * 1000)
    metrics.add_metric("processing_latency", MetricUnit.Milliseconds, latency)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take each message; a record that failed goes back to the queue alone."""
    return process_partial_response(event, take_one, processor, context)
