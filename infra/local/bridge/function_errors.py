"""A function that raises is reported by its exception's class name, and keeps its worker.

AWS: Lambda answers `{"errorType": type(exc).__name__, "errorMessage": str(exc), "stackTrace": …}`;
Step Functions matches Retry and Catch against that name; a handler's exception leaves the
execution environment as it is. An environment that ends reports `Runtime.ExitError`, a module
that cannot be imported `Runtime.ImportModuleError`, an answer that is no JSON
`Runtime.MarshalError`.

MiniStack: every one of them is `Runtime.HandlerError` (or a `RuntimeError` of its own), and the
worker is killed, so that the next call pays a cold start.
"""

# ruff: noqa: SLF001, ANN401 - mending MiniStack means reaching into it

from __future__ import annotations

import json
import threading
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from infra.local.errors import EmulatorChangedError

_INIT_FAILED = "Worker init failed: "
_DIED = "Worker process died"

_HELPERS = """
def _failure(exc, kind=None, message=None):
    import traceback
    frames = traceback.extract_tb(exc.__traceback__)[1:]
    return {
        "errorMessage": str(exc) if message is None else message,
        "errorType": kind or type(exc).__name__,
        "stackTrace": traceback.format_list(frames),
    }

def run():
"""

# What stands in the worker's script → what stands there instead. The answer to a raise is
# marked "ok" so that MiniStack keeps the worker; `_invoke` turns it into an error again.
_REPLACEMENTS = (
    ("\ndef run():\n", _HELPERS),
    (
        """    except Exception as e:
        _real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")
""",
        """    except Exception as e:
        traceback.print_exc()
        _f = _failure(e)
        if isinstance(e, ImportError):
            _f = _failure(e, "Runtime.ImportModuleError",
                          "Unable to import module '%s': %s" % (module_name, e))
        elif module_name in sys.modules and not hasattr(sys.modules[module_name], handler_name):
            _f = _failure(e, "Runtime.HandlerNotFound",
                          "Handler '%s' missing on module '%s'" % (handler_name, module_name))
        _real_stdout.write(json.dumps({"status": "error", "error": json.dumps(_f)}) + "\\n")
""",
    ),
    (
        """            _real_stdout.write(json.dumps({"status": "ok", "result": result}) + "\\n")
        except Exception as e:
            _real_stdout.write(json.dumps({"status": "error", "error": str(e), \
"trace": traceback.format_exc()}) + "\\n")
""",
        """            try:
                _reply = json.dumps({"status": "ok", "result": result})
            except Exception as e:
                _reply = json.dumps({"status": "ok", "function_error": _failure(
                    e, "Runtime.MarshalError", "Unable to marshal response: %s" % e)})
            _real_stdout.write(_reply + "\\n")
        except Exception as e:
            print("[ERROR] " + "".join(traceback.format_exception(e)), flush=True)
            _real_stdout.write(json.dumps({"status": "ok", "function_error": _failure(e)}) + "\\n")
""",
    ),
)


class _LastFailure(threading.local):
    """The failure of the call that this thread makes: a call runs on one thread from end to end."""

    value: dict[str, Any] | None = None


_last = _LastFailure()


def mended_script(script: str) -> str:
    """The worker's script with our answers to failures.

    Raises:
        EmulatorChangedError: a place to be replaced does not stand there exactly once.
    """
    for old, new in _REPLACEMENTS:
        if script.count(old) != 1:
            raise EmulatorChangedError("worker script")
        script = script.replace(old, new)
    return script


def failure_of_init(message: str) -> dict[str, Any] | None:
    """What the worker said about a failed import; None when this is no such message."""
    if not message.startswith(_INIT_FAILED):
        return None
    try:
        failure: dict[str, Any] = json.loads(message.removeprefix(_INIT_FAILED))
    except json.JSONDecodeError:
        return None
    return failure


def apply() -> None:
    """Mend the worker's script and the two functions that read its answers."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = mended_script(lambda_runtime._PYTHON_WORKER_SCRIPT)

    invoke = lambda_runtime.Worker.invoke
    spawn = lambda_runtime.Worker._spawn
    execute = lambda_svc._execute_function_warm

    def _invoke(self: Any, event: Any, request_id: str, **context: Any) -> dict[str, Any]:
        answer: dict[str, Any] = invoke(self, event, request_id, **context)
        failure = answer.pop("function_error", None)
        if failure is None and answer.get("error") == _DIED:
            failure = {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {request_id} Error: Runtime exited "
                "without providing a reason",
            }
        if failure is not None:
            _last.value = {**failure, "requestId": request_id}
            answer |= {"status": "error", "error": failure["errorMessage"], "trace": ""}
        return answer

    def _spawn(self: Any) -> None:
        try:
            spawn(self)
        except RuntimeError as error:
            _last.value = failure_of_init(str(error))
            raise

    def _execute(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        _last.value = None
        result: dict[str, Any] = execute(func, event, request_id)
        if result.get("error") and _last.value is not None:
            result["body"] = _last.value
        return result

    lambda_runtime.Worker.invoke = _invoke
    lambda_runtime.Worker._spawn = _spawn
    lambda_svc._execute_function_warm = _execute
