"""The mended worker reports what AWS would report, and lives on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ministack.core import lambda_runtime

from infra.local.bridge import function_errors
from infra.local.errors import EmulatorChangedError

HANDLERS = """
class StalePageError(Exception):
    pass

calls = 0

def handler(event, context):
    global calls
    calls += 1
    if event == "raise":
        raise StalePageError("page 3 is stale")
    if event == "set":
        return {1, 2}
    return calls
"""


@pytest.fixture
def worker(tmp_path):
    """Talks to a worker as MiniStack does: one line of JSON in, one line out."""
    script = function_errors.mended_script(lambda_runtime._PYTHON_WORKER_SCRIPT)
    running = []

    def start(source, handler="handler"):
        (tmp_path / "app.py").write_text(source)
        child = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        running.append(child)

        def say(line):
            child.stdin.write(json.dumps(line) + "\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())

        return say, say({"code_dir": str(tmp_path), "module": "app", "handler": handler})

    yield start
    for child in running:
        child.stdin.close()
        child.wait(timeout=10)
        child.stdout.close()


def test_an_exception_is_reported_by_its_class_name_and_message(worker):
    say, ready = worker(HANDLERS)
    assert ready["status"] == "ready"
    failure = say({"event": "raise"})["function_error"]
    assert failure["errorType"] == "StalePageError"
    assert failure["errorMessage"] == "page 3 is stale"
    assert len(failure["stackTrace"]) == 1
    assert "in handler" in failure["stackTrace"][0]


def test_a_worker_lives_on_after_an_exception(worker):
    say, _ = worker(HANDLERS)
    say({"event": "raise"})
    assert say({"event": "count"}) == {"status": "ok", "result": 2}


def test_an_answer_that_is_no_json_is_a_marshal_error(worker):
    say, _ = worker(HANDLERS)
    failure = say({"event": "set"})["function_error"]
    assert failure["errorType"] == "Runtime.MarshalError"
    assert "set is not JSON serializable" in failure["errorMessage"]


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("import nowhere_to_be_found", "handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere_to_be_found'"),
        ("x = 1", "handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("raise LookupError('no table')", "handler", "LookupError", "no table"),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_used_is_named(worker, source, handler, kind, message):
    _, answer = worker(source, handler)
    failure = function_errors.failure_of_init(f"Worker init failed: {answer['error']}")
    assert failure is not None
    assert (failure["errorType"], failure["errorMessage"]) == (kind, message)


def test_other_messages_are_no_failures_of_an_import():
    assert function_errors.failure_of_init("Worker process exited immediately") is None
    assert function_errors.failure_of_init("Worker init failed: not JSON") is None


def test_a_worker_script_that_changed_is_refused():
    changed = lambda_runtime._PYTHON_WORKER_SCRIPT.replace("def run():", "def run_it():")
    with pytest.raises(EmulatorChangedError, match=r"worker script.*make setup"):
        function_errors.mended_script(changed)
