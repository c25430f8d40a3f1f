"""Find out who is behind a request, for API Gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tallycast.aws.observability import MetricUnit, logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.identity.authorizing import NoMembershipError
from tallycast.identity.gateway import AuthorizerRequest, allowed, credential_of, denied
from tallycast.identity.tokens.access import TokenRefusedError
from tallycast.identity.use_cases.authorize import principal

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say who asks (200 and further), that nobody does (401), or that they have no tenant (403)."""
    with task():
        answer = _answer(event)
    if answer is None:
        # API Gateway's word for 401; anything else would be 500.
        raise Exception("Unauthorized")  # noqa: TRY002
    return answer


def _answer(event: dict[str, Any]) -> dict[str, Any] | None:
    """The policy for whoever asks; None when nobody is known to."""
    try:
        request = AuthorizerRequest.model_validate(event)
        who = principal(credential_of(request))
    except (TokenRefusedError, ValidationError) as error:
        metrics.add_metric("credentials_refused", MetricUnit.Count, 1)
        logger.info("refused", extra={"reason": str(error)})
        return None
    except NoMembershipError as error:
        metrics.add_metric("credentials_without_tenant", MetricUnit.Count, 1)
        logger.info("denied", extra={"reason": error.message, **error.facts})
        return denied(request.methodArn)
    metrics.add_metric("credentials_accepted", MetricUnit.Count, 1)
    logger.info("allowed", extra={"tenant": who.tenant, "subject": who.subject})
    return allowed(who, request.methodArn)
