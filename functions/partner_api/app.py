"""Answer partner systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.api.app import app_of
from tallycast.api.resources import PARTNER_API
from tallycast.aws.observability import logger, metrics, tracer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

app = app_of("partner_api", PARTNER_API, for_partners=True)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    answer: dict[str, Any] = app(event, context)
    return answer
