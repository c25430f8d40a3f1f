"""Tell the event bus what the changes of the `core` table mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from tallycast.attribution import changes as of_attribution
from tallycast.attribution import events as attribution
from tallycast.aws.bus import OutgoingEvent
from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.feeds import changes as of_feeds
from tallycast.feeds import events as feeds
from tallycast.feeds.use_cases.publish import event_bus
from tallycast.partners import events as partners
from tallycast.partners.connections import changes as of_connections
from tallycast.partners.webhooks import changes as of_webhooks
from tallycast.reporting import changes as of_reporting
from tallycast.reporting import events as reporting
from tallycast.sponsorship import changes as of_sponsorship
from tallycast.sponsorship import events as sponsorship

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tallycast.attribution.events import ConversionRecorded
    from tallycast.feeds.events import FeedEvent
    from tallycast.partners.connections.events import ConnectionBroken
    from tallycast.partners.events import WebhookEndpointDisabled
    from tallycast.reporting.events import ReportReady
    from tallycast.sponsorship.events import SponsorshipEvent

    Event = (
        FeedEvent
        | SponsorshipEvent
        | ConversionRecorded
        | ReportReady
        | WebhookEndpointDisabled
        | ConnectionBroken
    )

# Each room knows what the changes of its own kinds of item mean.
ROOMS: tuple[tuple[str, Callable[..., Sequence[Event]]], ...] = (
    (feeds.SOURCE, of_feeds.events_of),
    (sponsorship.SOURCE, of_sponsorship.events_of),
    (attribution.SOURCE, of_attribution.events_of),
    (reporting.SOURCE, of_reporting.events_of),
    (partners.SOURCE, of_webhooks.events_of),
    (partners.SOURCE, of_connections.events_of),
)


def outgoing(record: DynamoDBRecord) -> list[OutgoingEvent]:
    """The events one stream record means."""
    change = record.dynamodb
    if change is None:
        return []
    made = change.approximate_creation_date_time or 0
    at = datetime.fromtimestamp(made, UTC).isoformat()
    old, new = change.old_image or None, change.new_image or None
    return [
        OutgoingEvent(event.event_id, source, type(event).__name__, event.model_dump_json())
        for source, events_of in ROOMS
        for event in events_of(old, new, at=at)
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
