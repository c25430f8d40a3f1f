"""What was delivered of what was booked, what it costs, and what is owed. Pure rules.

Money is rounded once per spot, half up (`kernel.money`); a campaign's sums are sums of its spots.
Nobody's reach is in here: listeners of two spots are not added, as many are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.kernel.money import Money, half_up, per_thousand, total

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from fractions import Fraction

    from tallycast.sponsorship.forecast import Method
    from tallycast.sponsorship.model import Campaign, Rate, Spot, Terms
    from tallycast.sponsorship.windows import Window
    from tallycast.sponsorship.words import MakeGood


@dataclass(frozen=True, slots=True)
class Counted:
    """What the count says of one spot.

    Attributes:
        final: the window is over and none of its days can change any more.
        projection: what the window will have come to, and how that was found.
    """

    delivered: int
    window: Window
    final: bool
    projection: tuple[int | None, Method]


@dataclass(frozen=True, slots=True)
class SpotDelivery:
    """The figures of one spot.

    Attributes:
        percent: of what was booked, to a tenth.
        pacing: delivered / (booked * elapsed share of the window); None before it begins.
        spend: delivered / 1000 * CPM; or the flat fee by elapsed window.
        ecpm: spend / delivered * 1000; None without downloads.
        shortfall: max(0, booked - delivered within the window), as it stands.
        shortfall_value: the shortfall at the booked CPM; of a flat fee its share.
        owed: the shortfall once the window is over, if the order makes good; else 0.
        owed_value: at the booked CPM.
    """

    spot_id: str
    spot: Spot
    counted: Counted
    percent: float
    elapsed: float
    pacing: float | None
    spend: Money | None
    ecpm: Money | None
    shortfall: int
    shortfall_value: Money | None
    owed: int
    owed_value: Money | None
    make_good: MakeGood
    is_over: bool


@dataclass(frozen=True, slots=True)
class CampaignDelivery:
    """The figures of a campaign: sums over its spots, and its pacing over the flight."""

    goal: int
    booked: int
    delivered: int
    percent: float
    elapsed: float
    pacing: float | None
    spend: Money | None
    ecpm: Money | None
    owed: int
    owed_value: Money | None
    projected: int | None
    final: bool
    spots: tuple[SpotDelivery, ...]


def rate_of(spot: Spot, terms: Terms | None) -> Rate | None:
    """What a spot costs: its own price, or the order's."""
    return spot.rate or (terms.rate if terms else None)


def spot_delivery(
    spot_id: str, spot: Spot, terms: Terms | None, counted: Counted, now: datetime
) -> SpotDelivery:
    """The figures of one spot at a time."""
    booked, delivered, window = spot.booked_downloads, counted.delivered, counted.window
    rate, share = rate_of(spot, terms), window.elapsed(now)
    is_over = now >= window.ends
    short = make_good(booked, delivered)
    value = worth(rate, short, booked) if rate else None
    rule: MakeGood = terms.make_good if terms else "none"
    owed = short if is_over and rule != "none" else 0
    spend = spent(rate, delivered, share) if rate else None
    return SpotDelivery(
        spot_id=spot_id,
        spot=spot,
        counted=counted,
        percent=percent(delivered, booked),
        elapsed=round(float(share), 4),
        pacing=pacing(delivered, booked, share),
        spend=spend,
        ecpm=ecpm(spend, delivered),
        shortfall=short,
        shortfall_value=value,
        owed=owed,
        owed_value=worth(rate, owed, booked) if rate else None,
        make_good=rule,
        is_over=is_over,
    )


def campaign_delivery(
    campaign: Campaign, spots: Sequence[SpotDelivery], elapsed: Fraction
) -> CampaignDelivery:
    """The figures of a campaign.

    Raises:
        CurrencyMismatchError: its spots are priced in several currencies.
    """
    booked = sum(each.spot.booked_downloads for each in spots)
    delivered = sum(each.counted.delivered for each in spots)
    goal = campaign.goal_downloads or booked
    projections = [each.counted.projection[0] for each in spots]
    spend = _sum([each.spend for each in spots])
    return CampaignDelivery(
        goal=goal,
        booked=booked,
        delivered=delivered,
        percent=percent(delivered, goal),
        elapsed=round(float(elapsed), 4),
        pacing=pacing(delivered, goal, elapsed),
        spend=spend,
        ecpm=ecpm(spend, delivered),
        owed=sum(each.owed for each in spots),
        owed_value=_sum([each.owed_value for each in spots]),
        projected=None
        if not projections or None in projections
        else sum(each for each in projections if each is not None),
        final=bool(spots) and all(each.counted.final for each in spots),
        spots=tuple(spots),
    )


def make_good(booked: int, counted: int) -> int:
    """Downloads that were booked and not counted: max(0, booked - counted)."""
    return max(0, booked - counted)


def worth(rate: Rate, downloads: int, booked: int) -> Money:
    """What so many of the booked downloads cost: at the CPM, or as a share of the flat fee."""
    if rate.kind == "cpm":
        return per_thousand(rate.price, downloads)
    return rate.price.share(downloads, booked)


def spent(rate: Rate, delivered: int, elapsed: Fraction) -> Money:
    """Spend to date: delivered / 1000 * CPM, or the flat fee by elapsed time."""
    if rate.kind == "cpm":
        return per_thousand(rate.price, delivered)
    return rate.price.share(elapsed.numerator, elapsed.denominator)


def ecpm(spend: Money | None, delivered: int) -> Money | None:
    """What a thousand delivered downloads cost."""
    return spend.share(1000, delivered) if spend is not None and delivered else None


def percent(part: int, whole: int) -> float:
    """Of a hundred, to a tenth; nothing of nothing."""
    return half_up(part * 1000, whole) / 10 if whole else 0.0


def pacing(delivered: int, goal: int, elapsed: Fraction) -> float | None:
    """What is there of what should be by now: delivered / (goal * elapsed share).

    To a thousandth; None while nothing was to be there.
    """
    expected = goal * elapsed
    if expected <= 0:
        return None
    exact = delivered / expected
    return half_up(exact.numerator * 1000, exact.denominator) / 1000


def _sum(parts: Sequence[Money | None]) -> Money | None:
    """The sum; None as soon as one has no price, or there is none."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return total(known, known[0].currency)
