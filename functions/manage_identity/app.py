"""Do what the platform's operator asks of tenants and their first owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tallycast.aws.commands import BadCommandError, answered
from tallycast.aws.observability import logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.identity.commands import COMMAND
from tallycast.identity.use_cases.manage import commands

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Carry out one command; what a person did wrong is an answer, not a failure."""
    with task():
        return answered(lambda: _run(event))


def _run(event: dict[str, Any]) -> dict[str, Any]:
    try:
        command = COMMAND.validate_python(event)
    except ValidationError as error:
        raise BadCommandError.of(error) from error
    logger.append_keys(tenant=command.tenant, command=command.command)
    return commands().run(command)
