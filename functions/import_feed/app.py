"""Register one feed of an import; the state machine decides by the error's name what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.parser import event_parser

from tallycast.aws.observability import logger, metrics, tracer
from tallycast.aws.tasks import task
from tallycast.feeds.commands import AddFeed, shown
from tallycast.feeds.use_cases.register import registry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=AddFeed)
def lambda_handler(event: AddFeed, context: LambdaContext) -> dict[str, Any]:
    """Add the feed, after a real fetch.

    Raises:
        FeedAlreadyRegisteredError: the tenant has it.
        FetchError: it cannot be fetched; the subclass says why.
        NotAFeedError: it is something else.
    """
    logger.append_keys(tenant=event.tenant)
    with task():
        feed = registry().add(event.tenant, event.url, pinned=event.pinned)
    return {"feed": shown(feed)}
