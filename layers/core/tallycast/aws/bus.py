"""The event bus: put events, each once, and say which could not be put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.aws.batch import read_items
from tallycast.aws.errors import ServiceUnavailableError, translated
from tallycast.kernel.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

_PER_CALL = 10  # EventBridge takes no more entries in one call
_REMEMBERED_SECONDS = 7 * 86400  # longer than any stream or queue can deliver again


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event ready for the bus; `detail` is JSON, `event_id` follows from what happened."""

    event_id: str
    source: str
    detail_type: str
    detail: str


class EventBus:
    """Puts events on one bus and remembers which were put, so that redelivery tells nothing twice.

    An event is remembered after the bus has taken it. While the memory refuses, this object
    itself remembers, as the process outlives a batch that failed. Should the process die between
    the two, the event is put again with the same `event_id`: consumers see at-least-once at its
    thinnest.
    """

    def __init__(self, client: EventBridgeClient, name: str, memory: Table) -> None:
        self._client = client
        self._name = name
        self._memory = memory
        self._unremembered: set[str] = set()  # ids of events that the bus has taken

    def put(self, events: Sequence[OutgoingEvent]) -> int:
        """Put those events that were not put before, in order; returns how many that were.

        Raises:
            ServiceUnavailableError: the bus took only some, or the memory refuses; what was taken
                is not put again.
        """
        self._remember(())
        fresh = list({e.event_id: e for e in events}.values())
        known = self._known([event.event_id for event in fresh])
        fresh = [event for event in fresh if event.event_id not in known]
        for start in range(0, len(fresh), _PER_CALL):
            self._put(fresh[start : start + _PER_CALL])
        return len(fresh)

    def _put(self, events: Sequence[OutgoingEvent]) -> None:
        entries: list[PutEventsRequestEntryTypeDef] = [
            {
                "EventBusName": self._name,
                "Source": event.source,
                "DetailType": event.detail_type,
                "Detail": event.detail,
            }
            for event in events
        ]
        with translated("put events"):
            answer = self._client.put_events(Entries=entries)
        results = answer["Entries"]
        taken = [
            event for event, result in zip(events, results, strict=True) if "EventId" in result
        ]
        self._remember(taken)
        if len(taken) < len(events):
            codes = sorted({r.get("ErrorCode", "Unknown") for r in results if "EventId" not in r})
            raise ServiceUnavailableError(
                f"the event bus refused {len(events) - len(taken)} events: {', '.join(codes)}"
            )

    def _known(self, ids: Sequence[str]) -> set[str]:
        found = read_items(self._memory, [{"id": _memory_id(i)} for i in ids], consistent=True)
        return {str(item["id"]).removeprefix("event#") for item in found}

    def _remember(self, taken: Sequence[OutgoingEvent]) -> None:
        """Remember what the bus has taken now, and what could not be remembered before."""
        self._unremembered.update(event.event_id for event in taken)
        if not self._unremembered:
            return
        expires = int(utc_now().timestamp()) + _REMEMBERED_SECONDS
        with translated("remember events"), self._memory.batch_writer() as batch:
            for event_id in self._unremembered:
                batch.put_item(Item={"id": _memory_id(event_id), "expiration": expires})
        self._unremembered.clear()


def _memory_id(event_id: str) -> str:
    return f"event#{event_id}"
