"""The shows and episodes that are listened to: the demo's own, or invented ones of any number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from tallycast.demo.dice import dice_for
from tallycast.kernel.ids import derived_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from tallycast.demo.shows import DemoShow

Source = Literal["log", "prefix"]

ZONES = (
    "Europe/Berlin", "America/New_York", "UTC", "Australia/Sydney", "America/Los_Angeles",
    "Asia/Kolkata", "Europe/London", "America/Sao_Paulo",
)  # fmt: skip
# A trailer is shorter than a minute, so only the whole of it is a download.
TRAILER_SECONDS = 43.0
_BIT_RATES = (64_000, 96_000, 128_000, 128_000, 128_000, 192_000)
_PREFIX_EVERY = 4
_UNKNOWN_EVERY = 17
_STRAYS = 2


@dataclass(frozen=True, slots=True)
class Audio:
    """One audio file, as the generator knows it.

    `known` says how much of it the counting platform is told: all of it; all but its duration
    and bit rate (`length`); or nothing, because no feed names it (`stray`). `source` is who sees
    the requests for it.
    """

    media: str
    episode_id: str
    show_id: str
    zone: str
    released_at: datetime
    duration_seconds: float
    bitrate_bps: int
    header_bytes: int
    source: Source = "log"
    known: Literal["all", "length", "stray"] = "all"

    @property
    def length_bytes(self) -> int:
        """The size of the file: the tag before the audio, and the audio."""
        return self.header_bytes + round(self.duration_seconds * self.bitrate_bps / 8)


def invented(seed: int, shows: int, start: datetime, days: int) -> tuple[Audio, ...]:
    """Shows with a back catalogue, a trailer each, and new episodes all through the period.

    Every fourth show is measured by prefix alone; the second also has a file that no feed names;
    one episode in seventeen comes without duration and bit rate. The same arguments give the same
    files.

    Args:
        seed: any integer.
        shows: how many, at least 1.
        start: the first moment of the period, aware.
        days: how long the period is.
    """
    return tuple(audio for number in range(shows) for audio in _show(seed, number, start, days))


def of_shows(
    shows: Iterable[tuple[DemoShow, str, str]], *, prefix_every: int = _PREFIX_EVERY
) -> tuple[Audio, ...]:
    """The files of the demo's shows: (show, its `show_id`, its reporting time zone) each.

    Episode ids follow from show and identity, as when the feed is polled.
    """
    # Imported here, because the polling room is not needed for invented shows.
    from tallycast.demo.truth import identity_of  # noqa: PLC0415
    from tallycast.feeds.items import episode_id  # noqa: PLC0415

    return tuple(
        Audio(
            media=episode.enclosure_key,
            episode_id=episode_id(show_id, str(identity_of(show, episode))),
            show_id=show_id,
            zone=zone,
            released_at=episode.published,
            duration_seconds=float(episode.duration_seconds),
            bitrate_bps=128_000,
            header_bytes=0,
            source=_source(number, prefix_every),
        )
        for number, (show, show_id, zone) in enumerate(shows)
        for episode in show.episodes
    )


def _source(number: int, prefix_every: int) -> Source:
    return "prefix" if prefix_every and number % prefix_every == prefix_every - 1 else "log"


def _show(seed: int, number: int, start: datetime, days: int) -> Sequence[Audio]:
    dice = dice_for(seed, "traffic", "show", number)
    show_id = derived_id("show", "traffic", str(seed), str(number))
    host = f"media{number % 7}.example.com/{show_id[5:13]}"
    zone = ZONES[number % len(ZONES)]
    bitrate = dice.choice(_BIT_RATES)
    minutes = dice.randint(9, 70)
    source = _source(number, _PREFIX_EVERY)
    dates = _dates(dice, number, start, days)
    made: list[Audio] = []
    for count, date in enumerate(dates):
        media = f"{host}/{count:04d}.mp3"
        seconds = round(minutes * 60 * dice.uniform(0.7, 1.3), 3)
        unknown = source == "log" and count % _UNKNOWN_EVERY == _UNKNOWN_EVERY - 1
        made.append(
            Audio(
                media=media,
                episode_id=derived_id("ep", show_id, str(count)),
                show_id=show_id,
                zone=zone,
                released_at=date,
                duration_seconds=TRAILER_SECONDS if count == 0 else seconds,
                bitrate_bps=bitrate,
                header_bytes=dice.choice((0, 2_048, 65_536, 140_000)),
                source=source,
                known="length" if unknown else "all",
            )
        )
    if number == 1:
        made += [_stray(media_host=host, old=made[-1 - nth], nth=nth) for nth in range(_STRAYS)]
    return made


def _stray(*, media_host: str, old: Audio, nth: int) -> Audio:
    """A file that is served and in no feed: a removed episode, say."""
    media = f"{media_host}/removed-{nth}.mp3"
    return Audio(
        media=media,
        episode_id=derived_id("media", media),
        show_id="",
        zone="UTC",
        released_at=old.released_at,
        duration_seconds=old.duration_seconds,
        bitrate_bps=old.bitrate_bps,
        header_bytes=old.header_bytes,
        source="log",
        known="stray",
    )


def _dates(dice: Random, number: int, start: datetime, days: int) -> list[datetime]:
    """Oldest first: a back catalogue of some weeks, then the period itself."""
    step = (7, 1, 7, 3, 14)[number % 5]
    hour = dice.choice((4, 5, 9, 15, 22))
    date = start.astimezone(UTC).replace(hour=hour, minute=dice.randrange(60), second=0)
    date -= timedelta(days=dice.randrange(step) + step * dice.randint(6, 18))
    until = start + timedelta(days=days)
    found = []
    while date < until:
        found.append(date.replace(microsecond=0))
        date += timedelta(days=step, minutes=dice.randint(-40, 40))
    return found
