"""Only the process that was started is ever ended, and then with all its children."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from infra.local import process

FAMILY = """
import signal, subprocess, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def family():
    """Starts a process with a child, in a group of their own."""
    started = []

    def start(*arguments):
        leader = subprocess.Popen(
            [sys.executable, "-c", FAMILY, process.MODULE, *arguments],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(leader)
        leader.stdout.readline()
        return leader

    yield start
    for leader in started:
        process.end_group(leader.pid)
        leader.wait()
        leader.stdout.close()


def test_a_process_is_described_by_the_system():
    me = process.find(os.getpid())
    assert me is not None
    assert me.group == os.getpgid(0)
    assert "python" in me.command
    assert me == process.find(os.getpid())


def test_there_is_no_process_after_its_end_not_even_a_zombie():
    child = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 10
    while process.find(child.pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.find(child.pid) is None  # though nobody has waited for it
    child.wait()


def test_a_pid_is_ours_only_with_its_birth_and_its_command(family):
    leader = family()
    born = process.find(leader.pid).born
    assert process.is_ours(leader.pid, born)
    assert not process.is_ours(leader.pid, "another time")
    assert not process.is_ours(leader.pid, None)
    assert not process.is_ours(None, None)
    me = process.find(os.getpid())
    assert not process.is_ours(me.pid, me.born)  # not started through our module


def test_members_are_the_leader_and_its_children(family):
    leader = family()
    assert len(process.members(leader.pid)) == 2


def test_stopping_ends_the_whole_group(family):
    leader = family()
    assert process.stop(leader.pid)
    assert process.members(leader.pid) == []


def test_one_that_will_not_end_is_killed_and_that_is_told(family):
    leader = family("stubborn")
    assert not process.stop(leader.pid, patience=0.2)
    assert process.members(leader.pid) == []


def test_stopping_what_has_ended_is_no_error(family):
    leader = family()
    process.end_group(leader.pid)
    leader.wait()
    assert process.stop(leader.pid)
