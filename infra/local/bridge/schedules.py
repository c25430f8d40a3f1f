"""A schedule's input may name facts of its invocation: `<aws.scheduler.scheduled-time>` and others.

AWS: EventBridge Scheduler replaces four keywords in a target's Input. MiniStack passes them on as
they stand.
"""

# ruff: noqa: SLF001, ANN401 - mending MiniStack means reaching into it

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ministack.services import eventbridge

_PREFIX = "<aws.scheduler."


def filled(text: str, event: dict[str, Any]) -> str:
    """An Input with its keywords replaced by the facts of MiniStack's scheduler event.

    MiniStack fires when it finds a schedule due (it looks every 10 seconds); that moment, cut to
    the second, stands for the scheduled time.
    """
    moment = datetime.fromtimestamp(float(event["Time"]), tz=UTC)
    facts = {
        "schedule-arn": (event.get("Resources") or [""])[0],
        "scheduled-time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": event["EventId"],
        "attempt-number": "1",
    }
    for name, fact in facts.items():
        text = text.replace(f"{_PREFIX}{name}>", fact)
    return text


def apply() -> None:
    """Fill in the keywords before MiniStack calls a schedule's target."""
    invoke = eventbridge._invoke_target

    def _invoke_target(
        target: dict[str, Any],
        event: dict[str, Any],
        rule: dict[str, Any],
        *rest: Any,
        **named: Any,
    ) -> None:
        text = target.get("Input")
        if event.get("Source") == "aws.scheduler" and isinstance(text, str) and _PREFIX in text:
            target = {**target, "Input": filled(text, event)}
        invoke(target, event, rule, *rest, **named)

    eventbridge._invoke_target = _invoke_target
