"""The charts of dashboards: what is asked, read and made into an answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallycast.analytics.ages import AgesPage, ages_of
from tallycast.analytics.audience import Audience, Every, audience, whole
from tallycast.analytics.breakdowns import Dimension, DownloadBreakdown, breakdown
from tallycast.analytics.curves import (
    MOST_COMPARED,
    Curve,
    Curves,
    curve_of,
    days_of_curve,
    median_of,
)
from tallycast.analytics.discrepancy import MOST_DAYS as MOST_DAYS_COMPARED
from tallycast.analytics.discrepancy import Discrepancy, discrepancy, largest
from tallycast.analytics.drilldown import DayOfEpisodes, day_of_episodes, listed
from tallycast.analytics.heat_map import HeatMap, heat_map
from tallycast.analytics.model import MOST_DAYS, Period, UnknownRulesError
from tallycast.analytics.reader import local_day
from tallycast.analytics.rolling import LEAD_DAYS, Rolling, rolling
from tallycast.analytics.series import MOST_DAYS_BY_STEP, DownloadSeries, Step, series
from tallycast.analytics.waterfall import Waterfall, waterfall
from tallycast.kernel.errors import InvalidError
from tallycast.kernel.times import from_text
from tallycast.measurement.rollups.listeners import period_of
from tallycast.measurement.rollups.model import Thing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from tallycast.analytics.ages import EpisodeBrief
    from tallycast.analytics.model import Asked
    from tallycast.analytics.reader import Counting, NumbersReader
    from tallycast.analytics.series import EpisodeMarker
    from tallycast.analytics.shows import Shows
    from tallycast.feeds.items import EpisodeItem

    Released = tuple[str, str | None, datetime]  # an episode's id, title and time

USUAL_DAYS: Final = 30
_MONTHS_DAYS: Final = 365
_WEEKS_DAYS: Final = 84


class EpisodeNotReleasedError(InvalidError):
    """An episode without a date of release cannot be aligned on it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a caller asks numbers of.

    Attributes:
        rules: name of a rule set; None for the tenant's first.
        show_id: None for the tenant as a whole.
        episode_id: of that show; None for the show as a whole.
        first: first day; None for as many days as are usual.
        last: last day; None for today.
    """

    tenant: str
    now: datetime
    rules: str | None = None
    show_id: str | None = None
    episode_id: str | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Charts:
    """Answers questions about numbers.

    Each can raise what its question deserves: ShowNotFoundError, EpisodeNotFoundError,
    UnknownRulesError, PeriodInvalidError.
    """

    reader: NumbersReader
    shows: Shows

    def downloads(self, question: Question, step: Step) -> DownloadSeries:
        """Downloads by hour, 6 hours, 12 hours or day, with the episodes released meanwhile."""
        asked, _ = self._ask(question, most=MOST_DAYS_BY_STEP[step])
        cards = self.reader.of(asked, None if step == "day" else "hours")
        return series(asked, cards, step, self._markers(question, asked))

    def rolling(self, question: Question) -> Rolling:
        """The last 7 and 30 days on every day, beside those before."""
        asked, _ = self._ask(question, lead=LEAD_DAYS)
        return rolling(asked, self.reader.of(asked))

    def audience(self, question: Question, every: Every) -> Audience:
        """Downloads and listeners by week or month; those at the ends of the period are whole."""
        usual = _MONTHS_DAYS if every == "month" else _WEEKS_DAYS
        asked, _ = self._ask(question, usual=usual, every=every)
        names = sorted({period_of(every, day) for day in asked.period})
        counts = self.reader.listeners(asked.thing, every, names)
        return audience(asked, self.reader.of(asked), counts, every)

    def heat_map(self, question: Question) -> HeatMap:
        """Downloads by weekday and hour."""
        asked, _ = self._ask(question, usual=_WEEKS_DAYS)
        return heat_map(asked, self.reader.of(asked, "hours"))

    def breakdown(self, question: Question, by: Dimension, limit: int) -> DownloadBreakdown:
        """Downloads by a property, at most `limit` of its values."""
        asked, _ = self._ask(question)
        return breakdown(asked, self.reader.of(asked, "breakdowns"), by, limit)

    def waterfall(self, question: Question) -> Waterfall:
        """From requests to downloads."""
        asked, counting = self._ask(question)
        return waterfall(asked, self.reader.of(asked, "waterfall"), counting.rules.verdicts)

    def discrepancy(self, question: Question, second: str) -> Discrepancy:
        """The count beside that by a second rule set.

        Raises:
            UnknownRulesError: the tenant does not count by both.
        """
        one, first = self._ask(question, most=MOST_DAYS_COMPARED)
        other, _ = self._ask(replace(question, rules=second), most=MOST_DAYS_COMPARED)
        for name in (one.thing.rules, other.thing.rules):
            if name not in first.settings.rules:
                raise UnknownRulesError(
                    f"nothing is counted by {name!r}; counted by are "
                    f"{', '.join(first.settings.rules)}"
                )
        cards, others = (self.reader.whole(each.thing, each.period) for each in (one, other))
        if question.episode_id is not None:
            return discrepancy((one, cards), (other, others))
        places = largest(cards, others)
        apart, others_apart = (
            self.reader.episodes(question.tenant, each.thing.rules, places) for each in (one, other)
        )
        return discrepancy((one, cards), (other, others), (apart, others_apart))

    def day(self, question: Question, day: date, *, limit: int, after: int) -> DayOfEpisodes:
        """A page of a day's episodes, from place `after` on, most downloads first."""
        asked, _ = self._ask(replace(question, first=day, last=day))
        card = self.reader.day(asked.thing, day)
        page = listed(card, after=after, limit=limit)
        cards = self.reader.on_day(
            question.tenant, asked.thing.rules, day, [episode_id for episode_id, _ in page]
        )
        of_shows = [(each.show_id, each.id) for each in cards.values() if each.show_id]
        known = self.shows.known(question.tenant, of_shows)
        titles = {episode_id: item.title for episode_id, item in known.items()}
        return day_of_episodes(asked, card, page, cards, titles)

    def ages(self, question: Question, episodes: Sequence[EpisodeBrief]) -> AgesPage:
        """Downloads of some of a show's episodes by days since their release."""
        counting = self.reader.counting(question.tenant, question.rules)
        rules = counting.rules.name
        totals = self.reader.ages(question.tenant, rules, [each.episode_id for each in episodes])
        open_from = counting.open_from(question.now)
        return AgesPage(
            rules=rules,
            items=ages_of(episodes, totals, now=question.now, open_from=open_from),
        )

    def curves(self, question: Question, episode_ids: Sequence[str], hours: int) -> Curves:
        """Downloads of a show's episodes since their release, beside the median of the show.

        Raises:
            EpisodeNotReleasedError: the feed gives no date for one of the episodes.
        """
        show_id = str(question.show_id)
        self.shows.check(question.tenant, show_id)
        counting = self.reader.counting(question.tenant, question.rules)
        items = self.shows.some(question.tenant, show_id, episode_ids)
        asked_for = [_released(items[each]) for each in episode_ids]
        old_enough = question.now - timedelta(hours=hours)
        newest = self.shows.newest(question.tenant, show_id)
        compared = list(
            islice(
                (
                    (each.episode_id, each.title, each.published)
                    for each in newest
                    if each.published is not None and each.published <= old_enough
                ),
                MOST_COMPARED,
            )
        )
        every = {each[0]: each for each in (*asked_for, *compared)}
        curves = self._curves(list(every.values()), counting, hours, question.now)
        spans = [days_of_curve(released, hours) for _, _, released in asked_for]
        period = Period(min(each.first for each in spans), max(each.last for each in spans))
        return Curves(
            standing=self.reader.ask(counting, period, now=question.now, show_id=show_id).standing,
            hours=hours,
            curves=[curves[each] for each in episode_ids],
            median=median_of([curves[each[0]] for each in compared], hours),
        )

    def checked(self, question: Question) -> tuple[Period, str]:
        """The period and the name of the rule set that a question means, if it makes sense."""
        asked, counting = self._ask(question)
        return asked.period, counting.rules.name

    def _curves(
        self, episodes: Sequence[Released], counting: Counting, hours: int, now: datetime
    ) -> dict[str, Curve]:
        """The curves of some episodes, by id."""
        rules = counting.rules.name
        wanted = [
            (Thing(counting.tenant, rules, "episode", episode_id), days_of_curve(released, hours))
            for episode_id, _, released in episodes
        ]
        return {
            episode_id: curve_of(episode_id, title, released, cards, hours=hours, now=now)
            for (episode_id, title, released), cards in zip(
                episodes, self.reader.of_each(wanted, "hours"), strict=True
            )
        }

    def _markers(self, question: Question, asked: Asked) -> list[EpisodeMarker]:
        if question.show_id is None:
            return []
        found = self.shows.markers(
            question.tenant, question.show_id, asked.period, lambda at: local_day(at, asked.zone)
        )
        one = question.episode_id
        return [each for each in found if one in {None, each.episode_id}]

    def _ask(
        self,
        question: Question,
        *,
        usual: int = USUAL_DAYS,
        most: int = MOST_DAYS,
        lead: int = 0,
        every: Every | None = None,
    ) -> tuple[Asked, Counting]:
        """Check a question, and find how its days stand.

        Args:
            question: the question.
            usual: days of a period whose first day is not given.
            most: days of a period at most.
            lead: days before the period that are read, too.
            every: make the weeks or months at the period's ends whole.
        """
        counting = self.reader.counting(question.tenant, question.rules)
        today = local_day(question.now, counting.zone_of(question.show_id))
        period = Period.of(question.first, question.last, today=today, usual=usual, most=most)
        if every is not None:
            period = whole(period, every)
        if question.episode_id is not None:
            self.shows.some(question.tenant, str(question.show_id), [question.episode_id])
        elif question.show_id is not None:
            self.shows.check(question.tenant, question.show_id)
        asked = self.reader.ask(
            counting,
            period.earlier(lead),
            now=question.now,
            show_id=question.show_id,
            episode_id=question.episode_id,
        )
        return asked, counting


def _released(item: EpisodeItem) -> Released:
    if item.published is None:
        raise EpisodeNotReleasedError(
            f"the feed gives no date for {item.episode_id}: it has no curve since its release",
            id=item.episode_id,
        )
    return item.episode_id, item.title, from_text(item.published)
