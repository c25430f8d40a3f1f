"""A state machine of the template on moto, every task of it answered by the real handler."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import yaml
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.config import default_user_config
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

from infra.lint.expansion import REGION
from tests.support.functions import Function, function
from tests.support.scene import Scene
from tests.support.template import ROOT, deployment

EXECUTION_SECONDS = 30
RETRIER = "moto.stepfunctions.parser.asl.component.common.retry.retrier_decl.time"
SIMPLE = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
LAMBDA_ERRORS = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)
_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:the-function"


class Workflow:
    """One workflow whose tasks are all of one function.

    Attributes:
        tries: how often each task was tried, by the name that `name_of` gives its event.
        before: errors that Lambda itself gives for a task, one a try.
        after: what happens when a task has been answered for the first time.
        pauses: what retries waited for, in seconds; here they only count.
        meanwhile: what happens during such a pause.
    """

    def __init__(
        self,
        stage: Scene,
        name: str,
        handler: Function,
        name_of: Callable[[dict[str, Any]], str],
    ) -> None:
        self.stage = stage
        self.tries: dict[str, int] = {}
        self.before: dict[str, list[str]] = {}
        self.after: dict[str, Callable[[], None]] = {}
        self.pauses: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self._handler = handler
        self._name_of = name_of
        self._one_at_a_time = threading.Lock()
        self.definition = _definition(stage, name)
        self._machine = boto3.client("stepfunctions").create_state_machine(
            name=name.replace("_", "-"),
            definition=json.dumps(_as_moto_reads_it(self.definition)),
            roleArn="arn:aws:iam::123456789012:role/a-workflow",
        )["stateMachineArn"]

    def longest_pauses(self, task: str, error: str) -> list[float]:
        """The most that each retry of an error may wait, as the file has it."""
        state = dict(_states(self.definition))[task]
        [rule] = [r for r in state["Retry"] if error in r["ErrorEquals"]]
        first, factor, most = (
            rule[name] for name in ("IntervalSeconds", "BackoffRate", "MaxDelaySeconds")
        )
        return [min(first * factor**number, most) for number in range(rule["MaxAttempts"])]

    def assert_waited(self, longest: list[float]) -> None:
        """Full jitter: anything up to the pause, so that no two are tried at the same moment."""
        assert len(self.pauses) == len(longest)
        pairs = zip(self.pauses, longest, strict=True)
        assert all(0 <= pause <= most for pause, most in pairs), self.pauses

    def run(self, given: dict[str, Any], name: str) -> dict[str, Any]:
        """Execute it to its end; what it puts out."""
        client = boto3.client("stepfunctions")
        arn = client.start_execution(
            stateMachineArn=self._machine, name=name, input=json.dumps(given)
        )["executionArn"]
        deadline = time.monotonic() + EXECUTION_SECONDS
        while (found := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
            time.sleep(0.02)
        assert found["status"] == "SUCCEEDED", found
        return json.loads(found["output"])

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.meanwhile()

    def invoke(self, _name, _qualifier, body, _headers, response_headers) -> bytes | str:
        """What Lambda does: run the handler; an error goes back by its class's name."""
        event = json.loads(body)
        with self._one_at_a_time:
            name = self._name_of(event)
            self.tries[name] = self.tries.get(name, 0) + 1
            if waiting := self.before.get(name):
                return _failed(waiting.pop(0), "Lambda's own", response_headers)
            try:
                answer = self._handler(event)
            except Exception as error:  # noqa: BLE001  (Lambda answers whatever was raised)
                return _failed(type(error).__name__, str(error), response_headers)
            self.answered(event, answer)
            self.after.pop(name, lambda: None)()
            return json.dumps(answer).encode()

    def answered(self, event: dict[str, Any], answer: dict[str, Any]) -> None:
        """For those who want to know."""


def _failed(name: str, message: str, response_headers: dict[str, str]) -> str:
    response_headers["x-amz-function-error"] = "Unhandled"
    return json.dumps({"errorType": name, "errorMessage": message}).encode()


def _definition(stage: Scene, name: str) -> dict[str, Any]:
    made = deployment("local", outputs=stage.platform.stacks.outputs)
    title = "".join(part.title() for part in name.split("_"))
    values = made[title].properties["DefinitionSubstitutions"]
    # Values are filled in before the file is read, so that a number is one.
    text = (ROOT / f"statemachines/{name}.asl.yaml").read_text()
    for variable, value in values.items():
        text = text.replace(f"${{{variable}}}", _ARN if variable.endswith("Arn") else str(value))
    return yaml.safe_load(text)


def _as_moto_reads_it(definition: dict[str, Any]) -> dict[str, Any]:
    """moto reads a percentage only as a number with a point, and evaluates a writer's parameters.

    The latter against the results instead of the state's input, so that there is no writer.
    """
    copied = json.loads(json.dumps(definition))
    for _, state in _states(copied):
        if "ToleratedFailurePercentage" in state:
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
        state.pop("ResultWriter", None)
    return copied


def _states(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in node.get("States", {}).items():
        yield name, state
        yield from _states(state.get("ItemProcessor", {}))


@contextmanager
def workflow(
    stage: Scene, name: str, function_name: str, kind: Callable[..., Workflow]
) -> Iterator[Workflow]:
    """A workflow of the template, ready to run."""
    with ExitStack() as stack:
        stack.enter_context(patch.dict(default_user_config, SIMPLE))
        # moto would make a client for every task, in threads: a session is not made for that.
        client = boto_client_for(region=REGION, service="lambda")
        stack.enter_context(patch.object(lambda_eval_utils, "boto_client_for", lambda **_: client))
        handler = stack.enter_context(function(function_name, stage.environments[function_name]))
        made = kind(stage, name, handler)
        stack.enter_context(patch(RETRIER, SimpleNamespace(sleep=made.pause)))
        stack.enter_context(
            patch.object(LambdaSimpleBackend, "invoke", lambda _, *given: made.invoke(*given))
        )
        yield made
