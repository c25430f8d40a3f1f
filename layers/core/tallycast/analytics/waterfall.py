"""The drop waterfall: from all requests to the downloads, rule by rule."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import Field

from tallycast.analytics.model import Asked, Chart, Standing
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced
from tallycast.measurement.model import COUNTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallycast.measurement.rollups.model import Card


class WaterfallDrop(Produced):
    """What one rule dropped."""

    rule: str
    requests: int = Field(description="That this rule dropped; each request is dropped by one")
    left: int = Field(description="That are left after it")


class Waterfall(Chart):
    """Requests, what each rule dropped in the order the rules are applied, and what counted."""

    standing: Standing
    requests: int
    drops: list[WaterfallDrop] = Field(description="The last one leaves what was counted")
    counted: int = Field(description="Requests that made a download")
    downloads: int

    def table(self) -> Table:
        """One row per step, with the requests before and what was counted after."""
        rows = [
            ("(requests)", self.requests, self.requests),
            *((drop.rule, -drop.requests, drop.left) for drop in self.drops),
            (f"({COUNTED})", self.counted, self.counted),
        ]
        return Table("waterfall", ("rule", "requests", "left"), rows)


def waterfall(asked: Asked, cards: Sequence[Card], order: Sequence[str]) -> Waterfall:
    """The waterfall of a period, from its day cards.

    Args:
        asked: what is asked.
        cards: its day cards.
        order: the verdicts in the order in which the rules decide; others come after them.
    """
    verdicts: Counter[str] = Counter()
    for card in cards:
        verdicts.update(card.waterfall)
    counted = verdicts.pop(COUNTED, 0)
    requests = left = sum(verdicts.values()) + counted
    places = {rule: place for place, rule in enumerate(order)}
    drops = []
    for rule in sorted(verdicts, key=lambda rule: (places.get(rule, len(places)), rule)):
        left -= verdicts[rule]
        drops.append(WaterfallDrop(rule=rule, requests=verdicts[rule], left=left))
    return Waterfall(
        standing=asked.standing,
        requests=requests,
        drops=drops,
        counted=counted,
        downloads=sum(card.downloads for card in cards),
    )
