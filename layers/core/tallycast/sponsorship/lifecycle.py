"""The life of a campaign: one table of what may follow what, and what must hold for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.kernel.times import to_text
from tallycast.sponsorship.errors import CampaignNotReadyError, TransitionRefusedError
from tallycast.sponsorship.model import Campaign, Status, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tallycast.sponsorship.materials import Creative
    from tallycast.sponsorship.model import Order, Spot

MOST_STEPS: Final = 200  # kept of a campaign's history, the newest
DRAFT, PROPOSED, BOOKED, LIVE, PAUSED, COMPLETED, RECONCILED, CANCELLED = Status


@dataclass(frozen=True, slots=True)
class Facts:
    """What the preconditions look at.

    Attributes:
        unsettled: spots whose numbers may still change, and why; only reconciling needs it.
    """

    campaign: Campaign
    now: datetime
    order: Order | None = None
    spots: tuple[Spot, ...] = ()
    creatives: tuple[Creative, ...] = ()
    unsettled: tuple[str, ...] = ()


def _has_spots(facts: Facts) -> str | None:
    return None if facts.spots else "it has no spots: add at least one"


def _has_order(facts: Facts) -> str | None:
    if facts.order is None:
        return "it has no insertion order: name one"
    if facts.order.status != "signed":
        return f"its order {facts.order.number} is {facts.order.status}: have it signed"
    return None


def _is_approved(facts: Facts) -> str | None:
    if not facts.campaign.approval_required:
        return None
    waiting = [each.name for each in facts.creatives if each.status != "approved"]
    return f"not approved yet: {', '.join(sorted(waiting))}" if waiting else None


def _is_not_over(facts: Facts) -> str | None:
    if facts.now < facts.campaign.flight.end:
        return None
    return f"its flight was over at {to_text(facts.campaign.flight.end)}: change the flight"


def _has_begun(facts: Facts) -> str | None:
    if facts.now >= facts.campaign.flight.start:
        return None
    return f"its flight starts at {to_text(facts.campaign.flight.start)}"


def _is_over(facts: Facts) -> str | None:
    if facts.now >= facts.campaign.flight.end:
        return None
    return f"its flight ends at {to_text(facts.campaign.flight.end)}: cancel it to end it earlier"


def _is_settled(facts: Facts) -> str | None:
    if not facts.unsettled:
        return None
    return f"its numbers are not final: {'; '.join(facts.unsettled)}"


# From where, to where, and what must hold. What is not here is refused.
TRANSITIONS: Final[Mapping[tuple[Status, Status], tuple[Callable[[Facts], str | None], ...]]] = {
    (DRAFT, PROPOSED): (_has_spots,),
    (PROPOSED, DRAFT): (),
    (PROPOSED, BOOKED): (_has_order, _has_spots, _is_approved, _is_not_over),
    (BOOKED, LIVE): (_has_spots, _has_begun, _is_not_over),
    (BOOKED, COMPLETED): (_is_over,),  # nobody was there to start it
    (LIVE, PAUSED): (),
    (PAUSED, LIVE): (_has_spots, _has_begun, _is_not_over),
    (LIVE, COMPLETED): (_is_over,),
    (PAUSED, COMPLETED): (_is_over,),
    (COMPLETED, RECONCILED): (_is_settled,),
    (DRAFT, CANCELLED): (),
    (PROPOSED, CANCELLED): (),
    (BOOKED, CANCELLED): (),
    (LIVE, CANCELLED): (),
    (PAUSED, CANCELLED): (),
}


def step(facts: Facts, to: Status, *, by: str, reason: str | None = None) -> Campaign:
    """The campaign after one step, with the step in its history.

    Raises:
        TransitionRefusedError: nothing leads from where it stands to there.
        CampaignNotReadyError: something does, and a precondition does not hold; all are named.
    """
    campaign = facts.campaign
    needs = TRANSITIONS.get((campaign.status, to))
    if needs is None:
        onward = [after.value for before, after in TRANSITIONS if before is campaign.status]
        raise TransitionRefusedError(
            f"a campaign that is {campaign.status.value} cannot become {to.value}; "
            + (f"it can become {', '.join(onward)}" if onward else "its life is over")
        )
    lacking = [said for said in (need(facts) for need in needs) if said is not None]
    if lacking:
        raise CampaignNotReadyError(f"it cannot become {to.value} yet: {'; '.join(lacking)}")
    taken = Step(came_from=campaign.status, to=to, at=facts.now, by=by, reason=reason)
    history = (*campaign.history, taken)[-MOST_STEPS:]
    return campaign.model_copy(update={"status": to, "history": history})


def due_at(campaign: Campaign) -> datetime | None:
    """When the schedule moves a campaign on: at the start of its flight, and at its end."""
    if campaign.status is BOOKED:
        return campaign.flight.start
    if campaign.status in {LIVE, PAUSED}:
        return campaign.flight.end
    return None


def scheduled(campaign: Campaign, now: datetime) -> Status | None:
    """Where the schedule moves a campaign by now, None for nowhere."""
    if campaign.status not in {BOOKED, LIVE, PAUSED}:
        return None
    if now >= campaign.flight.end:
        return COMPLETED
    if campaign.status is BOOKED and now >= campaign.flight.start and campaign.spot_ids:
        return LIVE
    return None
