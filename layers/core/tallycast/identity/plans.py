"""What a plan allows: how fast, and how much a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Plan:
    """Limits of one client.

    Attributes:
        burst: requests that may come at once.
        per_second: requests that come back every second.
        per_day: requests of one UTC day.
    """

    name: str
    burst: int
    per_second: float
    per_day: int


FREE: Final = Plan("free", burst=30, per_second=5, per_day=20_000)
PLANS: Final[Mapping[str, Plan]] = {
    plan.name: plan
    for plan in (
        FREE,
        Plan("pro", burst=100, per_second=25, per_day=500_000),
        Plan("network", burst=400, per_second=100, per_day=5_000_000),
    )
}


def plan_of(name: str) -> Plan:
    """A plan by its name; one that is not known has the limits of the smallest."""
    return PLANS.get(name, FREE)
