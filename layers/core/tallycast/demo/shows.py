"""Invented shows, the same for the same seed, and how they change between polls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from tallycast.demo import words
from tallycast.demo.dice import dice_for
from tallycast.demo.episodes import DemoEpisode, EpisodeMaker, GuidStyle
from tallycast.demo.habits import Habit, Quirk
from tallycast.feeds.identity import podcast_guid
from tallycast.feeds.model import Funding, Person, Value, ValueRecipient

if TYPE_CHECKING:
    from random import Random

    from tallycast.feeds.model import FeedFormat

Rhythm = Literal["daily", "weekly", "irregular"]

RHYTHMS: tuple[Rhythm, ...] = ("daily", "weekly", "irregular")
GUID_STYLES: tuple[GuidStyle, ...] = ("uuid", "permalink", "tag", "number")
# Chains of measurement prefixes as hosts write them; the real host and path follow.
PREFIXES = (
    "",
    "op3.dev/e/",
    "pdst.fm/e/",
    "op3.dev/e/pdst.fm/e/",
    "dts.podtrac.com/redirect.mp3/",
    "chrt.fm/track/7A11E7/",
)
PAGE_SIZE = 10
DEFAULT_UNTIL = datetime(2026, 1, 12, 6, 0, tzinfo=UTC)


class Part(NamedTuple):
    """One role in the cast: the host's habit, the document's format and its quirks."""

    habit: Habit
    format: FeedFormat = "rss"
    quirks: frozenset[Quirk] = frozenset()


CAST = (
    Part(Habit.STRONG_ETAG),
    Part(Habit.LAST_MODIFIED, "atom"),
    Part(Habit.NO_VALIDATORS, quirks=frozenset({Quirk.NO_GUIDS})),
    Part(Habit.HEAD_CHURN),
    Part(Habit.GZIP),
    Part(Habit.PERMANENT_REDIRECT),
    Part(Habit.NEW_FEED_URL),
    Part(Habit.DYING),
    Part(Habit.THROTTLED),
    Part(Habit.BROKEN),
    Part(Habit.ILL_FORMED, quirks=frozenset({Quirk.UNDEFINED_ENTITY})),
    Part(Habit.SLOW, "rdf"),
    Part(Habit.BOTH_VALIDATORS, quirks=frozenset({Quirk.LATIN_1})),
    Part(Habit.TEMPORARY_REDIRECT, quirks=frozenset({Quirk.LEADING_WHITE_SPACE})),
    Part(Habit.ROTATING_TOKENS, quirks=frozenset({Quirk.ROTATING_TOKENS})),
    Part(Habit.PARKED, "atom"),
    Part(Habit.ROTATING_TOKENS, quirks=frozenset({Quirk.ROTATING_TOKENS, Quirk.NO_GUIDS})),
)


@dataclass(frozen=True, slots=True)
class DemoShow:
    """An invented show at one moment. `episodes` are newest first; `updated` is that moment.

    `made` counts the episodes ever made, so that a new one never repeats an old guid, even one
    that left the window; `edits` counts the edits, so that no edit repeats; `left` are the
    episodes that left the document, newest first.
    """

    seed: str
    slug: str
    title: str
    author: str
    description: str
    language: str
    category: tuple[str, str | None]
    link: str
    image: str
    explicit: bool
    rhythm: Rhythm
    guid_style: GuidStyle
    enclosure_host: str
    enclosure_prefix: str
    podcast_guid: str | None
    locked_owner: str | None
    funding: tuple[Funding, ...]
    value: tuple[Value, ...]
    persons: tuple[Person, ...]
    habit: Habit
    format: FeedFormat
    quirks: frozenset[Quirk]
    episodes: tuple[DemoEpisode, ...]
    made: int
    updated: datetime
    edits: int = 0
    left: tuple[DemoEpisode, ...] = ()

    @property
    def has_guids(self) -> bool:
        """Whether the document tells episodes apart by guid; Atom and RDF always do."""
        return self.format != "rss" or Quirk.NO_GUIDS not in self.quirks

    @property
    def first_page(self) -> tuple[DemoEpisode, ...]:
        """The episodes in the document at the feed's own address."""
        return self.episodes[:PAGE_SIZE] if Quirk.PAGED in self.quirks else self.episodes


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What happens to a show: how many episodes are new, edited, dropped, or back again.

    `moves_host` gives every file in the document a new host.
    """

    new: int = 0
    edited: int = 0
    dropped: int = 0
    restored: int = 0
    moves_host: bool = False


def generate_shows(
    seed: int,
    count: int = len(CAST),
    episodes: tuple[int, int] = (8, 40),
    *,
    until: datetime = DEFAULT_UNTIL,
) -> tuple[DemoShow, ...]:
    """Invent `count` shows; the same arguments always give the same shows.

    The parts of `CAST` are given out in order and again from the start, so that the default
    count has every habit at least once.

    Args:
        seed: any integer.
        count: how many shows, 0 or more.
        episodes: fewest and most episodes of a show, both inclusive, at least 1.
        until: a moment after every episode, aware; pass the present for a lively demo.
    """
    shows: list[DemoShow] = []
    slugs: set[str] = set()
    for index in range(count):
        dice = dice_for(seed, "show", index)
        title = words.show_title(dice)
        if words.slug_of(title) in slugs:
            title = f"{title} No. {index + 1}"
        slugs.add(words.slug_of(title))
        show = _without_episodes(f"{seed}:{index}", title, CAST[index % len(CAST)])
        shows.append(_with_past(show, dice.randint(*episodes), until.astimezone(UTC)))
    return tuple(shows)


def with_changes(show: DemoShow, plan: ChangePlan, now: datetime) -> DemoShow:
    """The show after `plan` happened at `now`.

    The oldest leave first; at least one old episode stays. Of those that left earlier, the newest
    come back first. Edits fall on the newest that stay. Numbers are clamped to what there is. New
    episodes came out in the quarter of an hour before `now`. A plan that changes nothing gives
    the same show.
    """
    if plan == ChangePlan():
        return show
    stay = max(1, len(show.episodes) - plan.dropped)
    kept = show.episodes[:stay]
    back = show.left[: plan.restored]
    old = tuple(
        episode.edited(show.edits + number) if number < plan.edited else episode
        for number, episode in enumerate(kept)
    )
    old += back
    moved = replace(
        show,
        enclosure_host=f"moved.{show.enclosure_host}" if plan.moves_host else show.enclosure_host,
        edits=show.edits + min(plan.edited, stay),
        left=show.episodes[stay:] + show.left[plan.restored :],
        updated=now,
    )
    if plan.moves_host:
        old = tuple(episode.hosted_at(moved.enclosure_host) for episode in old)
    maker = _maker(moved)
    step = timedelta(minutes=15) / (plan.new + 1)
    fresh = tuple(
        maker.make(show.made + number, now - step * (plan.new - number))
        for number in range(plan.new)
    )
    return replace(moved, episodes=fresh[::-1] + old, made=show.made + plan.new)


def _without_episodes(seed: str, title: str, part: Part) -> DemoShow:
    dice = dice_for(seed, "head")
    slug = words.slug_of(title)
    author = words.person_name(dice)
    thing = dice.choice(words.THINGS).lower()
    return DemoShow(
        seed=seed,
        slug=slug,
        title=title,
        author=author,
        description=f"{author} on {thing} & the people who know better. {words.blurb(dice)}",
        language=dice.choice(("en", "en-gb", "de", "fr")),
        category=dice.choice(words.CATEGORIES),
        link=f"https://{slug}.example.com/",
        image=f"https://{slug}.example.com/cover.jpg",
        explicit=dice.random() < 0.1,  # noqa: PLR2004 - one in ten
        rhythm=dice.choice(RHYTHMS),
        guid_style="permalink" if part.format == "rdf" else dice.choice(GUID_STYLES),
        enclosure_host=dice.choice(("media.example.com", "audio.test", "cdn.invalid")),
        enclosure_prefix=dice.choice(PREFIXES),
        podcast_guid=_maybe(dice, podcast_guid(f"https://feeds.example.com/{slug}/feed.xml")),
        locked_owner=_maybe(dice, f"owner@{slug}.example.com"),
        funding=(Funding(f"https://{slug}.example.com/tip", "Buy us a kettle"),)
        if dice.randrange(2)
        else (),
        value=(_value(dice),) if dice.randrange(3) == 0 else (),
        persons=(Person(author),),
        habit=part.habit,
        format=part.format,
        quirks=part.quirks,
        episodes=(),
        made=0,
        updated=DEFAULT_UNTIL,
    )


def _with_past(show: DemoShow, count: int, until: datetime) -> DemoShow:
    maker = _maker(show)
    dates = _dates(dice_for(show.seed, "dates"), show.rhythm, count, until)
    made = tuple(maker.make(number, date) for number, date in enumerate(dates))
    return replace(show, episodes=made[::-1], made=count, updated=until)


def _maker(show: DemoShow) -> EpisodeMaker:
    return EpisodeMaker(
        seed=show.seed,
        slug=show.slug,
        host=show.enclosure_host,
        prefix=show.enclosure_prefix,
        guid_style=show.guid_style,
        author=show.author,
    )


def _dates(dice: Random, rhythm: Rhythm, count: int, until: datetime) -> tuple[datetime, ...]:
    """Oldest first, to the second, all before `until`."""
    date = until.replace(microsecond=0) - timedelta(minutes=dice.randint(20, 600))
    dates = []
    for _ in range(count):
        dates.append(date)
        days = {"daily": 1, "weekly": 7, "irregular": dice.randint(2, 30)}[rhythm]
        date -= timedelta(days=days, minutes=dice.randint(-9, 9))
    return tuple(reversed(dates))


def _maybe(dice: Random, value: str) -> str | None:
    return value if dice.randrange(3) else None


def _value(dice: Random) -> Value:
    split = dice.randrange(50, 100)
    return Value(
        "lightning",
        "keysend",
        recipients=(
            ValueRecipient(dice.randbytes(33).hex(), "node", "host", float(split)),
            ValueRecipient(dice.randbytes(33).hex(), "node", "editor", float(100 - split)),
        ),
    )
