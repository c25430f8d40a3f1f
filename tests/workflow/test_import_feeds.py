"""The import workflow with the real function behind it: every road an item can take."""

import json
from unittest.mock import patch

import boto3
import pytest

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.feeds.registry import Registry
from tests.support.origin import feed, item
from tests.support.scene import DAILY, TENANT, WEEKLY, scene
from tests.support.workflow import LAMBDA_ERRORS, Workflow, workflow

TASK = "RegisterFeed"


class Import(Workflow):
    """The import workflow; a task is named after its address."""

    def __init__(self, stage, name, handler):
        super().__init__(stage, name, handler, lambda event: event["url"])
        self._imports = 0

    def of(self, urls):
        """Import some addresses; what became of each, by address."""
        items = [{"command": "add", "tenant": TENANT, "url": url} for url in urls]
        bucket = self.stage.platform.stacks.outputs["FeedsBucket"]
        self._imports += 1
        name = f"imp_{self._imports}"
        key = f"imports/{TENANT}/{name}.json"
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(items).encode())
        done = self.run({"tenant": TENANT, "key": key}, name)
        return {each["url"]: each for each in done["feeds"]}


@pytest.fixture(name="workflow")
def import_workflow():
    with scene() as stage, workflow(stage, "import_feeds", "import_feed", Import) as made:
        yield made


def test_every_feed_of_a_list_is_registered(workflow):
    origin = workflow.stage.platform.origin
    urls = [origin.url(DAILY), origin.url(WEEKLY)]
    done = workflow.of(urls)
    assert {url: each["outcome"] for url, each in done.items()} == dict.fromkeys(urls, "added")
    registered = {one.feed_id: one.url for one in workflow.stage.platform.store.of_tenant(TENANT)}
    assert registered == {each["feed_id"]: url for url, each in done.items()}
    assert workflow.pauses == []


def test_a_feed_that_is_there_already_is_no_failure_and_is_not_tried_again(workflow):
    url = workflow.stage.platform.origin.url(DAILY)
    workflow.of([url])
    again = workflow.of([url])
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
    done = workflow.of([*urls, origin.url(DAILY)])
    assert done.pop(origin.url(DAILY))["outcome"] == "added"
    assert done == {
        url: {"url": url, "outcome": "refused", "error": error} for url, error in urls.items()
    }
    assert workflow.pauses == []


def test_a_struggling_host_is_tried_again_with_growing_pauses_and_then_refused(workflow):
    origin = workflow.stage.platform.origin
    origin.put("/ill", status=503)
    done = workflow.of([origin.url("/ill")])
    assert done[origin.url("/ill")]["error"] == "ServerError"
    assert workflow.tries[origin.url("/ill")] == 1 + len(workflow.pauses)
    workflow.assert_waited(workflow.longest_pauses(TASK, "ServerError"))


def test_a_host_that_recovers_is_registered(workflow):
    origin = workflow.stage.platform.origin
    origin.put("/slow", status=429)
    url = origin.url("/slow")
    workflow.meanwhile = lambda: origin.put("/slow", feed([item(1)]))
    done = workflow.of([url])
    assert (done[url]["outcome"], workflow.tries[url]) == ("added", 2)


@pytest.mark.parametrize("error", LAMBDA_ERRORS)
def test_lambdas_own_troubles_are_waited_out(workflow, error):
    url = workflow.stage.platform.origin.url(DAILY)
    workflow.before[url] = [error] * 5
    assert workflow.of([url])[url]["outcome"] == "added"
    assert workflow.tries[url] == 6
    workflow.assert_waited([2, 4, 8, 16, 30])
    assert workflow.longest_pauses(TASK, error) == [2, 4, 8, 16, 30]


def test_lambdas_troubles_that_do_not_end_are_a_refusal(workflow):
    url = workflow.stage.platform.origin.url(DAILY)
    workflow.before[url] = ["Lambda.ServiceException"] * 6
    done = workflow.of([url])
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
        assert workflow.of([url])[url]["outcome"] == "added"
    assert workflow.tries[url] == 3


@pytest.mark.parametrize("error", ["Sandbox.Timedout", "Runtime.ExitError", "KeyError"])
def test_what_nobody_foresaw_is_recorded_and_not_repeated(workflow, error):
    url = workflow.stage.platform.origin.url(DAILY)
    workflow.before[url] = [error]
    assert workflow.of([url])[url] == {"url": url, "outcome": "refused", "error": error}
    assert workflow.tries[url] == 1


def test_an_empty_list_is_done_at_once(workflow):
    assert workflow.of([]) == {}
