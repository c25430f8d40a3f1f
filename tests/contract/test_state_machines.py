"""State machines know our errors by the names of their classes, and end in time whatever happens."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tallycast
from infra.local.template import read
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.feeds.fetching import FetchError
from tallycast.feeds.hosts import HostSlotsTakenError
from tallycast.feeds.registry import FeedBeingChangedError
from tallycast.kernel.errors import PermanentError, RetryableError, TallycastError
from tallycast.measurement.counting.days import DayBeingCountedError
from tallycast.measurement.counting.steps import Step
from tallycast.measurement.lake.store import LakeObjectMissingError
from tests.support.template import ROOT, deployment

MACHINES = sorted((ROOT / "statemachines").glob("*.asl.yaml"))
LAMBDA_TROUBLES = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
# What each task can meet that may pass when the same is done again.
MAY_PASS = {
    # The host's troubles, its other guests, AWS's troubles, and a collision.
    "RegisterFeed": (
        FetchError,
        HostSlotsTakenError,
        ServiceUnavailableError,
        FeedBeingChangedError,
    ),
    "Open": (ServiceUnavailableError, DayBeingCountedError),
    # An object that is gone stays gone for this run, and a day that another run has taken over
    # stays with it (LakeObjectMissingError, LeaseExpiredError, NewerCountError): the day is given
    # back, and the next run opens it anew.
    "Count": (ServiceUnavailableError,),
    "Settle": (ServiceUnavailableError,),
    "GiveBack": (ServiceUnavailableError,),
    # It lists what there is each time.
    "CountListeners": (ServiceUnavailableError, LakeObjectMissingError),
}


def our_errors() -> dict[str, type[TallycastError]]:
    """Every error of the package by name."""
    for module in pkgutil.walk_packages(tallycast.__path__, "tallycast."):
        importlib.import_module(module.name)
    found: dict[str, type[TallycastError]] = {}
    waiting = [TallycastError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if not error.__module__.startswith("tallycast"):
            continue  # an invented one of another test in this process
        same = found.setdefault(error.__name__, error)
        assert same is error, f"two errors are named {error.__name__}: nobody could tell them apart"
    return found


def states(node, around=()):
    """Every state of a machine with its name and those around it, outermost first."""
    for name, state in node.get("States", {}).items():
        yield name, state, around
        inner = [state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", [])]
        for each in filter(None, inner):
            yield from states(each, (*around, state))


def tasks():
    return [
        pytest.param(name, state, around, id=f"{path.name}:{name}")
        for path in MACHINES
        for name, state, around in states(read(path))
        if state["Type"] == "Task"
    ]


def names(state, field):
    return [name for rule in state.get(field, []) for name in rule["ErrorEquals"]]


def test_every_error_says_whether_to_try_again_and_ends_in_its_word():
    roots = {TallycastError, RetryableError, PermanentError, FetchError}
    for name, error in our_errors().items():
        assert name.endswith("Error")
        if error not in roots:
            assert issubclass(error, RetryableError) != issubclass(error, PermanentError), name


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_a_machine_ends_in_time_and_knows_only_errors_that_exist(path: Path):
    machine = read(path)
    assert 0 < machine["TimeoutSeconds"] <= 86400
    ours = set(our_errors())
    for name, state, _ in states(machine):
        for field in ("Retry", "Catch"):
            foreign = {each for each in names(state, field) if "." not in each}
            assert foreign <= ours, f"{name} {field}: {foreign - ours}"


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_a_machine_is_told_every_name_it_asks_for_and_none_beside(path: Path):
    [told] = [
        machine.properties["DefinitionSubstitutions"]
        for machine in deployment().of_type("AWS::StepFunctions::StateMachine")
        if machine.name == "".join(part.title() for part in path.name.partition(".")[0].split("_"))
    ]
    assert set(told) == set(re.findall(r"\$\{(\w+)\}", path.read_text()))


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_a_choice_has_a_way_for_what_nobody_foresaw(path: Path):
    for name, state, _ in states(read(path)):
        assert state["Type"] != "Choice" or state["Default"], name


def test_the_counting_workflow_takes_the_steps_that_the_function_knows():
    """The step of a shard comes in what Open answers; the others stand in the file."""
    machine = read(ROOT / "statemachines/count_days.asl.yaml")
    taken = {
        state["Parameters"]["step"]
        for _, state, _ in states(machine)
        if "step" in str(state.get("Parameters"))
    }
    known = {each.model_fields["step"].annotation.__args__[0] for each in Step.__args__[0].__args__}
    assert taken | {"count"} == known


def way_out(state, around) -> bool:
    """Whether a task that fails for good is caught: by itself, or by the map around it.

    The last resort is a map that goes on with its other items whatever becomes of one.
    """
    for each in (state, *reversed(around)):
        if each.get("Catch"):
            return each["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
        if each.get("ToleratedFailurePercentage") == 100:
            return True
    return False


def test_a_task_without_a_way_out_is_noticed():
    caught = {"Catch": [{"ErrorEquals": ["States.ALL"]}]}
    some = {"Catch": [{"ErrorEquals": ["KeyError"]}]}
    assert way_out(caught, ())
    assert way_out({}, ({}, caught))
    assert way_out({}, ({"ToleratedFailurePercentage": 100}, {}))
    assert not way_out({}, ({"ToleratedFailurePercentage": 99}, {}))
    assert not way_out(some, (caught,))


@pytest.mark.parametrize(("name", "task", "around"), tasks())
def test_a_task_has_a_time_out_a_way_round_lambdas_troubles_and_a_way_out(name, task, around):
    functions = deployment().functions.values()
    assert task["TimeoutSeconds"] >= max(
        int(function.properties["Timeout"])
        for function in functions
        if f"${{{function.name}Arn}}" == task["Resource"]
    )
    [first] = [rule for rule in task["Retry"] if set(rule["ErrorEquals"]) >= LAMBDA_TROUBLES]
    assert 1 <= first["IntervalSeconds"] <= 2
    assert (first["MaxAttempts"], first["BackoffRate"], first["MaxDelaySeconds"]) == (5, 2, 30)
    assert all(rule["JitterStrategy"] == "FULL" for rule in task["Retry"])
    assert way_out(task, around)


def test_every_task_says_what_may_pass():
    assert sorted(MAY_PASS) == sorted(task.values[0] for task in tasks())


@pytest.mark.parametrize(("name", "task", "around"), tasks())
def test_only_what_may_pass_is_tried_again_and_all_of_it_is(name, task, around):
    ours = our_errors()
    retried = {each for each in names(task, "Retry") if each in ours}
    assert all(issubclass(ours[each], RetryableError) for each in retried)
    caught = {each for each in names(task, "Catch") if each in ours}
    assert not any(issubclass(ours[each], RetryableError) for each in caught)
    can_pass = {
        each
        for each, error in ours.items()
        if issubclass(error, MAY_PASS[name]) and issubclass(error, RetryableError)
    }
    assert retried == can_pass
