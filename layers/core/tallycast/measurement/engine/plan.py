"""What one run of the engine counts, and which columns its working tables need for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from tallycast.kernel.ids import derived_id
from tallycast.measurement import eligibility, filters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tallycast.measurement.rulesets import RuleSet

# Keys are packed in 63 bits: the number of the agent (or the rules broken) above 28 bits that
# hold the number of the episode and, lowest, whether a redirect saw the request.
LOW_BITS = 28
LOW_MASK = (1 << LOW_BITS) - 1


def media_id(media: str) -> str:
    """The id of an episode that nobody knows more of than its file."""
    return derived_id("media", media)


class Classifier(Protocol):
    """What tells user agents apart: one tuple for each, in the order of AGENTS after the first."""

    def classify(self, user_agents: Sequence[str]) -> Sequence[tuple[object, ...]]:
        """(kind, name, device, category, is_bot, is_watch) for each user agent."""
        ...


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        rules: the rule set.
        source: SQL name of the requests (with the carried ones, if there are any).
        episodes: SQL name of the episodes.
        day: the reporting day to count, or None for all.
        shard, shards: which part of the listeners, of how many.
        carried: whether `source` holds requests of windows that were open before the run.
        detail: whether single downloads and verdicts are wanted, or only sums.
        keys: the names of the IP keys that occur, sorted.
        sources: which sources occur, sorted.
        has_ids, has_spans, has_totals, has_slots: whether any request has a name of its own; a
            range with several parts; the size of the whole file; a file that shares its episode
            with others, or is a stream's segment.
        zone: IANA time zone of files that no episode has, or one without a zone.
        named: what a file that no episode has is called as an episode, by its media.
        unmet: rules on rows that no request meets.
    """

    rules: RuleSet
    source: str
    episodes: str
    day: date | None = None
    shard: int = 0
    shards: int = 1
    carried: bool = False
    detail: bool = True
    keys: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    has_ids: bool = True
    has_spans: bool = True
    has_totals: bool = True
    has_slots: bool = True
    zone: str = "UTC"
    named: Callable[[str], str] = media_id
    unmet: frozenset[str] = frozenset()

    @property
    def windowed(self) -> bool:
        """Whether windows do not end with the day."""
        return self.rules.window != "calendar"

    @property
    def days(self) -> tuple[date, ...]:
        """The reporting days whose requests the run reads; empty for all."""
        if self.day is None:
            return ()
        if not self.windowed:
            return (self.day,)
        return tuple(self.day + timedelta(days=step) for step in (-1, 0, 1))

    @property
    def dated(self) -> bool:
        """Whether rows of several days are counted at once."""
        return self.day is None or self.windowed

    @property
    def traced(self) -> bool:
        """Whether rows keep the file and line they came from."""
        return self.detail

    @property
    def timed(self) -> bool:
        """Whether rows keep their time."""
        return self.detail or self.windowed or self.has_ids

    @property
    def measured(self) -> bool:
        """Whether bytes decide."""
        return self.rules.threshold == "one_minute"

    @property
    def limited(self) -> bool:
        """Whether there is a limit of volume."""
        rules = self.rules
        return rules.most_episodes_per_ip is not None or rules.most_requests_per_ip is not None

    @property
    def limited_by(self) -> str:
        """The column that is the IP, for limits of volume, where the listener is more than it."""
        alone = not self.limited or self.rules.unique_by == "episode"
        return "ip" if alone else "ip_alone"

    @cached_property
    def bits(self) -> dict[str, int]:
        """One bit for each rule on single requests; the lowest that is set is the verdict."""
        return {name: 1 << place for place, name in enumerate(self.rules.request_rules)}

    @property
    def conditions(self) -> dict[str, str]:
        """The SQL conditions of the rules on rows, in the order of the rule set.

        Without those that no request meets.
        """
        known = {
            **eligibility.CONDITIONS,
            **filters.CONDITIONS,
            "bad_referrer": filters.bad_referrer_sql(self.rules.bad_referrers),
        }
        return {
            name: known[name]
            for name in self.rules.request_rules
            if name in known and name not in self.unmet
        }
