"""Which downloads count towards a spot: of what, and on which days. Pure rules.

A window is whole reporting days of the show, both ends included; its first day is day one. So
"30 days after release" is the day of release and the 29 days behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from tallycast.sponsorship.words import midnight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallycast.sponsorship.model import Flight, Spot, Terms

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode and its day of release, as its show counts days."""

    episode_id: str
    title: str | None
    released_on: date


@dataclass(frozen=True, slots=True)
class Window:
    """Days from `first` to `last`, both included, in the show's time zone; none if last < first."""

    first: date
    last: date
    zone: str

    @property
    def days(self) -> int:
        """How many."""
        return max(0, (self.last - self.first).days + 1)

    @property
    def starts(self) -> datetime:
        """When it begins."""
        return midnight(self.first, self.zone)

    @property
    def ends(self) -> datetime:
        """When it is over."""
        return midnight(self.last + _DAY, self.zone)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def elapsed(self, now: datetime) -> Fraction:
        """The share of its time that is over, 0 to 1."""
        return elapsed(self.starts, self.ends, now)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing whose downloads count towards a spot, on the days of a window.

    `from_release` says that the window begins with an episode's release.
    """

    scope: Literal["episode", "show"]
    id: str
    window: Window
    from_release: bool = False


def parts_of(
    spot: Spot, flight: Flight, terms: Terms | None, episodes: Iterable[Episode], zone: str
) -> tuple[Part, ...]:
    """What counts towards a spot.

    Args:
        spot: the placement.
        flight: of its campaign.
        terms: of the order; without any, the flight is the window.
        episodes: of a baked-in run, those released on its days; else not looked at.
        zone: the show's.
    """
    if spot.episode_id is not None:
        released = spot.released_on or flight.starts_on
        return (_episode(spot.episode_id, released, spot, flight, terms, zone),)
    if spot.insertion == "baked_in":
        return tuple(
            _episode(each.episode_id, each.released_on, spot, flight, terms, zone)
            for each in episodes
        )
    return (Part("show", spot.show_id, _days_of_run(spot, flight, zone)),)


def window_of(spot: Spot, flight: Flight, terms: Terms | None, zone: str) -> Window:
    """From the first day that can count towards a spot to the last."""
    if spot.episode_id is not None:
        return _window(spot.released_on or flight.starts_on, spot, flight, terms, zone)
    run = _days_of_run(spot, flight, zone)
    if spot.insertion == "dai":
        return run
    # The last episode of the run has its window, too.
    last = _window(run.last, spot, flight, terms, zone).last
    return Window(run.first, max(run.last, last), zone)


def elapsed(start: datetime, end: datetime, now: datetime) -> Fraction:
    """The share of a time that is over, 0 to 1; nothing takes no time, so it is over at once."""
    whole = int((end - start).total_seconds())
    if whole <= 0:
        return Fraction(1)
    gone = int((now - start).total_seconds())
    return Fraction(min(max(gone, 0), whole), whole)


def _episode(  # noqa: PLR0917 - as `_window`, and which episode
    episode_id: str, released_on: date, spot: Spot, flight: Flight, terms: Terms | None, zone: str
) -> Part:
    window = _window(released_on, spot, flight, terms, zone)
    return Part("episode", episode_id, window, from_release=window.first == released_on)


def _window(
    released_on: date, spot: Spot, flight: Flight, terms: Terms | None, zone: str
) -> Window:
    """The window of one episode. A dynamic spot is not there before the flight."""
    if terms is None or terms.guarantee_days is None:
        return Window(max(released_on, flight.starts_on), flight.ends_on, zone)
    first = released_on if spot.insertion == "baked_in" else max(released_on, flight.starts_on)
    return Window(first, first + (terms.guarantee_days - 1) * _DAY, zone)


def _days_of_run(spot: Spot, flight: Flight, zone: str) -> Window:
    return Window(spot.starts_on or flight.starts_on, spot.ends_on or flight.ends_on, zone)
