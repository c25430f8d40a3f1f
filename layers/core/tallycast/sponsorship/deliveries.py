"""Delivery of spots and campaigns: the rules of `delivery` on what the count says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from tallycast.sponsorship.delivery import (
    CampaignDelivery,
    Counted,
    SpotDelivery,
    campaign_delivery,
    spot_delivery,
)
from tallycast.sponsorship.forecast import EPISODES, curve_of, projected
from tallycast.sponsorship.numbers import is_late_no_more
from tallycast.sponsorship.shows import local_day
from tallycast.sponsorship.windows import elapsed, parts_of, window_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from tallycast.aws.records import Stored
    from tallycast.measurement.tenancy import MeasurementSettings
    from tallycast.sponsorship.forecast import Curve, Method
    from tallycast.sponsorship.model import Campaign, Order, Spot, Terms
    from tallycast.sponsorship.numbers import Numbers
    from tallycast.sponsorship.shows import Shows
    from tallycast.sponsorship.windows import Episode, Part, Window

_CURVE_DAYS: Final = 31  # an episode younger than this says nothing of 30 whole days


@dataclass(frozen=True, slots=True)
class Day:
    """Downloads of an episode or a show on one day that count towards a spot."""

    day: date
    scope: Literal["episode", "show"]
    id: str
    downloads: int
    status: Literal["provisional", "final"]


class Deliveries:
    """Works out delivery from the rollups of the rule set that the order names."""

    def __init__(self, shows: Shows, numbers: Numbers) -> None:
        self._shows = shows
        self.numbers = numbers

    def of_campaign(
        self,
        campaign: Stored[Campaign],
        order: Stored[Order] | None,
        spots: Mapping[str, Spot],
        now: datetime,
    ) -> CampaignDelivery:
        """The figures of a campaign and of each of its spots (or of those given)."""
        terms = order.document.terms if order else None
        flight = campaign.document.flight
        found = self.of_spots(campaign, terms, spots, now)
        share = elapsed(flight.start, flight.end, now)
        return campaign_delivery(campaign.document, list(found.values()), share)

    def rules(self, tenant: str, order: Stored[Order] | None) -> str:
        """The rule set that counts under an order."""
        terms = order.document.terms if order else None
        return rules_of(terms, self._shows.settings(tenant))

    def of_spots(
        self,
        campaign: Stored[Campaign],
        terms: Terms | None,
        spots: Mapping[str, Spot],
        now: datetime,
    ) -> dict[str, SpotDelivery]:
        """The figures of some spots of a campaign, by id."""
        tenant = campaign.tenant
        settings = self._shows.settings(tenant)
        rules = rules_of(terms, settings)
        parts = {each: self._parts(campaign, terms, spots[each], settings) for each in spots}
        counts = self.numbers.downloads(
            tenant, rules, [part for some in parts.values() for part in some]
        )
        curves = _Curves(self, tenant, rules, settings, now)
        windows = _windows(campaign, terms, spots, settings)
        unfinished = self._unfinished(tenant, rules, windows.values())
        found: dict[str, SpotDelivery] = {}
        for spot_id, spot in spots.items():
            window = windows[spot_id]
            counted = Counted(
                delivered=sum(counts[part] for part in parts[spot_id]),
                window=window,
                final=is_late_no_more(window, now, settings.final_after_hours)
                and not any(day in window for day in unfinished),
                projection=_projection(spot, parts[spot_id], counts, curves, now),
            )
            found[spot_id] = spot_delivery(spot_id, spot, terms, counted, now)
        return found

    def days(
        self, campaign: Stored[Campaign], order: Stored[Order] | None, spot: Spot
    ) -> list[Day]:
        """What counts towards a spot, day by day and, for a baked-in run, episode by episode."""
        terms = order.document.terms if order else None
        settings = self._shows.settings(campaign.tenant)
        rules = rules_of(terms, settings)
        found = [
            Day(card.day, part.scope, part.id, card.downloads, card.count.status)
            for part in self._parts(campaign, terms, spot, settings)
            for card in self.numbers.cards_of(campaign.tenant, rules, part)
        ]
        return sorted(found, key=lambda each: (each.day, each.id))

    def unsettled(
        self,
        campaign: Stored[Campaign],
        order: Stored[Order] | None,
        spots: Mapping[str, Spot],
        now: datetime,
    ) -> tuple[str, ...]:
        """Which spots have numbers that may still change, and until when."""
        terms = order.document.terms if order else None
        settings = self._shows.settings(campaign.tenant)
        rules = rules_of(terms, settings)
        windows = _windows(campaign, terms, spots, settings)
        unfinished = self._unfinished(campaign.tenant, rules, windows.values())
        found = []
        for spot_id, window in windows.items():
            if not is_late_no_more(window, now, settings.final_after_hours):
                late = f"and {settings.final_after_hours} h later"
                found.append(f"the window of {spot_id} ends with {window.last}, {late}")
                continue
            days = [day for day in unfinished if day in window]
            if days:
                found.append(f"{min(days)} of {spot_id} is to be counted again")
        return tuple(found)

    def _unfinished(self, tenant: str, rules: str, windows: Iterable[Window]) -> set[date]:
        """Days of any of the windows whose numbers may still change, in one read."""
        some = [window for window in windows if window.days]
        if not some:
            return set()
        first, last = min(each.first for each in some), max(each.last for each in some)
        return self.numbers.unfinished(tenant, rules, first, last)

    def curve(
        self, tenant: str, rules: str, show_id: str, settings: MeasurementSettings, now: datetime
    ) -> Curve | None:
        """How downloads of the show's episodes gather with their age."""
        recent = self.recent(tenant, show_id, settings.zone_of(show_id), now, _CURVE_DAYS)
        ages = self.numbers.ages(tenant, rules, [each.episode_id for each in recent])
        return curve_of([each.within for each in ages])

    def recent(
        self, tenant: str, show_id: str, zone: str, now: datetime, days: int
    ) -> list[Episode]:
        """The show's last episodes whose first `days` days are over, the newest first."""
        until = local_day(now, zone) - timedelta(days=days)
        found = []
        for episode in self._shows.episodes(tenant, show_id, zone, until=until):
            found.append(episode)
            if len(found) == EPISODES:
                break
        return found

    def _parts(
        self,
        campaign: Stored[Campaign],
        terms: Terms | None,
        spot: Spot,
        settings: MeasurementSettings,
    ) -> tuple[Part, ...]:
        zone = settings.zone_of(spot.show_id)
        episodes: list[Episode] = []
        if spot.starts_on and spot.ends_on and spot.insertion == "baked_in":
            episodes = self._shows.released(
                campaign.tenant, spot.show_id, zone, spot.starts_on, spot.ends_on
            )
        return parts_of(spot, campaign.document.flight, terms, episodes, zone)


