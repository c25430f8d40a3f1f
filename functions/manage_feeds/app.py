"""Do what a person asks of the feed registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tallycast.aws.errors import RequestRefusedError, ServiceUnavailableError
from tallycast.aws.observability import logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.feeds.commands import COMMAND, BadCommandError
from tallycast.feeds.use_cases.manage import commands
from tallycast.kernel.errors import RetryableError, TallycastError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Carry out one command; what a person did wrong is an answer, not a failure."""
    with task():
        try:
            return _run(event)
        except (ServiceUnavailableError, RequestRefusedError):
            raise  # our own platform fails: that is no answer to a person
        except TallycastError as error:
            logger.info("refused", extra={"error": f"{error.code}: {error.message}"})
            retryable = isinstance(error, RetryableError)
            return {"error": {"code": error.code, "message": error.message, "retryable": retryable}}


def _run(event: dict[str, Any]) -> dict[str, Any]:
    try:
        command = COMMAND.validate_python(event)
    except ValidationError as error:
        raise BadCommandError.of(error) from error
    logger.append_keys(tenant=command.tenant, command=command.command)
    return commands().run(command)
