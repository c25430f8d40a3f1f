"""What the functions log: in CloudWatch Logs, as on AWS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.cloud import LocalCloud

_LOOK_SECONDS = 1.0


def group_of(cloud: LocalCloud, function: str) -> str:
    """The log group of a function, which its template may have named.

    Raises:
        UnknownFunctionError: the stack has no such function.
    """
    name = cloud.function_name(function)
    found = cloud.client("lambda").get_function_configuration(FunctionName=name)
    return str((found.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}")


def lines(
    cloud: LocalCloud, function: str, *, minutes: float = 60.0, follow: bool = False
) -> Iterator[str]:
    """What a function has logged in the last minutes, oldest first; without end when following.

    Raises:
        UnknownFunctionError: the stack has no such function.
    """
    group = group_of(cloud, function)
    client = cloud.client("logs")
    since = int((time.time() - minutes * 60) * 1000)
    seen: set[str] = set()  # a call's log is a stream of its own, written whole when it ends
    while True:
        try:
            pages = client.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=since
            )
            events = [event for page in pages for event in page["events"]]
        except client.exceptions.ResourceNotFoundException:
            events = []  # the function has never run
        fresh = [event for event in events if event["logStreamName"] not in seen]
        for event in sorted(fresh, key=lambda event: event["timestamp"]):
            yield str(event["message"]).rstrip("\n")
        if not follow:
            return
        seen |= {event["logStreamName"] for event in fresh}
        time.sleep(_LOOK_SECONDS)