class _Curves:
    """Age curves by show, each made when a projection first asks for it."""

    def __init__(
        self,
        deliveries: Deliveries,
        tenant: str,
        rules: str,
        settings: MeasurementSettings,
        now: datetime,
    ) -> None:
        self._deliveries, self._arguments = deliveries, (tenant, rules, settings, now)
        self._made: dict[str, Curve | None] = {}

    def of(self, show_id: str) -> Curve | None:
        """The curve of a show."""
        if show_id not in self._made:
            tenant, rules, settings, now = self._arguments
            self._made[show_id] = self._deliveries.curve(tenant, rules, show_id, settings, now)
        return self._made[show_id]


def _windows(
    campaign: Stored[Campaign],
    terms: Terms | None,
    spots: Mapping[str, Spot],
    settings: MeasurementSettings,
) -> dict[str, Window]:
    flight = campaign.document.flight
    return {
        spot_id: window_of(spot, flight, terms, settings.zone_of(spot.show_id))
        for spot_id, spot in spots.items()
    }


def rules_of(terms: Terms | None, settings: MeasurementSettings) -> str:
    """The rule set that a sponsor is paid by: the order's, or the tenant's first."""
    return (terms.rules if terms else None) or settings.rules[0]


def _projection(
    spot: Spot, parts: tuple[Part, ...], counts: Mapping[Part, int], curves: _Curves, now: datetime
) -> tuple[int | None, Method]:
    """The sum over the parts, found as the one that is found least surely."""
    total = 0
    methods: set[Method] = set()
    for part in parts:
        share = part.window.elapsed(now)
        is_running = 0 < share < 1 and part.from_release
        number, method = projected(
            counts[part],
            elapsed=share,
            days=part.window.days,
            curve=curves.of(spot.show_id) if is_running else None,
        )
        if number is None:
            return None, "none"
        total += number
        methods.add(method)
    for method in _LEAST_SURE_FIRST:
        if method in methods:
            return total, method
    return None, "none"


_LEAST_SURE_FIRST: Final[tuple[Method, ...]] = ("run_rate", "age_curve", "counted")
