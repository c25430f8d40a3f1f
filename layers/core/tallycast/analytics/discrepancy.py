"""Two counts of the same requests, by two rule sets: how far apart, and which rules explain it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from pydantic import Field

from tallycast.analytics.model import Asked, Chart, Standing
from tallycast.analytics.tables import Table
from tallycast.kernel.schema import Produced
from tallycast.measurement.discrepancy import Difference, Line, differences, largest_first
from tallycast.measurement.rollups.model import Breakdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallycast.measurement.rollups.model import Card

MOST_DAYS: Final = 31
MOST_EPISODES: Final = 100


class RuleGap(Produced):
    """What one rule has to do with the difference."""

    rule: str
    requests: int = Field(
        description="That the second count dropped by this rule beyond those the first did; "
        "negative: fewer"
    )


class Apart(Produced):
    """How far two numbers are apart."""

    first: int = Field(description="Downloads in the first count")
    second: int = Field(description="Downloads in the second")
    share: float | None = Field(
        description="How far the second is from the first, 0.05: 5 % more; null without a first"
    )
    acceptable: bool = Field(description="Whether it is within ±5 %, both bounds included")
    explained_by: list[RuleGap] = Field(
        description="The largest first. Where both counts hold the same requests, they add up to "
        "the first's downloads less the second's"
    )


class DayApart(Apart):
    """A day of all that was asked for."""

    day: date


class EpisodeApart(DayApart):
    """An episode on a day."""

    episode_id: str


class Discrepancy(Chart):
    """Two counts side by side: together, by day, and the episodes and days that differ most."""

    standing: Standing = Field(description="Of the first count")
    second_standing: Standing = Field(description="Of the second count")
    total: Apart
    days: list[DayApart] = Field(description="Days on which either count has requests")
    episodes: list[EpisodeApart] = Field(
        description="Episodes and days that differ, the largest first, 100 at most; of a tenant "
        "among the 200 episodes of a day with most downloads; empty where one episode is asked for"
    )

    def table(self) -> Table:
        """One row per day, then one per episode and day that differ."""
        columns = ("day", "episode_id", "first", "second", "share", "acceptable", "explained_by")
        rows = [
            (each.day, episode, each.first, each.second, each.share, each.acceptable,
             " ".join(f"{gap.rule}:{gap.requests:+}" for gap in each.explained_by))
            for episode, each in (
                *(("", day) for day in self.days),
                *((each.episode_id, each) for each in self.episodes),
            )
        ]  # fmt: skip
        return Table("discrepancy", columns, rows)


def largest(first: Sequence[Card], second: Sequence[Card]) -> list[tuple[date, str]]:
    """The days and episodes whose downloads differ most, from whole day cards of both counts.

    An episode that a card does not name has no downloads in it or, of a tenant, no more than the
    least that the card names; then the difference is at least what is left.
    """
    one, other = ({card.day: card.episodes for card in cards} for cards in (first, second))
    gaps: dict[tuple[date, str], int] = {}
    for day in one.keys() | other.keys():
        sides = one.get(day, Breakdown()), other.get(day, Breakdown())
        most = [min(side.values.values(), default=0) if side.other else 0 for side in sides]
        for episode_id in sides[0].values.keys() | sides[1].values.keys():
            named = [side.values.get(episode_id) for side in sides]
            gap = abs((named[0] or 0) - (named[1] or 0))
            if None in named:
                gap = max(0, gap - most[named.index(None)])
            gaps[day, episode_id] = gap
    apart = sorted((-gap, day, episode_id) for (day, episode_id), gap in gaps.items() if gap)
    return [(day, episode_id) for _, day, episode_id in apart[:MOST_EPISODES]]


def discrepancy(
    first: tuple[Asked, Sequence[Card]],
    second: tuple[Asked, Sequence[Card]],
    episodes: tuple[Iterable[Card], Iterable[Card]] = ((), ()),
) -> Discrepancy:
    """The two counts of a period.

    Args:
        first: the question under the one rule set, and its day cards.
        second: the same under the other.
        episodes: cards of episodes in both counts, of the days on which they differ.
    """
    total, days = differences(_lines(first[1]), _lines(second[1]))
    _, of_episodes = differences(*map(_lines, episodes))
    return Discrepancy(
        standing=first[0].standing,
        second_standing=second[0].standing,
        total=Apart(**_of(total)),
        days=[DayApart(**_of(each), day=each.day) for each in days],
        episodes=[
            EpisodeApart(**_of(each), day=each.day, episode_id=each.episode_id)
            for each in largest_first(of_episodes)
        ],
    )


def _lines(cards: Iterable[Card]) -> list[Line]:
    return [
        (card.day, card.id, rule, requests)
        for card in cards
        for rule, requests in card.waterfall.items()
    ]


def _of(difference: Difference) -> dict[str, object]:
    return {
        "first": difference.first,
        "second": difference.second,
        "share": difference.share,
        "acceptable": difference.acceptable,
        "explained_by": [
            RuleGap(rule=rule, requests=gap) for rule, gap in difference.explained_by.items()
        ],
    }
