"""So many fetches at one host over all workers, and never more."""

import time

import pytest

from tallycast.feeds.hosts import HostSlots, HostSlotsTakenError


@pytest.fixture
def clock():
    return [1_000_000.0]


def slots(platform, clock, count=2):
    return HostSlots(platform.table, lambda: clock[0], count=count, seconds=30)


def test_a_host_with_all_slots_taken_lets_nobody_in_until_one_is_given_back(platform, clock):
    room = slots(platform, clock)
    with room.slot("a.example"), room.slot("a.example"):
        with pytest.raises(HostSlotsTakenError), room.slot("a.example"):
            pass
        with room.slot("b.example"):
            pass
    with room.slot("a.example"), room.slot("A.example"):
        pass


def test_a_slot_whose_worker_died_frees_itself(platform, clock):
    dead = [slots(platform, clock).slot("a.example") for _ in range(2)]
    for each in dead:
        each.__enter__()
    room = slots(platform, clock)
    clock[0] += 31
    with room.slot("a.example"):
        pass


def test_a_late_worker_does_not_give_back_the_slot_of_another(platform, clock):
    room = slots(platform, clock, count=1)
    late = room.slot("a.example")
    late.__enter__()
    clock[0] += 31
    with room.slot("a.example"):
        late.__exit__(None, None, None)
        with pytest.raises(HostSlotsTakenError), room.slot("a.example"):
            pass


def test_a_fetch_that_fails_gives_its_slot_back(platform, clock):
    room = slots(platform, clock, count=1)
    with pytest.raises(ValueError), room.slot("a.example"):
        raise ValueError
    with room.slot("a.example"):
        pass


def test_of_many_that_come_as_many_get_in_as_there_are_slots(platform, clock):
    held = []
    for _ in range(12):
        context = slots(platform, clock, count=3).slot("a.example")
        try:
            context.__enter__()
        except HostSlotsTakenError:
            continue
        held.append(context)
    assert len(held) == 3


def test_who_waits_for_an_answer_waits_for_a_slot_and_not_for_ever(platform):
    impatient = HostSlots(platform.table, time.time, count=1, seconds=1)
    patient = HostSlots(platform.table, time.time, count=1, seconds=30, patience=10.0)
    impatient.slot("a.example").__enter__()  # its worker dies: the slot is free a second later
    with patient.slot("a.example"):
        short = HostSlots(platform.table, time.time, count=1, seconds=30, patience=0.6)
        with pytest.raises(HostSlotsTakenError), short.slot("a.example"):
            pass
