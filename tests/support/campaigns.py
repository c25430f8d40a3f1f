"""Campaigns as the sponsorship room keeps them, for tests that do not go through the API."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from tallycast.aws.records import Records, Stored, commit
from tallycast.kernel.money import Money
from tallycast.sponsorship.kinds import CAMPAIGNS, SPOTS
from tallycast.sponsorship.materials import Creative
from tallycast.sponsorship.model import Campaign, Flight, Order, Rate, Spot, Status, Terms

AT = datetime(2026, 1, 2, 9, tzinfo=UTC)
SPOT = "spt_01kaqm3v5h"


def a_flight(first: date = date(2026, 1, 5), last: date = date(2026, 1, 9), **facts: Any) -> Flight:
    return Flight(starts_on=first, ends_on=last, **facts)


def a_rate(amount: int = 2500, kind: str = "cpm", currency: str = "EUR") -> Rate:
    return Rate(kind=kind, price=Money(amount=amount, currency=currency))


def terms(**facts: Any) -> Terms:
    return Terms(**{"rate": a_rate(), "rules": "iab-2.3"} | facts)


def an_order(**facts: Any) -> Order:
    known = {"number": "IO 1", "sponsor_id": "spo_1", "terms": terms(), "status": "signed"}
    return Order(**known | facts)


def a_campaign(**facts: Any) -> Campaign:
    known = {
        "name": "Winter",
        "sponsor_id": "spo_1",
        "category": "mattresses",
        "flight": a_flight(),
        "status": Status.BOOKED,
        "spot_ids": (SPOT,),
    }
    return Campaign(**known | facts)


def a_spot(**facts: Any) -> Spot:
    known = {
        "campaign_id": "cmp_1",
        "sponsor_id": "spo_1",
        "show_id": "show_1",
        "position": "mid",
        "booked_downloads": 10_000,
    }
    if "episode_id" not in facts:
        known |= {"starts_on": date(2026, 1, 5), "ends_on": date(2026, 1, 9)}
    return Spot(**known | facts)


def a_creative(**facts: Any) -> Creative:
    known = {"campaign_id": "cmp_1", "sponsor_id": "spo_1", "name": "Script", "kind": "script"}
    return Creative(**known | facts)


def keep(
    table: Any, campaign_id: str, campaign: Campaign, *, tenant: str = "acme"
) -> Stored[Campaign]:
    """Write a campaign and its spots as they are."""
    spots = Records(table, SPOTS)
    writes = [
        spots.creation(tenant, each, a_spot(campaign_id=campaign_id), AT)
        for each in campaign.spot_ids
        if spots.find(tenant, each) is None
    ]
    kept = Records(table, CAMPAIGNS)
    commit(table, [*writes, kept.creation(tenant, campaign_id, campaign, AT)])
    return kept.get(tenant, campaign_id)
