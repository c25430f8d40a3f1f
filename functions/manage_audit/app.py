"""Give the command line what it verifies the audit log by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.aws.commands import answered
from tallycast.aws.observability import logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.identity.audit.use_cases.manage import commands

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Carry out one command; what a person did wrong is an answer, not a failure."""
    with task():
        return answered(lambda: commands().run(event))
