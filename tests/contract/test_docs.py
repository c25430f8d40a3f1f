"""Whoever looks a name up in the documentation finds it."""

import re

import click
import pytest

from infra.lint.schemas import EVENTS
from tallycast.cli.main import cli
from tests.contract.test_exercised import named_in_the_code
from tests.support.functions import FUNCTIONS
from tests.support.template import ROOT, deployment


def pages() -> dict[str, str]:
    """The README and every page under docs, by path."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


def unnamed(names) -> set[str]:
    """Which of the names no page names, as a whole word."""
    text = "\n".join(pages().values())
    return {name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)}


def commands(group=cli, path=("tallycast",)):
    """Every command of the command line, as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


def test_every_function_is_described():
    assert unnamed(FUNCTIONS) == set()


def test_every_event_is_described():
    assert unnamed(event.__name__ for event in EVENTS) == set()


def test_every_metric_is_described():
    assert unnamed(named_in_the_code()) == set()


def test_every_command_is_described():
    assert len(list(commands())) > 5
    assert unnamed(commands()) == set()


def test_every_alarm_is_on_a_page_of_the_runbook():
    """By its own name, so that whoever is woken by it finds the page."""
    runbook = "\n".join(text for path, text in pages().items() if path.startswith("docs/runbooks"))
    alarms = deployment().of_type("AWS::CloudWatch::Alarm")
    # The three alarms that every function has, in a stack beside it, share a page each.
    shared = {alarm.name for alarm in alarms if alarm.id.partition("/")[0].endswith("Alarms")}
    assert shared == {"Errors", "Throttled", "Slow"}
    own = {alarm.name for alarm in alarms} - shared
    assert len(own) > 10
    assert {name for name in own if not re.search(rf"\b{name}\b", runbook)} == set()


@pytest.mark.parametrize("page", sorted(pages()))
def test_a_page_links_only_to_what_is_there(page):
    here = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", pages()[page])
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (here / link).exists()] == []
