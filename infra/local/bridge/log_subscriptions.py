"""A log group's subscription to a Firehose stream delivers.

AWS: matching events go to the stream a moment later, gzipped in one envelope per log stream; the
stream joins what comes within its buffering time into one object.

MiniStack: keeps the subscription and delivers to Lambda functions alone; and a stream writes one
object for every record. So what comes within two seconds is joined here into one record, the
envelopes one behind the other, as they would stand in an object on AWS.
"""

# ruff: noqa: SLF001 - mending MiniStack means reaching into it

from __future__ import annotations

import base64
import gzip
import inspect
import json
import re
import threading
import uuid
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ministack.core.iam_evaluator import pin_request_origin
from ministack.core.responses import _request_account_id, _request_region
from ministack.services import cloudwatch_logs, firehose

from infra.local.errors import EmulatorChangedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SECONDS: Final = 2.0
MOST_BYTES: Final = 500_000  # of messages in one record; Firehose takes 1000 KiB of gzip
_MOST_TRIES: Final = 3
_PLACE: Final = "delivery of log subscriptions"
_LAMBDA_ONLY: Final = 'if ":function:" not in dest:'
_EQUALS: Final = re.compile(r'\{\s*\$\.([A-Za-z0-9_.]+)\s*=\s*"?([^"{}()|&]*?)"?\s*\}')
_STREAM: Final = re.compile(
    r"arn:aws[a-z-]*:firehose:(?P<region>[a-z0-9-]+):(?P<account>\d+):deliverystream/(?P<name>.+)"
)

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a subscription delivers to, and as which."""

    account: str
    region: str
    stream: str
    group: str
    filter_name: str


def matches(pattern: str, message: str) -> bool:
    """Whether an event is one of a subscription's.

    `{ $.name = "value" }` is read as AWS reads it, `*` at its ends included; every other pattern
    as MiniStack does.
    """
    found = _EQUALS.fullmatch(pattern.strip())
    if found is None:
        return bool(cloudwatch_logs._subscription_pattern_matches(pattern, message))
    try:
        value = json.loads(message)
        for name in found[1].split("."):
            value = value[name]
    except (ValueError, KeyError, TypeError, IndexError):
        return False
    wanted = ".*".join(map(re.escape, found[2].split("*")))
    return isinstance(value, (str, int, float)) and re.fullmatch(wanted, str(value)) is not None


def envelope(target: Target, log_stream: str, events: Iterable[Event]) -> bytes:
    """What AWS sends for events of one log stream."""
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": target.account,
        "logGroup": target.group,
        "logStream": log_stream,
        "subscriptionFilters": [target.filter_name],
        "logEvents": [
            {"id": uuid.uuid4().hex, "timestamp": event["timestamp"], "message": event["message"]}
            for event in events
        ],
    }
    return gzip.compress(json.dumps(document).encode(), compresslevel=6)


@dataclass(slots=True)
class _Waiting:
    """What waits to be delivered to one target, by log stream."""

    streams: dict[str, list[Event]] = field(default_factory=dict)
    size: int = 0


class Buffer:
    """Joins what comes within a moment.

    Args:
        deliver: takes a record; False: it could not, and is asked again.
        seconds: how long the first event waits for others.
    """

    def __init__(self, deliver: Callable[[Target, bytes], bool], seconds: float = SECONDS) -> None:
        self._deliver = deliver
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: dict[Target, _Waiting] = {}
        self._timer: threading.Timer | None = None

    def put(self, target: Target, log_stream: str, events: list[Event]) -> None:
        """Take events; they are delivered within the buffer's seconds, or at once when many."""
        with self._lock:
            waiting = self._waiting.setdefault(target, _Waiting())
            waiting.streams.setdefault(log_stream, []).extend(events)
            waiting.size += sum(len(event["message"]) for event in events)
            full = waiting.size >= MOST_BYTES
            if not full and self._timer is None:
                self._timer = threading.Timer(self._seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()
        if full:
            self.flush()

    def flush(self) -> None:
        """Deliver everything that waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for target, held in waiting.items():
            record = b"".join(
                envelope(target, stream, events) for stream, events in held.streams.items()
            )
            if not any(self._deliver(target, record) for _ in range(_MOST_TRIES)):
                cloudwatch_logs.logger.warning(
                    "subscription %s: the stream %s takes nothing",
                    target.filter_name,
                    target.stream,
                )


def targets(group_name: str) -> list[tuple[Target, str]]:
    """The Firehose streams that a log group's subscriptions deliver to, with their patterns."""
    group = cloudwatch_logs._log_groups.get(group_name) or {}
    found = []
    for each in (group.get("subscriptionFilters") or {}).values():
        arn = _STREAM.fullmatch(each.get("destinationArn", ""))
        if arn is not None:
            target = Target(
                arn["account"], arn["region"], arn["name"], group_name, each.get("filterName", "")
            )
            found.append((target, each.get("filterPattern", "")))
    return found


def delivered(target: Target, record: bytes) -> bool:
    """Put a record into a stream of MiniStack's; whether it was taken."""
    return copy_context().run(_deliver, target, record)


def _deliver(target: Target, record: bytes) -> bool:
    """As `delivered`, in a context of its own: a timer's thread has none, a request's is not ours.

    Without an origin, what the object's arrival sets off would not count as a call over TLS.
    """
    _request_account_id.set(target.account)
    _request_region.set(target.region)
    pin_request_origin("127.0.0.1", True)  # noqa: FBT003 - MiniStack's signature
    status, _, _ = firehose._put_record(
        {
            "DeliveryStreamName": target.stream,
            "Record": {"Data": base64.b64encode(record).decode()},
        }
    )
    # MiniStack keeps every record of a stream for ever, and saves them with its state.
    stream = firehose._streams.get(target.stream) or {"destinations": []}
    for destination in stream["destinations"]:
        destination["records"].clear()
    return int(status) < 400  # noqa: PLR2004 - as HTTP has it


def check() -> None:
    """Refuse a MiniStack that delivers by itself, or does it elsewhere.

    Raises:
        EmulatorChangedError: the place is not as it was.
    """
    place = getattr(cloudwatch_logs, "_fanout_to_subscription_filters", None)
    if place is None or _LAMBDA_ONLY not in inspect.getsource(place):
        raise EmulatorChangedError(_PLACE)
    if list(inspect.signature(place).parameters) != ["group_name", "stream_name", "events"]:
        raise EmulatorChangedError(_PLACE)


def apply() -> None:
    """Deliver to streams what MiniStack's fan-out leaves out."""
    check()
    fan_out = cloudwatch_logs._fanout_to_subscription_filters
    save = cloudwatch_logs.get_state
    buffer = Buffer(delivered)

    def _fan_out(group_name: str, stream_name: str, events: list[Event]) -> None:
        fan_out(group_name, stream_name, events)
        for target, pattern in targets(group_name):
            matching = [event for event in events if matches(pattern, event.get("message", ""))]
            if matching:
                buffer.put(target, stream_name, matching)

    def _save() -> dict[str, Any]:
        buffer.flush()  # what was told to the log is not lost at a stop
        state: dict[str, Any] = save()
        return state

    cloudwatch_logs._fanout_to_subscription_filters = _fan_out
    cloudwatch_logs.get_state = _save
