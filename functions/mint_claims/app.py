"""Put a person's tenant and role into the access token that is about to be issued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.identity.claims import answer
from tallycast.identity.use_cases.mint import directory

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer Cognito; whatever fails here fails the sign-in."""
    with task():
        answered = answer(event, directory())
        metrics.add_metric("tokens_minted", MetricUnit.Count, 1)
        return answered
