"""The listening that the demo invents for its own shows: some in log files, some through a prefix.

All of it is made before the platform has given the shows their ids, while other acts are on; the
truth gets the real ids afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.demo.habits import Phase
from tallycast.demo.script import show_at
from tallycast.demo.traffic.catalogue import ZONES, of_shows
from tallycast.demo.traffic.compare import Truth, read_truth
from tallycast.demo.traffic.generate import Plan, generate
from tallycast.demo.traffic.live import live_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from tallycast.demo.episodes import DemoEpisode
    from tallycast.demo.shows import DemoShow
    from tallycast.demo.traffic.catalogue import Audio
    from tallycast.demo.traffic.live import LivePlan

ROWS = 20_000
HITS = 400
# What each day's log is written as, oldest first; `deliveries` says what becomes of each.
FORMS = ("cloudfront", "jsonl", "csv")
DAYS = len(FORMS)
PREFIX_ZONE = "UTC"
_MEMORY_MB = 512
_OTHER_PEOPLE = 1_000_000
# A scraper takes 87 files, and stands out only where there are as many. More would take longer.
_LEAST_EPISODES = 90


@dataclass(frozen=True, slots=True)
class Cast:
    """The shows as the feeds have them at the end, and who sees the requests for each.

    Attributes:
        shows: by slug, all that can be listened to.
        zones: reporting time zone by slug.
        prefixed: slugs of those that are measured by our own redirect; the others leave logs.
    """

    shows: Mapping[str, DemoShow]
    zones: Mapping[str, str]
    prefixed: frozenset[str]

    def audio(self, ids: Mapping[str, str], *, prefixed: bool) -> tuple[Audio, ...]:
        """The files of one half of the shows, with show ids by slug."""
        chosen = [slug for slug in self.shows if (slug in self.prefixed) is prefixed]
        return of_shows(
            ((self.shows[slug], ids[slug], self.zones[slug]) for slug in chosen), prefix_every=0
        )

    def enclosures(self) -> dict[str, str]:
        """The address that the feed gives, without its scheme, by `https://` and media."""
        return {
            f"https://{one.enclosure_key}": one.enclosure_url.removeprefix("https://")
            for show in self.shows.values()
            for one in show.episodes
        }

    def episodes(self, ids: Mapping[str, str]) -> dict[str, tuple[DemoShow, DemoEpisode]]:
        """Every episode and its show, by the platform's episode id."""
        by_media = {
            one.enclosure_key: (show, one) for show in self.shows.values() for one in show.episodes
        }
        both = (*self.audio(ids, prefixed=False), *self.audio(ids, prefixed=True))
        return {audio.episode_id: by_media[audio.media] for audio in both}


@dataclass(frozen=True, slots=True)
class Listening:
    """Everything that is listened to in the demo, and its truth under invented ids.

    Attributes:
        logs: one file a day, oldest first, with the form it is written in.
        live: the requests to send through the redirect today.
        own_ids: the invented show ids by slug, which the live requests name.
    """

    cast: Cast
    logs: tuple[tuple[Path, str], ...]
    truth: Truth
    live: LivePlan
    own_ids: Mapping[str, str]

    def truth_with(self, ids: Mapping[str, str], today: date) -> Truth:
        """The truth of logs and redirect together, with the platform's episode ids.

        Args:
            ids: the platform's show ids by slug.
            today: the day the live requests were sent.
        """
        real = _renamed(self.cast, self.own_ids, ids)
        live = {("prefix", real[one], today): count for one, count in self.live.visible.items()}
        waterfall = {("prefix", *key): count for key, count in self.live.waterfall.items()}
        calendars = self.truth.visible.items()
        return Truth(
            persons={
                calendar: {(key[0], real[key[1]], key[2]): n for key, n in found.items()}
                for calendar, found in self.truth.persons.items()
            },
            visible={
                calendar: {(key[0], real[key[1]], key[2]): n for key, n in found.items()} | live
                for calendar, found in calendars
            },
            waterfall={**self.truth.waterfall, **waterfall},
        )


def cast_of(shows: Iterable[DemoShow]) -> Cast:
    """Who is listened to, and how each is measured: by turns, until both have enough episodes.

    Args:
        shows: those whose feeds are read, as generated.
    """
    final: dict[str, DemoShow] = {}
    zones: dict[str, str] = {}
    behind_us: set[str] = set()
    episodes = {False: 0, True: 0}
    for show in shows:
        prefixed = episodes[True] < episodes[False]
        if episodes[prefixed] < _LEAST_EPISODES:
            final[show.slug] = show_at(show, Phase.THIRD_TICK)
            zones[show.slug] = PREFIX_ZONE if prefixed else ZONES[len(zones) % len(ZONES)]
            episodes[prefixed] += len(show.episodes)
            if prefixed:
                behind_us.add(show.slug)
    return Cast(final, zones, frozenset(behind_us))


def prepare(cast: Cast, into: Path, *, seed: int, midnight: datetime) -> Listening:
    """Invent the listening of the last days before `midnight` UTC, and of today.

    The same requests are written in each form; a day is then taken from one of them.

    Args:
        cast: who is listened to.
        into: a folder that is empty.
        seed: the same arguments give the same requests.
        midnight: the beginning of today.
    """
    own = {slug: f"show_{number:04d}" for number, slug in enumerate(cast.shows)}
    logged = cast.audio(own, prefixed=False)
    start = midnight.fromordinal(midnight.toordinal() - DAYS).replace(tzinfo=midnight.tzinfo)
    for form in dict.fromkeys(FORMS):
        plan = Plan(
            rows=ROWS, days=DAYS, seed=seed, start=start, form=form, threads=1,
            memory_mb=_MEMORY_MB,
        )  # fmt: skip
        generate(plan, into / form, audio=logged)
    # Another seed: the same addresses would be other people's, on the day that both fall on.
    prefixed = cast.audio(own, prefixed=True)
    live = live_plan(prefixed, hits=HITS, seed=seed + _OTHER_PEOPLE, day=midnight)
    logs = tuple(
        (sorted((into / form / "logs").iterdir())[day], form) for day, form in enumerate(FORMS)
    )
    return Listening(cast, logs, read_truth(into / FORMS[0]), live, own)


def _renamed(cast: Cast, own: Mapping[str, str], ids: Mapping[str, str]) -> dict[str, str]:
    """Invented episode ids → the platform's."""
    renamed: dict[str, str] = {}
    for prefixed in (False, True):
        pairs: Sequence[tuple[Audio, Audio]] = tuple(
            zip(cast.audio(own, prefixed=prefixed), cast.audio(ids, prefixed=prefixed), strict=True)
        )
        renamed |= {before.episode_id: after.episode_id for before, after in pairs}
    return renamed
