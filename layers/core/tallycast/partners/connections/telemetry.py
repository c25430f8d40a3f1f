"""What is measured of connections, whichever function refreshes them."""

from __future__ import annotations

from enum import StrEnum

from tallycast.aws.observability import NAMESPACE, MetricUnit, single_metric


class Outcome(StrEnum):
    """What came of looking after a connection."""

    REFRESHED = "refreshed"
    FAILED = "failed"  # time may mend it
    BROKEN = "broken"  # a person has to connect it again
    BUSY = "busy"  # another worker is at it
    NOTHING = "nothing"  # there was nothing to do
    CLEARED = "cleared"  # nobody went through with connecting it


_ATTEMPTS = {Outcome.REFRESHED: 100.0, Outcome.FAILED: 0.0, Outcome.BROKEN: 0.0}


def report(outcome: Outcome) -> None:
    """Count an attempt to refresh, and how the connection does after it: 100 for well, or 0."""
    health = _ATTEMPTS.get(outcome)
    if health is None:
        return
    with single_metric("token_refresh", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("outcome", outcome.value)
    with single_metric("integration_health", MetricUnit.Percent, health, namespace=NAMESPACE):
        pass
