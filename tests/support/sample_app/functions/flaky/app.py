"""Fail in the way the caller asks for."""

import os
import time
from typing import Any


class FlakyError(Exception):
    """Worth another try."""


class FatalError(Exception):
    """Not worth another try."""


tries: dict[str, int] = {}


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    name = event["name"]
    tries[name] = tries.get(name, 0) + 1
    if event.get("fatal"):
        raise FatalError(f"{name} cannot be done")
    if event.get("exit"):
        os._exit(3)
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if tries[name] <= event.get("failures", 0):
        raise FlakyError(f"{name}: try {tries[name]}")
    return {"tries": tries[name], "pid": os.getpid()}
