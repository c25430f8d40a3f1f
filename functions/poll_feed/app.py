"""Poll every feed named in one batch of the poll queue."""

from __future__ import annotations

import random
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
from tallycast.feeds.feed import PollMessage
from tallycast.feeds.hosts import HostSlotsTakenError
from tallycast.feeds.outcome import Outcome, PollResult
from tallycast.feeds.poll import FeedBusyError
from tallycast.feeds.queue import Delayed
from tallycast.feeds.use_cases.poll import longest_poll_seconds, poll_queue, poller
from tallycast.kernel.errors import TallycastError
from tallycast.kernel.times import utc_now

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


class PollRecord(SqsRecordModel):
    """One SQS record that carries a poll message."""

    body: Json[PollMessage]


processor = BatchProcessor(
    EventType.SQS,
    model=PollRecord,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # as Powertools documents it
)


@tracer.capture_method(capture_response=False)
def poll_one(record: PollRecord, lambda_context: LambdaContext) -> None:
    """Poll one feed and report what it found."""
    message = record.body
    # The keys end with the record: the next one's lines must not bear this feed's name.
    with logger.append_context_keys(
        correlation_id=message.correlation_id,
        tenant=message.tenant,
        feed_id=message.feed_id,
        reason=message.reason,
    ):
        if lambda_context.get_remaining_time_in_millis() / 1000 < longest_poll_seconds():
            # A poll cut off in the middle costs a whole visibility time-out; a copy costs nothing.
            poll_queue().send([Delayed(message)])
            logger.info("deferred", extra={"why": "too little time left"})
            return
        with task():
            try:
                result = poller().poll(message)
            except (HostSlotsTakenError, FeedBusyError) as error:
                # Waiting for one's turn is no failure: it does not count towards dead letters.
                poll_queue().send([Delayed(message, random.randint(10, 40))])  # noqa: S311
                logger.info("deferred", extra={"why": error.code})
                return
            except TallycastError as error:
                logger.warning("not polled", extra={"error": f"{error.code}: {error.message}"})
                raise
        if result.again is not None:
            poll_queue().send([Delayed(result.again)])
        _report(message, result)


def _report(message: PollMessage, result: PollResult) -> None:
    if result.outcome is Outcome.VOID:
        logger.info("void: the feed has moved on")
        return
    now = utc_now()
    ok = result.error is None
    latency = max(0.0, (now - message.scheduled_for).total_seconds() * 1000)
    metrics.add_metric("poll_success_rate", MetricUnit.Percent, 100.0 if ok else 0.0)
    metrics.add_metric("processing_latency", MetricUnit.Milliseconds, latency)
    metrics.add_metric("episodes_new", MetricUnit.Count, result.new)
    metrics.add_metric("episodes_updated", MetricUnit.Count, result.updated)
    metrics.add_metric("episodes_quarantined", MetricUnit.Count, result.quarantined)
    if result.quality is not None:
        metrics.add_metric("data_quality_score", MetricUnit.NoUnit, result.quality)
    if result.newest_published is not None and not result.imported:
        age = max(0.0, (now - result.newest_published).total_seconds())
        metrics.add_metric("ingestion_latency", MetricUnit.Seconds, age)
    if result.error is not None:
        with single_metric("feed_errors", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
            metric.add_dimension("error", result.error.code)
    logger.info(
        "polled",
        extra={
            "outcome": result.outcome.value,
            **result.counts(),
            "moved_to": result.moved_to,
            "error": result.error and f"{result.error.code}: {result.error.message}",
        },
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Poll each feed; a record that failed goes back to the queue alone."""
    return process_partial_response(event, poll_one, processor, context)
