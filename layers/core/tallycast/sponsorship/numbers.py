"""What this room reads of the count: downloads of a thing on the days of a window."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallycast.measurement.rollups.model import Thing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from tallycast.measurement.counting.days import DayStore
    from tallycast.measurement.rollups.model import AgeTotals, Card
    from tallycast.measurement.rollups.reading import CardReader
    from tallycast.sponsorship.windows import Part, Window

_READERS: Final = 8  # periods read at the same time


class Numbers:
    """Reads rollups and the states of days."""

    def __init__(self, cards: CardReader, days: DayStore) -> None:
        self.cards = cards
        self._days = days

    def cards_of(self, tenant: str, rules: str, part: Part) -> Iterator[Card]:
        """The day cards of a thing within its window, in order."""
        cursor: str | None = None
        if part.window.days == 0:
            return
        thing = Thing(tenant, rules, part.scope, part.id)
        while True:
            page = self.cards.days(thing, part.window.first, part.window.last, cursor=cursor)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def downloads(self, tenant: str, rules: str, parts: Iterable[Part]) -> dict[Part, int]:
        """Downloads of several things, each within its window; several are read at once."""

        def read(part: Part) -> int:
            return sum(card.downloads for card in self.cards_of(tenant, rules, part))

        wanted = list(dict.fromkeys(parts))
        if len(wanted) <= 1:
            return {part: read(part) for part in wanted}
        with ThreadPoolExecutor(_READERS) as pool:
            return dict(zip(wanted, pool.map(read, wanted), strict=True))

    def ages(self, tenant: str, rules: str, episode_ids: Iterable[str]) -> list[AgeTotals]:
        """Downloads since release of those episodes that have any."""
        found = (self.cards.ages(tenant, rules, each) for each in episode_ids)
        return [each for each in found if each is not None]

    def unfinished(self, tenant: str, rules: str, first: date, last: date) -> set[date]:
        """Days from `first` to `last` that are provisional, or wait for another count."""
        states = self._days.of_tenant(tenant, rules, first, last)
        return {each.day for each in states if each.state != "final" or each.due_at is not None}


def is_late_no_more(window: Window, now: datetime, final_after_hours: int) -> bool:
    """Whether downloads of a window's last day can come late no more."""
    return now >= window.ends + timedelta(hours=final_after_hours)
