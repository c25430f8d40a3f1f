"""An alarm on an expression of metrics is accepted, and stays without data.

AWS evaluates the expression. MiniStack refuses such an alarm and the whole stack with it; nobody
is alarmed on a laptop, so here it only has to exist.
"""

# ruff: noqa: SLF001 - mending MiniStack means reaching into it

from __future__ import annotations

from typing import Any

from ministack.services.cloudformation import provisioners

NAMESPACE = "Unevaluated"


def stand_in(properties: dict[str, Any]) -> dict[str, Any]:
    """An alarm's properties with an expression replaced by a metric nobody emits."""
    if not properties.get("Metrics"):
        return properties
    plain = {name: value for name, value in properties.items() if name != "Metrics"}
    return plain | {"MetricName": "Expression", "Namespace": NAMESPACE}


def apply() -> None:
    """Replace expressions before MiniStack reads an alarm's properties."""
    record = provisioners._cw_metric_alarm_record

    def _record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = record(name, stand_in(properties))
        return found

    provisioners._cw_metric_alarm_record = _record
