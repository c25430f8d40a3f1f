"""Let listeners through to the hosts that a show's episodes name."""

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
from tallycast.measurement.tracking.learning import EpisodeEvent
from tallycast.measurement.tracking.registry import TooManyHostsError
from tallycast.measurement.tracking.use_cases.learn import learner

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext


class EpisodeRecord(SqsRecordModel):
    """One SQS record that carries an event of the bus."""

    body: Json[EpisodeEvent]


processor = BatchProcessor(
    EventType.SQS,
    model=EpisodeRecord,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # as Powertools documents it
)


@tracer.capture_method(capture_response=False)
def learn_one(record: EpisodeRecord) -> None:
    """Learn the hosts of one episode."""
    episode = record.body.detail
    with logger.append_context_keys(tenant=episode.tenant, show_id=episode.show_id), task():
        try:
            fresh = learner().learn(episode)
        except TooManyHostsError as error:
            # Trying again would not help, and those that are known go on being redirected to.
            logger.warning("not learned", extra={"error": f"{error.code}: {error.message}"})
            metrics.add_metric("hosts_refused", MetricUnit.Count, 1)
            return
    metrics.add_metric("hosts_learned", MetricUnit.Count, fresh)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Learn from each event; a record that failed goes back to the queue alone."""
    return process_partial_response(event, learn_one, processor, context)
