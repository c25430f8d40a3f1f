"""What a show still has to sell, and what it can say of its audience. Simple and stated.

The forecast of an episode is the mean of the last ten whose guarantee window is over, each counted
within that window. A period has the episodes that are out, and those that the rhythm of the last
90 days lets expect. From what they come to, what is booked is taken off.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallycast.kernel.money import half_up
from tallycast.measurement.rollups.model import Thing
from tallycast.sponsorship.forecast import mean, median
from tallycast.sponsorship.holding import book_of
from tallycast.sponsorship.shows import local_day
from tallycast.sponsorship.windows import Part, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallycast.measurement.tenancy import MeasurementSettings
    from tallycast.sponsorship.booking import Booking
    from tallycast.sponsorship.deliveries import Deliveries
    from tallycast.sponsorship.desk import Desk
    from tallycast.sponsorship.shows import Shows
    from tallycast.sponsorship.words import Position

RHYTHM_DAYS: Final = 90
AUDIENCE_DAYS: Final = 28
KIT_DAYS: Final = 30  # an episode's downloads are told at this age
_NAMED: Final = 10  # countries and apps
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Avails:
    """One position of a show in a period, in downloads.

    Attributes:
        slots: how many there are: episodes expected, times those of each episode.
        forecast: what they come to; None when no episode says.
        available: forecast minus booked, never below 0.
    """

    position: Position
    slots: int
    forecast: int | None
    booked: int
    available: int | None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a show has to sell from one day to another."""

    rules: str
    zone: str
    per_episode: int | None
    based_on: int
    released: int
    expected: int
    avails: tuple[Avails, ...]


@dataclass(frozen=True, slots=True)
class MediaKit:
    """A show's audience in numbers; `listeners` is of the last month counted, and of no other."""

    title: str | None
    rules: str
    mean_downloads: int | None
    median_downloads: int | None
    based_on: int
    first: date
    last: date
    downloads: int
    countries: tuple[tuple[str, int], ...]
    apps: tuple[tuple[str, int], ...]
    listeners: int | None
    listeners_month: str | None
    listeners_final: bool


class Inventory:
    """Works out what shows have to sell."""

    def __init__(self, desk: Desk, shows: Shows, deliveries: Deliveries) -> None:
        self._desk = desk
        self._shows = shows
        self._deliveries = deliveries

    def offer(
        self,
        tenant: str,
        show_id: str,
        period: tuple[date, date],
        slots: Mapping[Position, int],
        now: datetime,
        *,
        window_days: int,
    ) -> Offer:
        """What a show has to sell in a period.

        Args:
            tenant: whose.
            show_id: the show.
            period: first and last day, both included.
            slots: of each episode, by position.
            now: the time.
            window_days: guarantee window that an episode is counted within.

        Raises:
            ShowNotFoundError: the tenant has no such show.
        """
        self._shows.show(tenant, show_id)
        settings = self._shows.settings(tenant)
        zone, rules = settings.zone_of(show_id), settings.rules[0]
        counted = self._within(tenant, show_id, settings, now, window_days)
        per_episode = mean(counted)
        first, last = period
        today = local_day(now, zone)
        released = len(self._shows.released(tenant, show_id, zone, first, min(last, today)))
        since = today - RHYTHM_DAYS * _DAY
        rhythm = self._shows.released(tenant, show_id, zone, since, today - _DAY)
        ahead = max(0, (last - max(first - _DAY, today)).days)
        expected = half_up(len(rhythm) * ahead, RHYTHM_DAYS)
        bookings = book_of(self._desk, tenant, show_id).bookings
        return Offer(
            rules=rules,
            zone=zone,
            per_episode=per_episode,
            based_on=len(counted),
            released=released,
            expected=expected,
            avails=tuple(
                _avails(position, (released + expected) * each, per_episode, bookings, period)
                for position, each in slots.items()
            ),
        )

    def media_kit(self, tenant: str, show_id: str, now: datetime) -> MediaKit:
        """What a show can say of its audience.

        Raises:
            ShowNotFoundError: the tenant has no such show.
        """
        show = self._shows.show(tenant, show_id)
        settings = self._shows.settings(tenant)
        zone, rules = settings.zone_of(show_id), settings.rules[0]
        counted = self._within(tenant, show_id, settings, now, KIT_DAYS)
        last = local_day(now, zone) - _DAY
        window = Window(last - (AUDIENCE_DAYS - 1) * _DAY, last, zone)
        countries: Counter[str] = Counter()
        apps: Counter[str] = Counter()
        downloads = 0
        for card in self._deliveries.numbers.cards_of(tenant, rules, Part("show", show_id, window)):
            downloads += card.downloads
            for name, counter in (("countries", countries), ("apps", apps)):
                if name in card.breakdowns:
                    counter.update(card.breakdowns[name].values)
        months = self._deliveries.numbers.cards.listeners(
            Thing(tenant, rules, "show", show_id), "month", _month(last, back=2), _month(last)
        )
        month = next((each for each in reversed(months) if each.last <= last), None)
        return MediaKit(
            title=show.title,
            rules=rules,
            mean_downloads=mean(counted),
            median_downloads=median(counted),
            based_on=len(counted),
            first=window.first,
            last=window.last,
            downloads=downloads,
            countries=tuple(countries.most_common(_NAMED)),
            apps=tuple(apps.most_common(_NAMED)),
            listeners=month.listeners if month else None,
            listeners_month=month.name if month else None,
            listeners_final=month is not None and month.status == "final",
        )

    def _within(
        self,
        tenant: str,
        show_id: str,
        settings: MeasurementSettings,
        now: datetime,
        days: int,
    ) -> list[int]:
        """Downloads of the show's last episodes within their first days, the newest first."""
        zone = settings.zone_of(show_id)
        recent = self._deliveries.recent(tenant, show_id, zone, now, days)
        parts = [
            Part(
                "episode",
                each.episode_id,
                Window(each.released_on, each.released_on + (days - 1) * _DAY, zone),
            )
            for each in recent
        ]
        counts = self._deliveries.numbers.downloads(tenant, settings.rules[0], parts)
        return [counts[part] for part in parts]


def _avails(
    position: Position,
    slots: int,
    per_episode: int | None,
    bookings: Iterable[Booking],
    period: tuple[date, date],
) -> Avails:
    booked = sum(booked_in(each, *period) for each in bookings if each.position == position)
    forecast = None if per_episode is None else per_episode * slots
    return Avails(
        position=position,
        slots=slots,
        forecast=forecast,
        booked=booked,
        available=None if forecast is None else max(0, forecast - booked),
    )


def booked_in(booking: Booking, first: date, last: date) -> int:
    """Booked downloads that a period has to deliver.

    A spot in an episode belongs to the day of its release; a run spreads evenly over its days.
    """
    if booking.episode_id is not None:
        released = booking.released_on
        return booking.downloads if released is not None and first <= released <= last else 0
    shared = (min(booking.last, last) - max(booking.first, first)).days + 1
    days = (booking.last - booking.first).days + 1
    return half_up(booking.downloads * max(0, shared), days)


def _month(day: date, *, back: int = 0) -> str:
    number = day.year * 12 + day.month - 1 - back
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
