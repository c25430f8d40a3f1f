"""Campaigns: drawn up, moved through their life, renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.kernel.times import to_millis
from tallycast.sponsorship.changing import made, merged
from tallycast.sponsorship.desk import again
from tallycast.sponsorship.errors import (
    CampaignClosedError,
    CampaignNotReadyError,
    CurrencyDiffersError,
    DatesInvalidError,
    ReferenceUnknownError,
)
from tallycast.sponsorship.holding import Hold, held
from tallycast.sponsorship.kinds import CAMPAIGNS, CREATIVES, ORDERS, SPONSORS, SPOTS
from tallycast.sponsorship.lifecycle import Facts, step
from tallycast.sponsorship.model import HOLDING, Campaign, CampaignFacts, Flight, Status, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallycast.aws.records import Stored, Write
    from tallycast.sponsorship.deliveries import Deliveries
    from tallycast.sponsorship.desk import Act, Desk
    from tallycast.sponsorship.materials import Creative
    from tallycast.sponsorship.model import Order, Spot
    from tallycast.sponsorship.shows import Shows

    Seen = Callable[[Stored[Any]], None]

CLOSED = frozenset({Status.COMPLETED, Status.RECONCILED, Status.CANCELLED})


class Campaigns:
    """Keeps campaigns.

    Args:
        desk: where they are.
        shows: what is known of shows.
        deliveries: knows which spots of a campaign have numbers that may still change.
    """

    def __init__(self, desk: Desk, shows: Shows, deliveries: Deliveries) -> None:
        self.desk = desk
        self.records = desk.of(CAMPAIGNS)
        self._shows = shows
        self._deliveries = deliveries

    def add(
        self, act: Act, facts: CampaignFacts, *, renewed_from: str | None = None
    ) -> Stored[Campaign]:
        """A new campaign in draft.

        Raises:
            ReferenceUnknownError: its sponsor, brand, order or a show is not there.
            CurrencyDiffersError: its budget is not in its order's currency.
        """
        fields = facts.model_dump()
        category = self._category(act.tenant, facts)
        created = act.deed("campaign.create", "")
        first = Step(came_from=None, to=Status.DRAFT, at=to_millis(act.now), by=created.actor)
        campaign = made(
            Campaign,
            {**fields, "category": category, "renewed_from": renewed_from, "history": (first,)},
        )
        self._insist_on_references(act.tenant, campaign)
        return self.desk.add(act, CAMPAIGNS, "cmp", campaign, "campaign.create")

    def change(
        self, act: Act, campaign_id: str, changes: Mapping[str, Any], seen: Seen
    ) -> Stored[Campaign]:
        """A campaign with some facts changed; one that is booked keeps or moves its positions.

        Raises:
            CampaignClosedError: it is over, or the fact cannot change while it is booked.
            PositionTakenError, CompetitorBookedError, CategoryExclusiveError: in another flight
                it would meet other campaigns.
        """

        def work() -> Stored[Campaign]:
            before = self.records.get(act.tenant, campaign_id)
            seen(before)
            campaign = self._changed(act, before.document, changes)
            more: list[Write] = []
            if campaign.status in HOLDING and campaign != before.document:
                spots = self.spots(act.tenant, campaign)
                order = self.order(act.tenant, campaign)
                more = self._held(act, campaign_id, campaign, order, spots)
            return self.desk.change(act, CAMPAIGNS, before, campaign, "campaign.change", more)

        return again(work)

    def move(
        self, act: Act, campaign_id: str, to: Status, reason: str | None = None
    ) -> Stored[Campaign]:
        """A campaign one step on in its life.

        Raises:
            TransitionRefusedError, CampaignNotReadyError: it cannot take this step (yet).
            PositionTakenError, CompetitorBookedError, CategoryExclusiveError: it cannot be
                booked beside what is booked already.
        """

        def work() -> Stored[Campaign]:
            before = self.records.get(act.tenant, campaign_id)
            campaign = before.document
            spots = self.spots(act.tenant, campaign)
            order = self.order(act.tenant, campaign)
            creatives = self.creatives(act.tenant, campaign)
            facts = Facts(
                campaign=campaign,
                now=to_millis(act.now),
                order=order.document if order else None,
                spots=tuple(spots.values()),
                creatives=tuple(each.document for each in creatives.values()),
                unsettled=self._deliveries.unsettled(before, order, spots, act.now)
                if (campaign.status, to) == (Status.COMPLETED, Status.RECONCILED)
                else (),
            )
            deed = act.deed(f"campaign.{to.value}", campaign_id, came_from=campaign.status.value)
            moved = step(facts, to, by=deed.actor, reason=reason)
            more: list[Write] = []
            if (campaign.status in HOLDING) != (to in HOLDING) and to is not Status.COMPLETED:
                more = self._held(act, campaign_id, moved, order, spots)
            if to is Status.BOOKED:
                more += [self.desk.of(CREATIVES).check(each) for each in creatives.values()]
                more += [self.desk.of(ORDERS).check(order)] if order else []
            return self.desk.change(
                act, CAMPAIGNS, before, moved, deed.action, more, came_from=campaign.status.value
            )

        return again(work)

    def renew(
        self, act: Act, campaign_id: str, flight: Flight, order_id: str | None
    ) -> Stored[Campaign]:
        """A new draft in another flight, linked to its predecessor; spots are not copied.

        Raises:
            CampaignNotReadyError: the predecessor was never booked.
            ReferenceUnknownError: the order is not there, or another sponsor's.
        """
        before = self.records.get(act.tenant, campaign_id).document
        if all(each.to is not Status.BOOKED for each in before.history):
            raise CampaignNotReadyError("only a campaign that was booked can be renewed")
        facts = {name: getattr(before, name) for name in CampaignFacts.model_fields}
        changed = {"flight": flight, "order_id": order_id}
        return self.add(
            act, CampaignFacts.model_validate({**facts, **changed}), renewed_from=campaign_id
        )

    # ── what belongs to a campaign, read consistently ──

    def spots(self, tenant: str, campaign: Campaign) -> dict[str, Spot]:
        """Its spots by id, in the order they were added."""
        found = self.desk.of(SPOTS).many(tenant, campaign.spot_ids)
        return {each: found[each].document for each in campaign.spot_ids if each in found}

    def creatives(self, tenant: str, campaign: Campaign) -> dict[str, Stored[Creative]]:
        """Its creatives by id."""
        return self.desk.of(CREATIVES).many(tenant, campaign.creative_ids)

    def order(self, tenant: str, campaign: Campaign) -> Stored[Order] | None:
        """Its insertion order, if it has one."""
        if campaign.order_id is None:
            return None
        return self.desk.of(ORDERS).find(tenant, campaign.order_id)

    def _held(
        self,
        act: Act,
        campaign_id: str,
        campaign: Campaign,
        order: Stored[Order] | None,
        spots: Mapping[str, Spot],
    ) -> list[Write]:
        hold = Hold(campaign_id, campaign, order.document.terms if order else None, spots)
        return held(self.desk, act, hold, before={spot.show_id for spot in spots.values()})

    def _changed(self, act: Act, before: Campaign, changes: Mapping[str, Any]) -> Campaign:
        if before.status in CLOSED:
            raise CampaignClosedError(f"the campaign is {before.status.value}: renew it instead")
        campaign = merged(before, changes)
        if before.status in HOLDING and campaign.order_id != before.order_id:
            raise CampaignClosedError(
                f"the campaign is {before.status.value}, and its order stands: cancel and renew it"
            )
        if {"brand", "order_id", "budget", "targets"} & set(changes):
            self._insist_on_references(act.tenant, campaign)
            category = self._category(act.tenant, campaign)
            campaign = campaign.model_copy(update={"category": category})
        if "flight" in changes:
            for spot in self.spots(act.tenant, campaign).values():
                insist_on_flight(spot, campaign.flight)
        return campaign

    def _category(self, tenant: str, facts: CampaignFacts) -> str:
        sponsor = self.desk.of(SPONSORS).find(tenant, facts.sponsor_id)
        if sponsor is None:
            raise ReferenceUnknownError(f"sponsor_id: there is no sponsor {facts.sponsor_id}")
        if facts.brand is None:
            return sponsor.document.category
        for brand in sponsor.document.brands:
            if brand.name == facts.brand:
                return brand.category
        raise ReferenceUnknownError(f"brand: {sponsor.document.name} has no brand {facts.brand!r}")

    def _insist_on_references(self, tenant: str, campaign: Campaign) -> None:
        for show_id in campaign.targets.show_ids:
            self._shows.insist(tenant, show_id)
        order = self.order(tenant, campaign)
        if campaign.order_id is None:
            return
        if order is None or order.document.sponsor_id != campaign.sponsor_id:
            raise ReferenceUnknownError(
                f"order_id: the sponsor has no insertion order {campaign.order_id}"
            )
        currency = order.document.terms.rate.price.currency
        if campaign.budget is not None and campaign.budget.currency != currency:
            raise CurrencyDiffersError(f"budget: the order is in {currency}")
        for spot in self.spots(tenant, campaign).values():
            insist_on_currency(spot, order.document)


def insist_on_flight(spot: Spot, flight: Flight) -> None:
    """Insist that a run lies within its campaign's flight.

    Raises:
        DatesInvalidError: it does not.
    """
    first, last = spot.starts_on, spot.ends_on
    if first is None or last is None:
        return
    if last < first:
        raise DatesInvalidError("ends_on: a run ends on the day it starts, or later")
    if first < flight.starts_on or last > flight.ends_on:
        raise DatesInvalidError(
            f"{first} to {last} is not within the flight {flight.starts_on} to {flight.ends_on}"
        )


def insist_on_currency(spot: Spot, order: Order) -> None:
    """Insist that a spot's own price is in its order's currency.

    Raises:
        CurrencyDiffersError: it is not.
    """
    currency = order.terms.rate.price.currency
    if spot.rate is not None and spot.rate.price.currency != currency:
        raise CurrencyDiffersError(f"rate: the order is in {currency}")
