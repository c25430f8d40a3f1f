"""The tick of flights: booked campaigns go live when their flight begins, and complete at its end.

The due-index has every campaign that waits for either. A tick that comes twice, late, or beside
another changes nothing twice: each step is written over the version that was read, and a campaign
that was moved is due no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.observability import logger
from tallycast.aws.records import ChangedMeanwhileError
from tallycast.identity.audit.chain import Deed
from tallycast.kernel.errors import RetryableError
from tallycast.sponsorship.desk import Act
from tallycast.sponsorship.kinds import CAMPAIGNS, SPOTS
from tallycast.sponsorship.lifecycle import Facts, scheduled, step
from tallycast.sponsorship.model import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.aws.records import Stored
    from tallycast.sponsorship.desk import Desk
    from tallycast.sponsorship.model import Campaign

ACTOR: Final = "system:run_flights"
_LEAVE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Flown:
    """What a tick came to. `rest` says that some were left for the next one."""

    started: int = 0
    completed: int = 0
    failed: int = 0
    rest: bool = False


class Flights:
    """Moves campaigns on by schedule."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._campaigns = desk.of(CAMPAIGNS)

    def run(self, now: datetime, time_left: Callable[[], float]) -> Flown:
        """Move every campaign that is due at `now`.

        Args:
            now: the time of the tick.
            time_left: seconds until this invocation is killed; what does not fit waits for the
                next tick.
        """
        started = completed = failed = 0
        for stored in self._campaigns.due(now):
            if time_left() < _LEAVE_SECONDS:
                return Flown(started, completed, failed, rest=True)
            to = scheduled(stored.document, now)
            if to is None:
                continue  # without a spot there is nothing to start
            try:
                self._move(stored, to, now)
            except ChangedMeanwhileError:
                continue  # it is due again, if it still is
            except RetryableError as error:
                failed += 1
                logger.warning("not moved", extra={"campaign": stored.id, "error": error.message})
                continue
            started += to is Status.LIVE
            completed += to is Status.COMPLETED
        return Flown(started, completed, failed)

    def _move(self, stored: Stored[Campaign], to: Status, now: datetime) -> None:
        spots = self._desk.of(SPOTS).many(stored.tenant, stored.document.spot_ids)
        facts = Facts(
            campaign=stored.document,
            now=now,
            spots=tuple(each.document for each in spots.values()),
        )
        moved = step(facts, to, by=ACTOR, reason="by schedule")
        act = Act(stored.tenant, now, _deed)
        self._desk.change(
            act,
            CAMPAIGNS,
            stored,
            moved,
            f"campaign.{to.value}",
            came_from=stored.document.status.value,
        )


def _deed(action: str, target: str, **details: str | int | bool | None) -> Deed:
    return Deed(actor=ACTOR, action=action, target=target, details=details)
