"""The real handlers, each in a container of its own: the environment the template gives, on moto.

with function("poll_feed", environment) as poll_feed:
    answer = poll_feed(event)
    assert poll_feed.metrics["poll_success_rate"] == [100.0]
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from aws_lambda_powertools.metrics import Metrics

import tallycast.aws
from tallycast.aws import clients
from tests.support.feeds_platform import FeedsPlatform
from tests.support.template import ROOT, deployment

_WIRING = re.compile(r"tallycast\..*\buse_cases\b")
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
_OBSERVABILITY = "tallycast.aws.observability"
# Powertools' objects read the environment when they are made.
_MADE_ONCE = ("logger", "metrics", "tracer")


@dataclass
class Context:
    """What Lambda hands a handler beside the event."""

    function_name: str
    seconds_left: float = 60.0
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:eu-central-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds_left * 1000)


@dataclass
class Function:
    """A function as deployed; `module` is its `app.py`, imported afresh."""

    module: ModuleType
    context: Context
    output: io.StringIO = field(default_factory=io.StringIO)

    def __call__(self, event: dict[str, Any]) -> Any:
        with contextlib.redirect_stdout(self.output):
            return self.module.lambda_handler(event, self.context)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Everything it wrote to stdout; all of it is JSON, a line each."""
        return [json.loads(line) for line in self.output.getvalue().splitlines() if line]

    @property
    def logs(self) -> list[dict[str, Any]]:
        """Its log lines."""
        return [line for line in self.lines if "_aws" not in line]

    @property
    def emf(self) -> list[dict[str, Any]]:
        """The metric documents that CloudWatch takes out of the log."""
        return [line for line in self.lines if "_aws" in line]

    @property
    def metrics(self) -> dict[str, list[float]]:
        """All values of each metric."""
        found: dict[str, list[float]] = {}
        for document in self.emf:
            for directive in document["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    values = document[metric["Name"]]
                    found.setdefault(metric["Name"], []).extend(
                        values if isinstance(values, list) else [values]
                    )
        return found


@contextmanager
def function(name: str, environment: Mapping[str, str]) -> Iterator[Function]:
    """A cold start of one function: nothing is left of any container before it."""
    before = dict(os.environ)
    os.environ.update(environment)
    forget_use_cases()
    _forget_powertools(name)
    made = Function(ModuleType("app"), Context(environment.get("AWS_LAMBDA_FUNCTION_NAME", name)))
    try:
        with contextlib.ExitStack() as stack:
            with contextlib.redirect_stdout(made.output):  # where its logger writes from now on
                stack.enter_context(_observed_anew())
                made.module = _load(name)
            yield made
    finally:
        forget_use_cases()
        _forget_powertools(name)
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _observed_anew() -> Iterator[None]:
    """Logger, metrics and tracer as a new container makes them, for every module that has them."""
    old = importlib.import_module(_OBSERVABILITY)
    del sys.modules[_OBSERVABILITY]
    new = importlib.import_module(_OBSERVABILITY)
    _hand_over(old, new)
    try:
        yield
    finally:
        _hand_over(new, old)
        sys.modules[_OBSERVABILITY] = tallycast.aws.observability = old


def _hand_over(old: ModuleType, new: ModuleType) -> None:
    for module in [m for name, m in sys.modules.items() if name.startswith("tallycast.")]:
        for name in _MADE_ONCE:
            if module is not old and vars(module).get(name) is vars(old)[name]:
                setattr(module, name, vars(new)[name])


def _load(name: str) -> ModuleType:
    path = ROOT / "functions" / name / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions_{name}_app", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks annotations up there
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def environments(
    platform: FeedsPlatform, parameters: Mapping[str, str] | None = None
) -> dict[str, dict[str, str]]:
    """What the template tells each function, with the platform's real names of things."""
    loopback = {"FetchAllowList": platform.origin.address, "FetchSeconds": "3"}
    made = deployment(
        "local",
        outputs=platform.stacks.outputs,
        parameters={**loopback, **(parameters or {})},
    )
    return {
        name: {
            **{key: str(value) for key, value in of.properties["Environment"]["Variables"].items()},
            "AWS_LAMBDA_FUNCTION_NAME": of.properties["FunctionName"],
        }
        for name, of in made.functions.items()
    }


def forget_use_cases() -> None:
    """Use cases are wired once per container; a new container wires them anew."""
    wirings = [name for name in sys.modules if _WIRING.match(name)]
    for name in wirings:
        for value in vars(sys.modules[name]).values():
            if getattr(value, "__module__", "") == name and hasattr(value, "cache_clear"):
                value.cache_clear()
    clients._client.cache_clear()
    clients._dynamodb.cache_clear()
    clients.table.cache_clear()


def _forget_powertools(name: str) -> None:
    """Powertools keeps its logger and metrics in the process, by the service's name."""
    Metrics().clear_metrics()
    for known in [n for n in logging.Logger.manager.loggerDict if n.split(".")[0] == name]:
        del logging.Logger.manager.loggerDict[known]
