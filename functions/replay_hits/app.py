"""Recover hits of a stretch of time from the redirect's log."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.parser import event_parser

from tallycast.aws import clients
from tallycast.aws.errors import translated
from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.measurement.tracking.replay import Replay
from tallycast.measurement.tracking.use_cases.replay import replayer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=Replay)
def lambda_handler(event: Replay, context: LambdaContext) -> dict[str, Any]:
    """Recover what there is time for; go on in a further invocation when time runs short.

    Raises:
        LogGoneError: the log cannot be read.
    """
    with task():
        result = replayer().run(event, lambda: context.get_remaining_time_in_millis() / 1000)
        done = result.done is not None and result.done >= result.until
        if not done:
            _go_on(result, context)
    metrics.add_metric("hits_replayed", MetricUnit.Count, result.hits - event.hits)
    summary = {**result.model_dump(mode="json"), "through": done}
    logger.info("replayed", extra=summary)
    return summary


def _go_on(replay: Replay, context: LambdaContext) -> None:
    with translated("go on with the replay"):
        clients.lambdas().invoke(
            FunctionName=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", context.function_name),
            InvocationType="Event",
            Payload=replay.model_dump_json().encode(),
        )
