"""The import workflow with the real function behind it: every road an item can take."""

import json
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace
from unittest.mock import patch

import boto3
import pytest
import yaml
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.config import default_user_config

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.feeds.registry import Registry
from tests.support.functions import function
from tests.support.origin import feed, item
from tests.support.scene import DAILY, TENANT, WEEKLY, scene
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


class Workflow:
    """The state machine of the template on moto, its task answered by the real handler.

    `before` maps an address to errors that Lambda itself gives for it, one a try.
    """

    def __init__(self, stage, function):
        self.stage = stage
        self.function = function
        self.tries: dict[str, int] = {}
        self.before: dict[str, list[str]] = {}
        self.pauses: list[float] = []
        self.meanwhile = lambda: None
        self._imports = 0
        self._one_at_a_time = threading.Lock()
        self._machine = self._create()

    def _create(self):
        made = deployment("local", outputs=self.stage.platform.stacks.outputs)
        [machine] = made.of_type("AWS::StepFunctions::StateMachine")
        arn = "arn:aws:lambda:eu-central-1:123456789012:function:import-feed"
        values = machine.properties["DefinitionSubstitutions"] | {"ImportFeedArn": arn}
        # Values are filled in before the file is read, so that a number is one.
        text = (ROOT / "statemachines/import_feeds.asl.yaml").read_text()
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", str(value))
        definition = yaml.safe_load(text)
        self.task = definition["States"]["EachFeed"]["ItemProcessor"]["States"]["RegisterFeed"]
        for state in definition["States"].values():
            # moto reads this one only as a number with a point, and evaluates the writer's
            # parameters against the results instead of the state's input.
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
            del state["ResultWriter"]
        return boto3.client("stepfunctions").create_state_machine(
            name="import-feeds",
            definition=json.dumps(definition),
            roleArn="arn:aws:iam::123456789012:role/import-feeds",
        )["stateMachineArn"]

    def longest_pauses(self, error):
        """The most that each retry of an error may wait, as the file has it."""
        [rule] = [r for r in self.task["Retry"] if error in r["ErrorEquals"]]
        first, factor, most = (
            rule[name] for name in ("IntervalSeconds", "BackoffRate", "MaxDelaySeconds")
        )
        return [min(first * factor**number, most) for number in range(rule["MaxAttempts"])]

    def pause(self, seconds):
        """What a retry waits for; here it only counts."""
        self.pauses.append(seconds)
        self.meanwhile()

    def invoke(self, _name, _qualifier, body, _headers, response_headers):
        """What Lambda does: run the handler; an error goes back by its class's name."""
        event = json.loads(body)
        with self._one_at_a_time:
            self.tries[event["url"]] = self.tries.get(event["url"], 0) + 1
            if waiting := self.before.get(event["url"]):
                return self._failed(waiting.pop(0), "Lambda's own", response_headers)
            try:
                return json.dumps(self.function(event)).encode()
            except Exception as error:  # noqa: BLE001  (Lambda answers whatever was raised)
                return self._failed(type(error).__name__, str(error), response_headers)

    @staticmethod
    def _failed(name, message, response_headers):
        response_headers["x-amz-function-error"] = "Unhandled"
        return json.dumps({"errorType": name, "errorMessage": message}).encode()

    def run(self, urls):
        """Import some addresses; what became of each, by address."""
        items = [{"command": "add", "tenant": TENANT, "url": url} for url in urls]
        bucket = self.stage.platform.stacks.outputs["FeedsBucket"]
        self._imports += 1
        name = f"imp_{self._imports}"
        key = f"imports/{TENANT}/{name}.json"
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(items).encode())
        machine = boto3.client("stepfunctions")
        arn = machine.start_execution(
            stateMachineArn=self._machine,
            name=name,
            input=json.dumps({"tenant": TENANT, "key": key}),
        )["executionArn"]
        deadline = time.monotonic() + EXECUTION_SECONDS
        while (found := machine.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
            time.sleep(0.02)
        assert found["status"] == "SUCCEEDED", found
        return {each["url"]: each for each in json.loads(found["output"])["feeds"]}


@pytest.fixture
def workflow():
    with ExitStack() as stack:
        stage = stack.enter_context(scene())
        stack.enter_context(patch.dict(default_user_config, SIMPLE))
        environment = stage.environments["import_feed"]
        made = Workflow(stage, stack.enter_context(function("import_feed", environment)))
        stack.enter_context(patch(RETRIER, SimpleNamespace(sleep=made.pause)))
        stack.enter_context(
            patch.object(LambdaSimpleBackend, "invoke", lambda _, *given: made.invoke(*given))
        )
        yield made


def assert_within(pauses, longest):
    """Full jitter: anything up to the pause, so that no two are tried at the same moment."""
    assert len(pauses) == len(longest)
    assert all(0 <= pause <= most for pause, most in zip(pauses, longest, strict=True))


def test_every_feed_of_a_list_is_registered(workflow):
    origin = workflow.stage.platform.origin
    urls = [origin.url(DAILY), origin.url(WEEKLY)]
    done = workflow.run(urls)
    assert {url: each["outcome"] for url, each in done.items()} == dict.fromkeys(urls, "added")
    registered = {one.feed_id: one.url for one in workflow.stage.platform.store.of_tenant(TENANT)}
    assert registered == {each["feed_id"]: url for url, each in done.items()}
    assert workflow.pauses == []


def test_a_feed_that_is_there_already_is_no_failure_and_is_not_tried_again(workflow):
    url = workflow.stage.platform.origin.url(DAILY)
    workflow.run([url])
    again = workflow.run([url])
    assert again == {url: {"url": url, "outcome": "already registered"}}
    assert (workflow.tries[url], workflow.pauses) == (2, [])


def test_one_bad_address_holds_nobody_up(workflow):
    origin = workflow.stage.platform.origin
    origin.put("/page", b"<!doctype html><html><body>hello</body></html>")
    urls = {
        origin.url("/page"): "NotAFeedError",
        origin.url("/nothing"): "FeedNotFoundError",
        "http://10.0.0.1/feed.xml": "BlockedAddressError",
        "not an address": "BadUrlError",
    }
    done = workflow.run([*urls, origin.url(DAILY)])
    assert done.pop(origin.url(DAILY))["outcome"] == "added"
    assert done == {
        url: {"url": url, "outcome": "refused", "error": error} for url, error in urls.items()
    }
    assert workflow.pauses == []


def test_a_struggling_host_is_tried_again_with_growing_pauses_and_then_refused(workflow):
    origin = workflow.stage.platform.origin
    origin.put("/ill", status=503)
    done = workflow.run([origin.url("/ill")])
    assert done[origin.url("/ill")]["error"] == "ServerError"
    assert workflow.tries[origin.url("/ill")] == 1 + len(workflow.pauses)
    assert_within(workflow.pauses, workflow.longest_pauses("ServerError"))


def test_a_host_that_recovers_is_registered(workflow):
    origin = workflow.stage.platform.origin
    origin.put("/slow", status=429)
    url = origin.url("/slow")
    workflow.meanwhile = lambda: origin.put("/slow", feed([item(1)]))
    done = workflow.run([url])
    assert (done[url]["outcome"], workflow.tries[url]) == ("added", 2)


@pytest.mark.parametrize("error", LAMBDA_ERRORS)
def test_lambdas_own_troubles_are_waited_out(workflow, error):
    url = workflow.stage.platform.origin.url(DAILY)
    workflow.before[url] = [error] * 5
    assert workflow.run([url])[url]["outcome"] == "added"
    assert workflow.tries[url] == 6
    assert_within(workflow.pauses, [2, 4, 8, 16, 30])
    assert workflow.longest_pauses(error) == [2, 4, 8, 16, 30]


def test_lambdas_troubles_that_do_not_end_are_a_refusal(workflow):
    url = workflow.stage.platform.origin.url(DAILY)
    workflow.before[url] = ["Lambda.ServiceException"] * 6
    done = workflow.run([url])
    assert done[url] == {"url": url, "outcome": "refused", "error": "Lambda.ServiceException"}
    assert workflow.tries[url] == 6


def test_a_table_that_refuses_for_a_while_is_waited_out(workflow):
    url = workflow.stage.platform.origin.url(DAILY)
    add, tries = Registry.add, []

    def twice_refused(*given, **named):
        tries.append(1)
        if len(tries) < 3:
            raise ServiceUnavailableError("the table is throttled")
        return add(*given, **named)

    with patch.object(Registry, "add", twice_refused):
        assert workflow.run([url])[url]["outcome"] == "added"
    assert workflow.tries[url] == 3


@pytest.mark.parametrize("error", ["Sandbox.Timedout", "Runtime.ExitError", "KeyError"])
def test_what_nobody_foresaw_is_recorded_and_not_repeated(workflow, error):
    url = workflow.stage.platform.origin.url(DAILY)
    workflow.before[url] = [error]
    assert workflow.run([url])[url] == {"url": url, "outcome": "refused", "error": error}
    assert workflow.tries[url] == 1


def test_an_empty_list_is_done_at_once(workflow):
    assert workflow.run([]) == {}
