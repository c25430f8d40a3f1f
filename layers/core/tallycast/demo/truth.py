"""What a correct poller must report of the demo's feeds, phase by phase, exactly.

Counting: a guid never seen is new and is published once, ever; a known one whose content changed
is updated; one that left the document is gone and kept; one that is back as it was has returned,
and is neither new nor updated. An enclosure whose query alone changed,
and a head that alone changed, are no change. A poll that fails changes nothing, and the next good
one reports everything since the last good one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from tallycast.demo.habits import Habit, Phase
from tallycast.demo.hosts import feed_path, moved_path
from tallycast.demo.script import show_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallycast.demo.episodes import DemoEpisode
    from tallycast.demo.shows import DemoShow
    from tallycast.feeds.model import IdentityKind

_MOVES_AT = Phase.SECOND_TICK


class OutcomeKind(StrEnum):
    """What one look at a feed comes to; the first that applies, in this order."""

    REFUSED = "refused"  # not accepted by the registry, at registration
    ACCEPTED = "accepted"  # accepted by the registry, nothing published yet
    RETIRED = "retired"  # never polled again
    FAILED = "failed"  # polled again later
    MOVED = "moved"  # has another address now; may have published as well
    PUBLISHED = "published"  # at least one new episode
    CHANGED = "changed"  # episodes updated, gone or returned, none new
    UNCHANGED = "unchanged"


class Identity(NamedTuple):
    """What tells an episode from the others of its feed.

    `value` is the guid, or the enclosure's `host/path` without prefixes and query; as text the
    two are joined by a colon.
    """

    kind: IdentityKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one feed's poll in one phase must come to.

    Attributes:
        published: the identities of the new episodes, so `new == len(published)`.
        updated: known episodes with other content.
        rehosted: those of `updated` whose file has another host or path.
        gone: episodes that left the document since the last good poll.
        returned: episodes that are back, as they were when they left.
        unchanged: all others in the document.
        error: the name of the error class, for refused, failed and retired feeds.
        moved_to: the path of the new address.
    """

    slug: str
    phase: Phase
    kind: OutcomeKind
    published: frozenset[Identity] = frozenset()
    updated: int = 0
    rehosted: int = 0
    gone: int = 0
    returned: int = 0
    unchanged: int = 0
    error: str | None = None
    moved_to: str | None = None

    @property
    def new(self) -> int:
        """How many episodes are published in this phase."""
        return len(self.published)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over feeds; `outcomes` counts feeds by kind, the rest counts episodes."""

    feeds: int
    outcomes: Mapping[OutcomeKind, int]
    errors: Mapping[str, int]
    new: int
    updated: int
    rehosted: int
    gone: int
    returned: int


@dataclass(frozen=True, slots=True)
class Truth:
    """Every expectation, in the order of the phases and, within one, of the shows.

    A feed that was refused, or retired in an earlier phase, has none any more.
    """

    expectations: tuple[Expectation, ...]

    def of(self, phase: Phase) -> tuple[Expectation, ...]:
        """What is expected in one phase."""
        return tuple(each for each in self.expectations if each.phase == phase)

    def expected(self, slug: str, phase: Phase) -> Expectation | None:
        """What is expected of one feed in one phase; None when it must not be polled."""
        for each in self.expectations:
            if (each.slug, each.phase) == (slug, phase):
                return each
        return None

    def ever_published(self, slug: str, until: Phase = Phase.THIRD_TICK) -> frozenset[Identity]:
        """Every identity of a feed that must have been published by the end of `until`, once."""
        return frozenset().union(
            *(
                each.published
                for each in self.expectations
                if each.slug == slug and each.phase <= until
            )
        )

    def totals(self, phase: Phase | None = None) -> Totals:
        """Sums of one phase, or of the whole demo."""
        each = self.expectations if phase is None else self.of(phase)
        return Totals(
            feeds=len({one.slug for one in each}),
            outcomes=Counter(one.kind for one in each),
            errors=Counter(one.error for one in each if one.error),
            new=sum(one.new for one in each),
            updated=sum(one.updated for one in each),
            rehosted=sum(one.rehosted for one in each),
            gone=sum(one.gone for one in each),
            returned=sum(one.returned for one in each),
        )


def truth_of(shows: Iterable[DemoShow]) -> Truth:
    """The known truth of shows served by a `DemoOrigin` and polled once in each tick."""
    by_show = [tuple(_life(show)) for show in shows]
    return Truth(
        tuple(each for phase in Phase for life in by_show for each in life if each.phase == phase)
    )


def identity_of(show: DemoShow, episode: DemoEpisode) -> Identity:
    """How a reader must identify the episode: by guid if the document has any."""
    if show.has_guids:
        return Identity("guid", episode.guid)
    return Identity("enclosure", episode.enclosure_key)


def current_path(show: DemoShow, phase: Phase) -> str:
    """The path at which a correct poller polls the show after `phase`."""
    return moved_path(show.slug) if _moves(show) and phase >= _MOVES_AT else feed_path(show.slug)


def _moves(show: DemoShow) -> bool:
    return show.habit in {Habit.PERMANENT_REDIRECT, Habit.NEW_FEED_URL}


def _failure(habit: Habit, phase: Phase) -> tuple[OutcomeKind, str] | None:
    match habit, phase:
        case Habit.BROKEN, Phase.REGISTRATION:
            return OutcomeKind.REFUSED, "NotAFeedError"
        case Habit.PARKED, Phase.SECOND_TICK:
            return OutcomeKind.FAILED, "NotAFeedError"
        case Habit.THROTTLED, Phase.SECOND_TICK:
            return OutcomeKind.FAILED, "TooManyRequestsError"
        case Habit.DYING, Phase.SECOND_TICK:
            return OutcomeKind.FAILED, "ServerError"
        case Habit.DYING, Phase.THIRD_TICK:
            return OutcomeKind.RETIRED, "FeedGoneError"
        case _:
            return None


def _life(show: DemoShow) -> Iterable[Expectation]:
    """One feed from registration to the end, or to its refusal or retirement."""
    known: dict[Identity, DemoEpisode] = {}
    present: frozenset[Identity] = frozenset()
    for phase in Phase:
        if failure := _failure(show.habit, phase):
            kind, error = failure
            yield Expectation(show.slug, phase, kind, error=error)
            if kind is not OutcomeKind.FAILED:
                return
        elif phase is Phase.REGISTRATION:
            yield Expectation(show.slug, phase, OutcomeKind.ACCEPTED)
        else:
            now = show_at(show, phase)
            seen = {identity_of(now, episode): episode for episode in now.first_page}
            yield _poll(show, phase, known, present, seen)
            known |= seen
            present = frozenset(seen)


def _poll(
    show: DemoShow,
    phase: Phase,
    known: Mapping[Identity, DemoEpisode],
    present: frozenset[Identity],
    seen: Mapping[Identity, DemoEpisode],
) -> Expectation:
    """What a good poll finds: `seen` now, `present` at the last good one, `known` ever."""
    again = seen.keys() & known.keys()
    updated = {one for one in again if known[one] != seen[one]}
    new = frozenset(seen.keys() - known.keys())
    gone = len(present - seen.keys())
    returned = len(again - updated - present)
    moved = moved_path(show.slug) if _moves(show) and phase is _MOVES_AT else None
    return Expectation(
        show.slug,
        phase,
        _kind(moved=bool(moved), new=bool(new), other=bool(updated or gone or returned)),
        published=new,
        updated=len(updated),
        rehosted=sum(known[one].enclosure_key != seen[one].enclosure_key for one in updated),
        gone=gone,
        returned=returned,
        unchanged=len((again - updated) & present),
        moved_to=moved,
    )


def _kind(*, moved: bool, new: bool, other: bool) -> OutcomeKind:
    if moved:
        return OutcomeKind.MOVED
    if new:
        return OutcomeKind.PUBLISHED
    return OutcomeKind.CHANGED if other else OutcomeKind.UNCHANGED
