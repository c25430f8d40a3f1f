"""Progress is a list of steps with seconds, plain when nobody watches a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from infra.local.progress import Silent, Steps


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def plain():
    out = io.StringIO()
    return out, Console(file=out, force_terminal=False, width=40)


def test_a_step_is_one_plain_line_with_its_seconds_when_there_is_no_terminal():
    clock = Clock()
    out, console = plain()
    steps = Steps(console, clock)
    with steps.step("Deploying [local]"):
        clock.now += 1.26
    assert out.getvalue() == "✓ Deploying [local]  1.3 s\n"
    assert steps.seconds == {"Deploying [local]": 1.26}


def test_a_step_that_fails_is_marked_and_its_error_goes_on():
    out, console = plain()
    steps = Steps(console)
    with pytest.raises(LookupError), steps.step("Deploying"):
        raise LookupError
    assert out.getvalue() == "✗ Deploying\n"
    assert steps.seconds == {}


def test_long_lines_are_left_whole_so_that_addresses_can_be_copied():
    out, console = plain()
    Steps(console).say("x" * 100)
    assert out.getvalue() == "x" * 100 + "\n"


def test_a_terminal_gets_a_spinner_and_the_same_tick():
    out = io.StringIO()
    with Steps(Console(file=out, force_terminal=True, width=40)).step("Deploying"):
        pass
    assert "✓" in out.getvalue()


def test_silent_steps_say_nothing_and_still_count(capsys):
    steps = Silent()
    with steps.step("Deploying"):
        steps.say("hidden")
    assert capsys.readouterr() == ("", "")
    assert "Deploying" in steps.seconds
