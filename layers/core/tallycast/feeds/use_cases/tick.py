"""Wiring of `schedule_polls`."""

from __future__ import annotations

from functools import cache

from tallycast.aws import clients
from tallycast.feeds.queue import PollQueue
from tallycast.feeds.settings import TickSettings
from tallycast.feeds.tick import Scheduler
from tallycast.kernel.times import utc_now


@cache
def scheduler() -> Scheduler:
    """Hand out due feeds."""
    settings = TickSettings.from_environment()
    queue = PollQueue(clients.sqs(), settings.poll_queue_url)
    return Scheduler(clients.table(settings.core_table), queue, utc_now)
