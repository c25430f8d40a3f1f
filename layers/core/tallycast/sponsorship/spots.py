"""Spots: added, changed, removed; while their campaign is booked, with what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.kernel.ids import new_id
from tallycast.sponsorship.campaigns import insist_on_currency, insist_on_flight
from tallycast.sponsorship.changing import made, merged
from tallycast.sponsorship.desk import after, again
from tallycast.sponsorship.errors import (
    CampaignClosedError,
    PlacementInvalidError,
    TooManyPartsError,
)
from tallycast.sponsorship.holding import Hold, held
from tallycast.sponsorship.kinds import CAMPAIGNS, SPOTS
from tallycast.sponsorship.model import HOLDING, MOST_SPOTS, Spot, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallycast.aws.records import Stored, Write
    from tallycast.sponsorship.campaigns import Campaigns
    from tallycast.sponsorship.desk import Act, Desk
    from tallycast.sponsorship.model import Campaign, SpotFacts
    from tallycast.sponsorship.shows import Shows

    Seen = Callable[[Stored[Any]], None]

OPEN = frozenset({Status.DRAFT, Status.PROPOSED, *HOLDING})
# What is known only afterwards may still be noted when the flight is over.
AFTERWARDS = frozenset({"aircheck_url", "script"})


class Spots:
    """Keeps spots. Every change of one is a change of its campaign, in one transaction."""

    def __init__(self, desk: Desk, shows: Shows, campaigns: Campaigns) -> None:
        self.desk = desk
        self.records = desk.of(SPOTS)
        self._shows = shows
        self._campaigns = campaigns

    def add(self, act: Act, campaign_id: str, facts: SpotFacts) -> Stored[Spot]:
        """A new spot.

        Raises:
            CampaignClosedError: the campaign is over.
            TooManyPartsError: it has too many spots.
            ReferenceUnknownError: the show or episode is not there.
            PlacementInvalidError, DatesInvalidError: it says neither an episode nor days.
            PositionTakenError, CompetitorBookedError, CategoryExclusiveError: the campaign is
                booked, and this cannot stand beside what others have booked.
        """
        spot_id = new_id("spt", act.now)

        def work() -> Stored[Spot]:
            before = self._open(act, campaign_id)
            campaign = before.document
            if len(campaign.spot_ids) >= MOST_SPOTS:
                raise TooManyPartsError(f"a campaign has at most {MOST_SPOTS} spots")
            fields = {
                **facts.model_dump(),
                "campaign_id": campaign_id,
                "sponsor_id": campaign.sponsor_id,
            }
            spot = self._placed(act.tenant, made(Spot, fields), campaign)
            campaign = campaign.model_copy(update={"spot_ids": (*campaign.spot_ids, spot_id)})
            writes = [
                self.records.creation(act.tenant, spot_id, spot, act.now),
                *self._held(act, before, campaign, {spot_id: spot}, ()),
            ]
            self.desk.commit(act, writes, act.deed("spot.create", spot_id, campaign=campaign_id))
            return self.records.get(act.tenant, spot_id)

        return again(work)

    def change(
        self, act: Act, spot_id: str, changes: Mapping[str, Any], seen: Seen
    ) -> Stored[Spot]:
        """A spot with some facts changed.

        Raises:
            CampaignClosedError: the campaign is over, and this is not its script or aircheck.
            ReferenceUnknownError, PlacementInvalidError, PositionTakenError and others: as `add`.
        """

        def work() -> Stored[Spot]:
            before = self.records.get(act.tenant, spot_id)
            seen(before)
            campaign_id = before.document.campaign_id
            campaign = self._campaigns.records.get(act.tenant, campaign_id)
            spot = merged(before.document, changes)
            if not set(changes) <= AFTERWARDS:
                _insist_on_open(campaign)
                spot = self._placed(act.tenant, spot, campaign.document)
            writes = [
                self.records.replacement(before, spot, act.now),
                *self._held(
                    act, campaign, campaign.document, {spot_id: spot}, (before.document.show_id,)
                ),
            ]
            self.desk.commit(act, writes, act.deed("spot.change", spot_id, campaign=campaign_id))
            return after(before, spot, act.now)

        return again(work)

    def remove(self, act: Act, spot_id: str, seen: Seen) -> None:
        """A spot gone, and its position free.

        Raises:
            CampaignClosedError: the campaign is over.
        """

        def work() -> None:
            before = self.records.get(act.tenant, spot_id)
            seen(before)
            campaign_id = before.document.campaign_id
            stored = self._open(act, campaign_id)
            left = tuple(each for each in stored.document.spot_ids if each != spot_id)
            campaign = stored.document.model_copy(update={"spot_ids": left})
            writes = [
                self.records.removal(before),
                *self._held(act, stored, campaign, {}, (before.document.show_id,)),
            ]
            self.desk.commit(act, writes, act.deed("spot.remove", spot_id, campaign=campaign_id))

        again(work)

    def _open(self, act: Act, campaign_id: str) -> Stored[Campaign]:
        stored = self._campaigns.records.get(act.tenant, campaign_id)
        _insist_on_open(stored)
        return stored

    def _placed(self, tenant: str, spot: Spot, campaign: Campaign) -> Spot:
        """The spot with its episode's day of release, if all it says makes sense together."""
        run = spot.starts_on is not None and spot.ends_on is not None
        half = (spot.starts_on is None) != (spot.ends_on is None)
        if half or run == (spot.episode_id is not None):
            raise PlacementInvalidError(
                "a spot is in an episode (episode_id) or in a show's run (starts_on and ends_on): "
                "say one of the two"
            )
        self._shows.insist(tenant, spot.show_id)
        insist_on_flight(spot, campaign.flight)
        order = self._campaigns.order(tenant, campaign)
        if order is not None:
            insist_on_currency(spot, order.document)
        released = None
        if spot.episode_id is not None:
            released = self._shows.episode(tenant, spot.show_id, spot.episode_id).released_on
        return spot.model_copy(update={"released_on": released})

    def _held(
        self,
        act: Act,
        before: Stored[Campaign],
        campaign: Campaign,
        changed: Mapping[str, Spot],
        shows_before: tuple[str, ...],
    ) -> list[Write]:
        """The campaign written anew, with what it holds: two changes of it never pass by."""
        writes = [self.desk.of(CAMPAIGNS).replacement(before, campaign, act.now)]
        if campaign.status not in HOLDING:
            return writes
        spots = {**self._campaigns.spots(act.tenant, campaign), **changed}
        order = self._campaigns.order(act.tenant, campaign)
        shows = {*shows_before, *(spot.show_id for spot in changed.values())}
        affected = {each: spot for each, spot in spots.items() if spot.show_id in shows}
        hold = Hold(before.id, campaign, order.document.terms if order else None, affected)
        return writes + held(self.desk, act, hold, before=shows)


def _insist_on_open(campaign: Stored[Campaign]) -> None:
    if campaign.document.status not in OPEN:
        raise CampaignClosedError(
            f"the campaign is {campaign.document.status.value}: its spots stand as they are"
        )
