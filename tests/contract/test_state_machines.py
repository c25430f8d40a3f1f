"""State machines know our errors by the names of their classes, and end in time whatever happens."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import tallycast
from infra.local.template import read
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.feeds.fetching import FetchError
from tallycast.feeds.hosts import HostSlotsTakenError
from tallycast.feeds.registry import FeedBeingChangedError
from tallycast.kernel.errors import PermanentError, RetryableError, TallycastError
from tests.support.template import ROOT, deployment

MACHINES = sorted((ROOT / "statemachines").glob("*.asl.yaml"))
LAMBDA_TROUBLES = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
# What registering a feed can meet that may pass: the host's troubles, its other guests, AWS's
# troubles, and a collision.
MAY_PASS = (FetchError, HostSlotsTakenError, ServiceUnavailableError, FeedBeingChangedError)


def our_errors() -> dict[str, type[TallycastError]]:
    """Every error of the package by name."""
    for module in pkgutil.walk_packages(tallycast.__path__, "tallycast."):
        importlib.import_module(module.name)
    found: dict[str, type[TallycastError]] = {}
    waiting = [TallycastError]
    while waiting:
        error = waiting.pop()
        same = found.setdefault(error.__name__, error)
        assert same is error, f"two errors are named {error.__name__}: nobody could tell them apart"
        waiting += error.__subclasses__()
    return {
        name: error for name, error in found.items() if error.__module__.startswith("tallycast")
    }


def states(node, path=""):
    """Every state of a machine by name, those inside maps and branches too."""
    for name, state in node.get("States", {}).items():
        yield f"{path}{name}", state
        inner = [state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", [])]
        for each in filter(None, inner):
            yield from states(each, f"{path}{name}/")


def tasks():
    return [
        pytest.param(state, id=f"{path.name}:{name}")
        for path in MACHINES
        for name, state in states(read(path))
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
    for name, state in states(machine):
        for field in ("Retry", "Catch"):
            foreign = {each for each in names(state, field) if "." not in each}
            assert foreign <= ours, f"{name} {field}: {foreign - ours}"


@pytest.mark.parametrize("task", tasks())
def test_a_task_has_a_time_out_a_way_round_lambdas_troubles_and_a_way_out(task):
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
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("task", tasks())
def test_only_what_may_pass_is_tried_again_and_all_of_it_is(task):
    ours = our_errors()
    retried = {name for name in names(task, "Retry") if name in ours}
    assert all(issubclass(ours[name], RetryableError) for name in retried)
    caught = {name for name in names(task, "Catch") if name in ours}
    assert not any(issubclass(ours[name], RetryableError) for name in caught)
    can_pass = {
        name
        for name, error in ours.items()
        if issubclass(error, MAY_PASS) and issubclass(error, RetryableError)
    }
    assert retried == can_pass
