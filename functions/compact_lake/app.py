"""Compact the lake's older days and delete what tenants no longer keep, every night."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.parser import event_parser

from tallycast.aws import clients
from tallycast.aws.errors import translated
from tallycast.aws.observability import (
    NAMESPACE,
    MetricUnit,
    logger,
    metrics,
    single_metric,
    tracer,
)
from tallycast.aws.tasks import task
from tallycast.kernel.schema import Received
from tallycast.measurement.lake.upkeep import Place, Round
from tallycast.measurement.lake.use_cases import upkeep

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class OneDay(Received):
    """A day that somebody wants compacted now."""

    tenant: str
    day: date


class Night(Received):
    """The schedule's message, one day asked for, or where a round goes on."""

    scheduled_time: datetime | None = None
    only: OneDay | None = None
    begin: Place | None = None


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler(capture_response=False)
@event_parser(model=Night)
def lambda_handler(event: Night, context: LambdaContext) -> dict[str, Any]:
    """Go round the lake; go on in a further invocation when time runs short."""
    with task():
        if event.only is not None:
            done = upkeep().one(event.only.tenant, event.only.day)
        else:
            done = upkeep().run(lambda: context.get_remaining_time_in_millis() / 1000, event.begin)
        if done.rest is not None:
            _go_on(event.model_copy(update={"begin": done.rest}), context)
    _report(done)
    if done.rest is None and event.only is None:
        _weigh()
    return _summary(done)


def _report(done: Round) -> None:
    metrics.add_metric("days_compacted", MetricUnit.Count, done.compacted)
    metrics.add_metric("objects_compacted", MetricUnit.Count, done.objects_before)
    metrics.add_metric("bytes_compacted", MetricUnit.Bytes, done.written_bytes)
    metrics.add_metric("orphans_deleted", MetricUnit.Count, done.orphans)
    metrics.add_metric("days_expired", MetricUnit.Count, done.expired)
    metrics.add_metric("compaction_errors", MetricUnit.Count, len(done.failed or []))
    for failure in done.failed or []:
        logger.warning("not compacted", extra={"error": failure})
    logger.info("compacted", extra=_summary(done))


def _weigh() -> None:
    """What each table of the lake holds, once a night."""
    for table, stored in upkeep().usage().items():
        with single_metric(
            "storage_usage", MetricUnit.Bytes, stored, namespace=NAMESPACE
        ) as metric:
            metric.add_dimension("table", table)


def _summary(done: Round) -> dict[str, Any]:
    return {
        "days": done.days,
        "compacted": done.compacted,
        "objects_before": done.objects_before,
        "objects_written": done.objects_written,
        "orphans": done.orphans,
        "expired": done.expired,
        "failed": done.failed or [],
        "done": done.rest is None,
    }


def _go_on(night: Night, context: LambdaContext) -> None:
    with translated("go on with the round"):
        clients.lambdas().invoke(
            FunctionName=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", context.function_name),
            InvocationType="Event",
            Payload=night.model_dump_json().encode(),
        )
