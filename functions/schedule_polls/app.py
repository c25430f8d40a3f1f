"""Hand out every feed that is due, at each tick of the schedule."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.parser import event_parser

from tallycast.aws import clients
from tallycast.aws.errors import translated
from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.feeds.tick import TickCursor
from tallycast.feeds.use_cases.tick import scheduler
from tallycast.kernel.schema import Received

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Tick(Received):
    """The schedule's message: the time it was made for, or where a tick goes on."""

    scheduled_time: datetime
    cursor: TickCursor | None = None


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=Tick)
def lambda_handler(event: Tick, context: LambdaContext) -> dict[str, Any]:
    """Send one poll message per due feed; go on in a further invocation when time runs short."""
    polls = scheduler()
    logger.append_keys(tick=event.scheduled_time.isoformat())
    with task():
        cursor = event.cursor or polls.begin(event.scheduled_time)
        if cursor is None:
            logger.info("this tick is through already")
            return {"sent": 0, "pages": 0, "done": True}
        result = polls.run(cursor, time_left=lambda: context.get_remaining_time_in_millis() / 1000)
        if result.rest is not None:
            _go_on(event.model_copy(update={"cursor": result.rest}), context)
    metrics.add_metric("polls_scheduled", MetricUnit.Count, result.sent - cursor.sent)
    metrics.add_metric("queue_depth", MetricUnit.Count, polls.queue_depth())
    summary = {"sent": result.sent, "pages": result.pages, "done": result.rest is None}
    logger.info("tick", extra=summary)
    return summary


def _go_on(tick: Tick, context: LambdaContext) -> None:
    with translated("go on with the tick"):
        clients.lambdas().invoke(
            FunctionName=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", context.function_name),
            InvocationType="Event",
            Payload=tick.model_dump_json().encode(),
        )
