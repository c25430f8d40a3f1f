"""Turn every log file and batch of tracked hits that arrives into rows of requests."""

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
from tallycast.measurement.intake.arrivals import Notification, arrivals
from tallycast.measurement.use_cases.ingest import ingest

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tallycast.measurement.intake.arrivals import Arrival
    from tallycast.measurement.intake.ingest import Taken


class ArrivalRecord(SqsRecordModel):
    """A message of the arrivals queue: what S3 says has come."""

    body: Json[Notification]


processor = BatchProcessor(
    EventType.SQS,
    model=ArrivalRecord,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # as Powertools documents it
)


def ingest_one(record: ArrivalRecord) -> None:
    """Take in every object that one message tells of."""
    for each in arrivals(record.body):
        # The keys end with the file: the next one's lines must not bear this one's name.
        with logger.append_context_keys(file=each.key, tenant=each.tenant), task():
            _report(each, ingest().take(each))


def _report(arrival: Arrival, taken: Taken | None) -> None:
    """The books of one file: accepted is stored, quarantined or deduplicated, record by record."""
    if taken is None:
        logger.warning("gone", extra={"reason": "the file was deleted before it was read"})
        return
    books = {
        "requests_accepted": taken.accepted,
        "requests_stored": taken.stored,
        "requests_quarantined": taken.quarantined,
        "requests_deduplicated": taken.deduplicated,
    }
    for name, records in books.items():
        with single_metric(name, MetricUnit.Count, records, namespace=NAMESPACE) as metric:
            metric.add_dimension("stream", arrival.stream)
    metrics.add_metric("requests_replaced", MetricUnit.Count, taken.replaced)
    if taken.accepted:
        quality = 100.0 * (taken.accepted - taken.quarantined) / taken.accepted
        metrics.add_metric("data_quality_score", MetricUnit.Percent, quality)
    metrics.add_metric("processing_latency", MetricUnit.Milliseconds, taken.lag_seconds * 1000)
    logger.info("taken in", extra={**books, "replaced": taken.replaced, "skipped": taken.skipped})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take in one batch; a file that cannot be taken in comes back alone."""
    return process_partial_response(event, ingest_one, processor, context)
