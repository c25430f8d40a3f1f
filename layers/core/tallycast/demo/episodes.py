"""Invented episodes: stable guids, sizes that agree with 128 kbit/s, all the usual tags."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tallycast.demo import words
from tallycast.demo.dice import dice_for, stable_uuid
from tallycast.feeds.model import Chapter, Person, Soundbite, Transcript

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

GuidStyle = Literal["uuid", "permalink", "tag", "number"]

BYTES_PER_SECOND = 16_000  # 128 kbit/s
EPISODES_PER_SEASON = 12


@dataclass(frozen=True, slots=True)
class DemoEpisode:
    """One invented episode; everything that its document says, and so all its content.

    Two episodes are equal exactly when no field of any document changed.
    """

    guid: str
    title: str
    description: str
    link: str
    published: datetime
    duration_seconds: int
    enclosure_host: str
    enclosure_path: str
    enclosure_prefix: str
    season: int
    episode: int
    episode_type: str
    explicit: bool
    image: str | None = None
    persons: tuple[Person, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    chapters_url: str | None = None
    transcripts: tuple[Transcript, ...] = ()
    soundbites: tuple[Soundbite, ...] = ()

    @property
    def enclosure_url(self) -> str:
        """The address as the feed gives it, prefixes included, without a query."""
        return f"https://{self.enclosure_prefix}{self.enclosure_host}{self.enclosure_path}"

    @property
    def enclosure_key(self) -> str:
        """Where the file itself is: `host/path`, without scheme, prefixes and query."""
        return f"{self.enclosure_host}{self.enclosure_path}"

    @property
    def enclosure_bytes(self) -> int:
        """The size of the file: its duration at 128 kbit/s."""
        return self.duration_seconds * BYTES_PER_SECOND

    def edited(self, number: int) -> DemoEpisode:
        """The same episode, corrected for the `number`th time: title, text and duration."""
        return replace(
            self,
            title=f"{self.title} (corrected {number + 1})",
            description=f"{self.description} Correction {number + 1}: it was the other kettle.",
            duration_seconds=self.duration_seconds + 7,
        )

    def hosted_at(self, host: str) -> DemoEpisode:
        """The same episode with its file on another host, path kept."""
        return replace(self, enclosure_host=host)


@dataclass(frozen=True, slots=True)
class EpisodeMaker:
    """Makes the n-th episode of one show, always the same for the same number and date."""

    seed: str
    slug: str
    host: str
    prefix: str
    guid_style: GuidStyle
    author: str

    def make(self, number: int, published: datetime) -> DemoEpisode:
        """The episode with ordinal `number` (from 0), published at `published`."""
        dice = dice_for(self.seed, "episode", number)
        site = f"https://{self.slug}.example.com"
        page = f"{site}/episodes/{number + 1}"
        seconds = dice.randint(8 * 60, 95 * 60)
        return DemoEpisode(
            guid=self._guid(number, page),
            title=words.episode_title(dice),
            description=words.blurb(dice),
            link=page,
            published=published.replace(microsecond=0),
            duration_seconds=seconds,
            enclosure_host=self.host,
            enclosure_path=f"/{self.slug}/{number + 1:04d}.mp3",
            enclosure_prefix=self.prefix,
            season=number // EPISODES_PER_SEASON + 1,
            episode=number % EPISODES_PER_SEASON + 1,
            episode_type="trailer" if number == 0 else "full",
            explicit=dice.randrange(12) == 0,
            image=f"{site}/art/{number + 1}.jpg" if dice.randrange(3) == 0 else None,
            persons=self._persons(dice),
            chapters=_chapters(dice, seconds),
            chapters_url=f"{page}/chapters.json" if dice.randrange(2) else None,
            transcripts=(Transcript(f"{page}/transcript.vtt", "text/vtt", "en"),)
            if dice.randrange(2)
            else (),
            soundbites=(Soundbite(float(seconds // 3), 30.0, "The kettle part"),)
            if dice.randrange(4) == 0
            else (),
        )

    def _guid(self, number: int, page: str) -> str:
        if self.guid_style == "uuid":
            return stable_uuid(self.seed, number)
        if self.guid_style == "permalink":
            return page
        if self.guid_style == "tag":
            return f"tag:{self.slug}.example.com,2020:Episode/{number + 1}"
        # Plain numbers repeat from show to show: a guid is only unique within its feed.
        return str(1000 + number)

    def _persons(self, dice: Random) -> tuple[Person, ...]:
        guests = tuple(
            Person(words.person_name(dice), role="guest") for _ in range(dice.randrange(3))
        )
        return (Person(self.author), *guests) if guests else ()


def _chapters(dice: Random, seconds: int) -> tuple[Chapter, ...]:
    if dice.randrange(3):
        return ()
    count = dice.randint(2, 5)
    return tuple(
        Chapter(float(seconds * part // count), words.episode_title(dice)) for part in range(count)
    )
