"""Have the platform count: tick its schedule until no day is due, and wait for the workflow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.demo.waiting import DemoStuckError, wait_for
from tallycast.measurement.counting.marking import SETTLING

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud

# Days wait until no more files come; the tick is made as if that time had passed.
_AHEAD = SETTLING + timedelta(minutes=1)
# A day that becomes final in these very minutes is due again at every tick until then.
_MOST_TICKS = 5


def count_all(cloud: LocalCloud) -> int:
    """Tick until nothing is due, each time to the end of the workflow; how many days were due.

    Raises:
        DemoStuckError: a tick or a run of the workflow failed, or does not end.
    """
    counted = 0
    for _ in range(_MOST_TICKS):
        days = _tick(cloud, datetime.now(UTC) + _AHEAD)
        counted += days
        if not days:
            break
        _wait(cloud)
    return counted


def _tick(cloud: LocalCloud, at: datetime) -> int:
    """Invoke the planner as its schedule does; how many days it handed out."""
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.outputs["ScheduleCounts"],
        Payload=json.dumps({"scheduled_time": at.isoformat()}).encode(),
    )
    summary: dict[str, Any] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise DemoStuckError(f"the tick of the counts failed: {summary}")
    return int(summary["days"])


def _wait(cloud: LocalCloud) -> None:
    """Until every run of the counting workflow has ended."""
    steps = cloud.client("stepfunctions")
    machine = cloud.outputs["CountDays"]

    def ended() -> list[dict[str, Any]] | None:
        runs: list[dict[str, Any]] = steps.list_executions(stateMachineArn=machine)["executions"]
        return None if any(run["status"] == "RUNNING" for run in runs) else runs

    for run in wait_for(cloud, ended, "the counting workflow"):
        if run["status"] != "SUCCEEDED":
            raise DemoStuckError(
                f"the count {run['name']} ended as {run['status']}; see {cloud.logs_dir}"
            )
