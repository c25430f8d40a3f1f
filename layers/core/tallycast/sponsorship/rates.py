"""The rate card: what spots cost, from which day on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.aws.records import claim, release
from tallycast.kernel.ids import new_id
from tallycast.sponsorship.changing import made
from tallycast.sponsorship.errors import RateTakenError
from tallycast.sponsorship.kinds import RATE_LINE, RATES, of_show
from tallycast.sponsorship.materials import RateEntry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from tallycast.aws.records import Stored
    from tallycast.sponsorship.desk import Act, Desk
    from tallycast.sponsorship.materials import RateFacts
    from tallycast.sponsorship.shows import Shows


class Rates:
    """Keeps the rate card. A line stands as it is; a new price is a new line from its day on."""

    def __init__(self, desk: Desk, shows: Shows) -> None:
        self.desk = desk
        self.records = desk.of(RATES)
        self._shows = shows

    def add(self, act: Act, facts: RateFacts) -> Stored[RateEntry]:
        """A new line.

        Raises:
            ReferenceUnknownError: the show is not there.
            RateTakenError: there is a line for the same placement and day.
        """
        self._shows.insist(act.tenant, facts.show_id)
        entry = made(RateEntry, facts.model_dump())
        rate_id = new_id("rat", act.now)
        taken = RateTakenError(
            f"there is a line for this placement from {entry.valid_from} on: remove it, or choose "
            "another day"
        )
        only = claim(act.tenant, RATE_LINE, _line(entry), owner=rate_id, refused=taken)
        return self.desk.add_as(act, RATES, rate_id, entry, "rate.create", [only])

    def remove(self, act: Act, rate_id: str) -> None:
        """A line gone; the one before it is valid again."""
        before = self.records.get(act.tenant, rate_id)
        free = release(act.tenant, RATE_LINE, _line(before.document), owner=rate_id)
        self.desk.remove(act, RATES, before, "rate.remove", free)

    def of_show(self, tenant: str, show_id: str, on: date | None = None) -> list[Stored[RateEntry]]:
        """A show's lines by position, length and day; with a day, those that are valid on it."""
        entries = self.records.every(tenant, within=of_show(show_id))
        return entries if on is None else valid_on(entries, on)


def valid_on(entries: Iterable[Stored[RateEntry]], day: date) -> list[Stored[RateEntry]]:
    """Of each position and length the newest line that has begun."""
    newest: dict[tuple[str, int], Stored[RateEntry]] = {}
    for each in entries:
        entry = each.document
        key = (entry.position, entry.length_seconds)
        before = newest.get(key)
        if entry.valid_from <= day and (
            before is None or before.document.valid_from < entry.valid_from
        ):
            newest[key] = each
    return list(newest.values())


def _line(entry: RateEntry) -> str:
    return f"{entry.show_id}#{entry.position}#{entry.length_seconds}#{entry.valid_from}"
