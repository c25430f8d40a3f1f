"""What the routes of this room ask, wired."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tallycast.aws import clients
from tallycast.measurement.counting.days import DayStore
from tallycast.measurement.rollups.reading import CardReader
from tallycast.sponsorship.campaigns import Campaigns
from tallycast.sponsorship.codes import Codes
from tallycast.sponsorship.creatives import Creatives
from tallycast.sponsorship.deliveries import Deliveries
from tallycast.sponsorship.desk import Desk
from tallycast.sponsorship.figures import campaign_figures
from tallycast.sponsorship.inventory import Inventory
from tallycast.sponsorship.numbers import Numbers
from tallycast.sponsorship.orders import Orders
from tallycast.sponsorship.parties import Parties
from tallycast.sponsorship.rates import Rates
from tallycast.sponsorship.settings import SponsorshipSettings
from tallycast.sponsorship.shows import Shows
from tallycast.sponsorship.spots import Spots

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.aws.records import Stored
    from tallycast.sponsorship.figures import CampaignFigures
    from tallycast.sponsorship.model import Campaign


@dataclass(frozen=True, slots=True)
class Sponsorship:
    """Everything that this room does for somebody at the door."""

    parties: Parties
    orders: Orders
    campaigns: Campaigns
    spots: Spots
    codes: Codes
    creatives: Creatives
    deliveries: Deliveries
    inventory: Inventory
    rates: Rates

    def figures_of(self, campaign: Stored[Campaign], now: datetime) -> CampaignFigures:
        """What was delivered of a campaign by now, with its money."""
        order = self.campaigns.order(campaign.tenant, campaign.document)
        spots = self.campaigns.spots(campaign.tenant, campaign.document)
        found = self.deliveries.of_campaign(campaign, order, spots, now)
        return campaign_figures(campaign.id, self.deliveries.rules(campaign.tenant, order), found)


@cache
def sponsorship() -> Sponsorship:
    """The room, as the environment wants it."""
    settings = SponsorshipSettings.from_environment()
    core, metrics = clients.table(settings.core_table), clients.table(settings.metrics_table)
    desk, shows = Desk(core), Shows(core)
    deliveries = Deliveries(shows, Numbers(CardReader(metrics), DayStore(metrics)))
    campaigns = Campaigns(desk, shows, deliveries)
    return Sponsorship(
        parties=Parties(desk),
        orders=Orders(desk, shows),
        campaigns=campaigns,
        spots=Spots(desk, shows, campaigns),
        codes=Codes(desk, shows),
        creatives=Creatives(desk, campaigns),
        deliveries=deliveries,
        inventory=Inventory(desk, shows, deliveries),
        rates=Rates(desk, shows),
    )
