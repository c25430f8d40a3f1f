"""Downloads by app, device, country, referrer, source or network, merged over days.

A card names its day's 200 most frequent values and sums the rest in `other`. What a value has on a
day when it is not among them is not known: it is in `other`, and `at_most` says how much it can be.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tallycast.analytics.model import Asked, Chart, Standing
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced
from tallycast.measurement.rollups.model import Breakdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.measurement.rollups.model import Card

Dimension = Literal["apps", "devices", "countries", "referrers", "sources", "networks"]


class BreakdownValue(Produced):
    """One value: an app, a country, and so on."""

    value: str = Field(description="`unknown` for what is not known")
    downloads: int = Field(description="On the days when it is among the 200 most frequent")
    at_most: int = Field(
        description="With all that it can have had on the other days; the same when the number is "
        "exact"
    )
    share: float = Field(description="Of the period's downloads, 0 to 1")


class DownloadBreakdown(Chart):
    """A period's downloads by one property, most first: `parts`, `rest` and `other` add up."""

    standing: Standing
    by: Dimension
    downloads: int
    parts: list[BreakdownValue]
    rest: int = Field(description="Downloads of the values that are named but not listed here")
    other: int = Field(
        description="Downloads of values that their day's numbers do not name: too rare that day, "
        "or counted before this property was"
    )

    def table(self) -> Table:
        """One row per value, then what is not listed and not named."""
        rows: list[tuple[str, int, int | None, float]] = [
            (part.value, part.downloads, part.at_most, part.share) for part in self.parts
        ]
        for name, downloads in (("(rest)", self.rest), ("(other)", self.other)):
            if downloads:
                rows.append((name, downloads, None, downloads / self.downloads))
        return Table(self.by, (self.by, "downloads", "at_most", "share"), rows)


def breakdown(asked: Asked, cards: Sequence[Card], by: Dimension, limit: int) -> DownloadBreakdown:
    """Merge the breakdowns of a period's day cards.

    Args:
        asked: what is asked.
        cards: its day cards.
        by: the property.
        limit: list at most so many values.
    """
    named: Counter[str] = Counter()
    doubtful: Counter[str] = Counter()  # of each value, what its named days could hold of `other`
    hidden = other = 0
    for card in cards:
        part = card.breakdowns.get(by) or Breakdown(other=card.downloads)
        named.update(part.values)
        other += part.other
        # Values are ordered by size: one that is not named has no more than the last that is.
        can_hide = min([part.other, *list(part.values.values())[-1:]])
        if can_hide:
            hidden += can_hide
            doubtful.update(dict.fromkeys(part.values, can_hide))
    downloads = sum(card.downloads for card in cards)
    listed = sorted(named.items(), key=lambda pair: (-pair[1], pair[0]))
    return DownloadBreakdown(
        standing=asked.standing,
        by=by,
        downloads=downloads,
        parts=[
            BreakdownValue(
                value=value,
                downloads=n,
                at_most=n + hidden - doubtful[value],
                share=n / downloads if downloads else 0.0,
            )
            for value, n in listed[:limit]
        ],
        rest=sum(n for _, n in listed[limit:]),
        other=other,
    )
