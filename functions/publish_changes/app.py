"""Tell the event bus what the changes of the `core` table mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from tallycast.aws.bus import OutgoingEvent
from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.feeds.changes import events_of
from tallycast.feeds.events import SOURCE
from tallycast.feeds.use_cases.publish import event_bus

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def outgoing(record: DynamoDBRecord) -> list[OutgoingEvent]:
    """The events one stream record means."""
    change = record.dynamodb
    if change is None:
        return []
    made = change.approximate_creation_date_time or 0
    at = datetime.fromtimestamp(made, UTC).isoformat()
    return [
        OutgoingEvent(event.event_id, SOURCE, type(event).__name__, event.model_dump_json())
        for event in events_of(change.old_image or None, change.new_image or None, at=at)
    ]


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Publish the events of a batch; when it fails, the stream brings the whole of it again."""
    records = [DynamoDBRecord(record) for record in event["Records"]]
    events = [made for record in records for made in outgoing(record)]
    with task():
        published = event_bus().put(events)
    metrics.add_metric("events_published", MetricUnit.Count, published)
    logger.info("published", extra={"records": len(records), "events": published})
