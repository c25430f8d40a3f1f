"""The script of the demo: what happens to each show between one phase and the next."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tallycast.demo.habits import Habit, Phase
from tallycast.demo.shows import ChangePlan, with_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallycast.demo.shows import DemoShow

# Who is not named here stays as it was: unchanged is the commonest outcome of a poll.
SCRIPT: Mapping[Phase, Mapping[Habit, ChangePlan]] = {
    Phase.SECOND_TICK: {
        Habit.STRONG_ETAG: ChangePlan(new=1),
        Habit.LAST_MODIFIED: ChangePlan(new=1, edited=2),
        Habit.GZIP: ChangePlan(new=3, dropped=3),
        Habit.PERMANENT_REDIRECT: ChangePlan(new=1),
        Habit.TEMPORARY_REDIRECT: ChangePlan(edited=1),
        Habit.NEW_FEED_URL: ChangePlan(new=2, moves_host=True),
        Habit.ILL_FORMED: ChangePlan(new=1, edited=1),
        Habit.SLOW: ChangePlan(new=1),
        # These two cannot be seen until the host is well again, at the third tick.
        Habit.THROTTLED: ChangePlan(new=1),
        Habit.PARKED: ChangePlan(new=1, dropped=1),
    },
    Phase.THIRD_TICK: {
        Habit.NO_VALIDATORS: ChangePlan(new=1),
        Habit.HEAD_CHURN: ChangePlan(new=2),
        Habit.ROTATING_TOKENS: ChangePlan(new=1, edited=1),
        Habit.GZIP: ChangePlan(new=1, edited=1, restored=1),
    },
}
BETWEEN_PHASES = timedelta(minutes=15)


def show_at(show: DemoShow, phase: Phase) -> DemoShow:
    """The show as it stands in `phase`, made from how it was generated."""
    started = show.updated
    for act, plans in sorted(SCRIPT.items()):
        if act <= phase:
            now = started + BETWEEN_PHASES * (act - Phase.FIRST_TICK)
            show = with_changes(show, plans.get(show.habit, ChangePlan()), now)
    return show
