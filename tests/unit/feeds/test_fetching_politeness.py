"""No more than so many at one host at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tallycast.feeds.fetching import HostBusyError, HostGate


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_never_more_than_the_limit_are_inside_and_everybody_gets_in(limit):
    gate = HostGate(limit)
    seen = []
    together = threading.Barrier(limit)

    def visit(_: int) -> None:
        with gate.visit("a.example", wait_seconds=30):
            # Waits until the host is as full as it may be: the gate lets so many in at once.
            together.wait(timeout=30)
            seen.append(gate.inside("a.example"))

    with ThreadPoolExecutor(3 * limit) as pool:
        list(pool.map(visit, range(6 * limit)))
    assert len(seen) == 6 * limit
    assert max(seen) <= limit
    assert gate.inside("a.example") == 0


def test_hosts_do_not_wait_for_each_other():
    gate = HostGate(1)
    with gate.visit("a.example"), gate.visit("b.example", wait_seconds=0):
        assert gate.inside("b.example") == 1


def test_a_turn_that_does_not_come_is_a_named_error():
    gate = HostGate(1)
    with (
        gate.visit("a.example"),
        pytest.raises(HostBusyError),
        gate.visit("a.example", wait_seconds=0),
    ):
        pass
    assert gate.inside("a.example") == 0


def test_a_visit_that_fails_leaves_the_host():
    gate = HostGate(1)
    with pytest.raises(KeyError), gate.visit("a.example"):
        raise KeyError
    with gate.visit("a.example", wait_seconds=0):
        assert gate.inside("a.example") == 1
