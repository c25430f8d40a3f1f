"""Numbers that come through a template's parameters are numbers.

AWS: CloudFormation hands each property over in the type the resource declares; a parameter of
type Number is text until then.

MiniStack: leaves the text in the optional settings of an event-source mapping, and its queue
poller then fails on every round.
"""

# ruff: noqa: SLF001 - mending MiniStack means reaching into it

from __future__ import annotations

from typing import Any

from ministack.services.cloudformation import provisioners

from infra.local.errors import EmulatorChangedError

_TYPE = "AWS::Lambda::EventSourceMapping"
_NUMBERS = ("ParallelizationFactor", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds")


def numbered(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties of an event-source mapping with its numbers as numbers."""
    mended = dict(properties)
    for name in _NUMBERS:
        if name in mended:
            mended[name] = int(mended[name])
    scaling = mended.get("ScalingConfig")
    if isinstance(scaling, dict) and "MaximumConcurrency" in scaling:
        mended["ScalingConfig"] = {
            **scaling,
            "MaximumConcurrency": int(scaling["MaximumConcurrency"]),
        }
    return mended


def apply() -> None:
    """Have MiniStack read an event-source mapping's numbers as such."""
    handlers = provisioners._RESOURCE_HANDLERS.get(_TYPE)
    if handlers is None or not {"create", "update"} <= set(handlers):
        raise EmulatorChangedError(_TYPE)
    create, update = handlers["create"], handlers["update"]

    def _create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:  # noqa: ANN401
        return create(logical_id, numbered(properties), stack)

    def _update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:  # noqa: ANN401
        return update(physical_id, numbered(old), numbered(new), stack)

    handlers["create"], handlers["update"] = _create, _update
