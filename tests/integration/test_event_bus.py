"""Putting events: each once, also when batches come twice or the bus takes only some."""

import json

import pytest
from botocore.exceptions import ClientError

from tallycast.aws.bus import EventBus, OutgoingEvent
from tallycast.aws.errors import ServiceUnavailableError


class Bus:
    """EventBridge as far as we use it: takes entries, or refuses some of them."""

    def __init__(self, refuse=()):
        self.taken, self.calls, self.refuse = [], 0, set(refuse)

    def put_events(self, Entries):  # noqa: N803
        self.calls += 1
        assert len(Entries) <= 10
        results = []
        for entry in Entries:
            number = json.loads(entry["Detail"])["n"]
            if number in self.refuse:
                results.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"})
            else:
                self.taken.append(number)
                results.append({"EventId": str(number)})
        return {"Entries": results}


def events(numbers):
    return [
        OutgoingEvent(f"evt_{n}", "tallycast.test", "Happened", f'{{"n": {n}}}') for n in numbers
    ]


@pytest.fixture
def memory(platform):
    return platform.stacks.memory


def test_every_event_is_put_once_in_order(memory):
    bus = Bus()
    assert EventBus(bus, "bus", memory).put(events(range(137))) == 137
    assert bus.taken == list(range(137))


def test_a_batch_that_comes_twice_is_put_once(memory):
    bus = Bus()
    room = EventBus(bus, "bus", memory)
    room.put(events(range(30)))
    assert room.put(events(range(20, 50))) == 20
    assert sorted(bus.taken) == list(range(50))


def test_an_event_twice_in_one_batch_is_put_once(memory):
    bus = Bus()
    assert EventBus(bus, "bus", memory).put(events([1, 2, 1, 1])) == 2
    assert bus.taken == [1, 2]


def test_what_the_bus_refuses_is_put_the_next_time_and_nothing_else(memory):
    bus = Bus(refuse={3, 17})
    room = EventBus(bus, "bus", memory)
    with pytest.raises(ServiceUnavailableError, match="refused 1 events: ThrottlingException"):
        room.put(events(range(20)))
    with pytest.raises(ServiceUnavailableError):
        room.put(events(range(20)))
    bus.refuse.clear()
    room.put(events(range(20)))
    assert sorted(bus.taken) == list(range(20))


def test_nothing_to_say_makes_no_call(memory):
    bus = Bus()
    assert EventBus(bus, "bus", memory).put([]) == 0
    assert bus.calls == 0


class Forgetful:
    """A memory that can be read, and refuses to be written while it is told to."""

    def __init__(self, table):
        self._table, self.refuses = table, True
        self.name, self.meta = table.name, table.meta

    def batch_writer(self):
        if self.refuses:
            answer = {"ResponseMetadata": {"HTTPStatusCode": 500}, "Error": {"Code": "Internal"}}
            raise ClientError(answer, "BatchWriteItem")
        return self._table.batch_writer()


def test_what_the_bus_took_while_the_memory_refused_is_not_put_again(memory):
    bus, forgetful = Bus(), Forgetful(memory)
    room = EventBus(bus, "bus", forgetful)
    for _ in range(3):
        with pytest.raises(ServiceUnavailableError):
            room.put(events(range(25)))
    forgetful.refuses = False
    assert room.put(events(range(25))) == 15
    assert bus.taken == list(range(25))
    assert EventBus(bus, "bus", memory).put(events(range(25))) == 0
