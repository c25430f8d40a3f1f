"""Hand over the webhook deliveries that are due, at each tick of a minute."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parser import event_parser

from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.kernel.schema import Received
from tallycast.partners.use_cases.requeue_webhooks import desk

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Tick(Received):
    """The schedule's message: the time it was made for."""

    scheduled_time: datetime


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=Tick)
def lambda_handler(event: Tick, context: LambdaContext) -> dict[str, int]:
    """Hand over what is due; a tick that runs short of time leaves the rest to the next."""
    with task():
        handed = desk().hand_over_due(
            event.scheduled_time, time_left=lambda: context.get_remaining_time_in_millis() / 1000
        )
        backlog = desk().backlog()
    metrics.add_metric("webhooks_handed_over", MetricUnit.Count, handed)
    metrics.add_metric("webhook_backlog", MetricUnit.Count, backlog)
    logger.info("tick", extra={"handed_over": handed, "backlog": backlog})
    return {"handed_over": handed, "backlog": backlog}
