"""Every unit of work reports how long it took and whether it succeeded, under the same names."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tallycast.aws.observability import MetricUnit, metrics

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def task() -> Iterator[None]:
    """Measure one unit of work: `task_duration` (ms), `task_success_rate`, `error_rate` (percent).

    A rate is the average of 100s and 0s, so that it can be read over any period.
    """
    started = time.perf_counter()
    success = 0.0
    try:
        yield
        success = 100.0
    finally:
        elapsed = (time.perf_counter() - started) * 1000
        metrics.add_metric("task_duration", MetricUnit.Milliseconds, elapsed)
        metrics.add_metric("task_success_rate", MetricUnit.Percent, success)
        metrics.add_metric("error_rate", MetricUnit.Percent, 100.0 - success)
