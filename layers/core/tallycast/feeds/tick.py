"""The 15-minute tick: hand out every feed that is due, without ever looking at the others.

The due-index holds one small entry per active feed, in 16 partitions sorted by time. A tick reads
what became due since the last tick; once an hour it reads everything overdue, so that a poll that
was lost on the way is made up for. A message sent twice does no harm (see `PollMessage`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from tallycast.aws.errors import ConditionFailedError, translated
from tallycast.feeds.feed import PollMessage
from tallycast.feeds.queue import LONGEST_DELAY, Delayed
from tallycast.feeds.rhythm import TICK
from tallycast.feeds.store import DUE
from tallycast.kernel import keys
from tallycast.kernel.schema import Produced
from tallycast.kernel.times import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.feeds.queue import PollQueue

# Ticks meet without a gap and without an overlap. The index may be a moment behind the table, but
# a poll never makes its feed due within half a tick, and what a person asks for is sent at once.
_STEP = timedelta(milliseconds=1)
PER_HOST_PER_SECOND = 5
_LEAVE_SECONDS = 20.0


class TickCursor(Produced):
    """Where one invocation of the scheduler handed over to the next."""

    until: datetime
    since: datetime | None
    shard: int = 0
    start_key: dict[str, str] | None = None
    sent: int = 0
    pages: int = 0
    invocations: int = 1


@dataclass(frozen=True, slots=True)
class TickResult:
    """What a tick did. `rest` is set when time ran short: invoke again with it."""

    sent: int
    pages: int
    calls: int
    invocations: int
    rest: TickCursor | None = None


@dataclass(slots=True)
class _Pacing:
    """Spread the polls of one host over the tick instead of sending them all at once."""

    seen: Counter[str] = field(default_factory=Counter)

    def delay(self, host: str) -> int:
        number = self.seen[host]
        self.seen[host] += 1
        return min(number // PER_HOST_PER_SECOND, LONGEST_DELAY - 60)


class Scheduler:
    """The tick use case: the due-index, the queue, and the time left to work in.

    Args:
        table: the `core` table.
        queue: where poll messages go.
        clock: the time now.
    """

    def __init__(self, table: Table, queue: PollQueue, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._queue = queue
        self._clock = clock

    def begin(self, until: datetime) -> TickCursor | None:
        """Where the tick of a scheduled time starts; once an hour it starts at the oldest.

        None when that tick is through: EventBridge may deliver one twice.
        """
        marker = self._marker()
        if marker is None:
            return TickCursor(until=until, since=None)
        if until <= marker:
            return None
        sweep = until.replace(minute=0, second=0, microsecond=0) > until - TICK
        return TickCursor(until=until, since=None if sweep else marker + _STEP)

    def run(self, cursor: TickCursor, *, time_left: Callable[[], float]) -> TickResult:
        """Send one message per due feed.

        Args:
            cursor: from `begin`, or the `rest` of an earlier run.
            time_left: seconds until this invocation is killed.

        Raises:
            ServiceUnavailableError: the tick was not finished; the next one makes up for it.
        """
        pacing = _Pacing()
        sent, pages, calls = cursor.sent, cursor.pages, 0
        for shard, page, next_key in self._pages(cursor):
            due = [_due(item, pacing) for item in page]
            if due:
                calls += self._queue.send(due)
            sent += len(due)
            pages += 1
            more = next_key is not None or shard + 1 < keys.DUE_SHARDS
            if more and time_left() < _LEAVE_SECONDS:
                rest = cursor.model_copy(
                    update={
                        "shard": shard if next_key else shard + 1,
                        "start_key": next_key,
                        "sent": sent,
                        "pages": pages,
                        "invocations": cursor.invocations + 1,
                    }
                )
                return TickResult(sent, pages, calls, cursor.invocations, rest)
        self._set_marker(min(cursor.until, self._clock()))
        return TickResult(sent, pages, calls, cursor.invocations)

    def queue_depth(self) -> int:
        """How many polls wait in the queue, roughly."""
        return self._queue.depth()

    def _pages(
        self, cursor: TickCursor
    ) -> Iterator[tuple[int, list[dict[str, Any]], dict[str, str] | None]]:
        start_key = cursor.start_key
        for shard in range(cursor.shard, keys.DUE_SHARDS):
            while True:
                page = self._page(shard, cursor, start_key)
                found: Any = page.get("LastEvaluatedKey")
                start_key = found
                yield shard, page["Items"], start_key
                if start_key is None:
                    break

    def _page(self, shard: int, cursor: TickCursor, start_key: dict[str, str] | None) -> Any:  # noqa: ANN401
        when = (
            Key("due_at").lte(to_text(cursor.until))
            if cursor.since is None
            else Key("due_at").between(to_text(cursor.since), to_text(cursor.until))
        )
        arguments: dict[str, Any] = {"ExclusiveStartKey": start_key} if start_key else {}
        with translated("read the due-index"):
            return self._table.query(
                IndexName=DUE,
                KeyConditionExpression=Key("due_shard").eq(keys.due_shard_name(shard)) & when,
                **arguments,
            )

    def _marker(self) -> datetime | None:
        with translated("read the last tick"):
            item = self._table.get_item(Key=keys.tick(), ConsistentRead=True).get("Item")
        return from_text(str(item["until"])) if item else None

    def _set_marker(self, until: datetime) -> None:
        try:
            with translated("remember the tick"):
                self._table.put_item(
                    Item={**keys.tick(), "kind": "tick", "until": to_text(until)},
                    ConditionExpression=Attr("until").not_exists()
                    | Attr("until").lt(to_text(until)),
                )
        except ConditionFailedError:
            return  # a later tick is through already


def _due(item: dict[str, Any], pacing: _Pacing) -> Delayed:
    message = PollMessage(
        tenant=item["tenant"], feed_id=item["feed_id"], scheduled_for=from_text(item["due_at"])
    )
    return Delayed(message, pacing.delay(item.get("host", "")))
