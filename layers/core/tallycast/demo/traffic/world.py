"""The generator's world in DuckDB: its dice, its episodes, its calendar, and its cast.

All chance is `draw(key, 'purpose')`, a hash of the seed, the purpose and what it is drawn for:
the same number whatever the order, the threads or the chunk.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb

from tallycast.demo.traffic import cast, places, roles
from tallycast.demo.traffic.tables import SLOTS, micros, spread, statement, table, variables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tallycast.demo.traffic.catalogue import Audio

_DAY = timedelta(days=1)
_SATURDAY = 5
_QUARTER = timedelta(minutes=15)
_ONE_MINUTE = 60.0


def build(
    *,
    seed: int,
    audio: Sequence[Audio],
    start: datetime,
    days: int,
    threads: int,
    memory_mb: int,
    scratch: str,
) -> duckdb.DuckDBPyConnection:
    """A connection with the generator's dice and tables.

    Args:
        seed: of all chance.
        audio: what can be listened to, at least one file.
        start: the first moment, midnight UTC.
        days: how long.
        threads: of DuckDB; they do not change the result.
        memory_mb: above it DuckDB spills into `scratch`.
        scratch: a folder that exists.
    """
    world = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": scratch,
            "preserve_insertion_order": True,
        }
    )
    world.execute(statement("dice", seed=str(int(seed))))
    shows = sorted({one.show_id for one in audio if one.show_id}) or [""]
    variables(world, seed=seed, start_us=micros(start), days=days, shows=len(shows))
    variables(world, rare_roles=len(roles.ROLES))
    _episodes(world, audio, shows)
    cast.people(world)
    cast.clients(world)
    cast.habits_of_styles(world)
    _calendar(world, audio, start, days)
    return world


def _episodes(
    world: duckdb.DuckDBPyConnection, audio: Sequence[Audio], shows: Sequence[str]
) -> None:
    zones = {zone: number for number, zone in enumerate(sorted({one.zone for one in audio}))}
    show_nos = {show: number for number, show in enumerate(shows)}
    # A file that no feed names goes with the second show's listeners, who had its address.
    stray = min(1, len(shows) - 1)
    table(
        world,
        "episodes",
        "episode_no BIGINT, show_no BIGINT, media VARCHAR, episode_id VARCHAR, show_id VARCHAR, "
        "zone VARCHAR, zone_no BIGINT, released_us BIGINT, seconds DOUBLE, rate DOUBLE, "
        "bitrate BIGINT, header BIGINT, length BIGINT, need BIGINT, prefix BOOLEAN, known VARCHAR",
        (
            {
                "episode_no": number,
                "show_no": show_nos.get(one.show_id, stray),
                "media": one.media,
                "episode_id": one.episode_id,
                "show_id": one.show_id,
                "zone": one.zone,
                "zone_no": zones[one.zone],
                "released_us": micros(one.released_at),
                "seconds": one.duration_seconds,
                "rate": one.bitrate_bps / 8,
                "bitrate": one.bitrate_bps,
                "header": one.header_bytes,
                "length": one.length_bytes,
                "need": bytes_needed(one),
                "prefix": one.source == "prefix",
                "known": one.known,
            }
            for number, one in enumerate(audio)
        ),
    )


def bytes_needed(audio: Audio) -> int:
    """The tag and a minute at the file's bit rate; the whole file if shorter or not known."""
    if audio.known != "all" or audio.duration_seconds < _ONE_MINUTE:
        return audio.length_bytes
    return audio.header_bytes + round(_ONE_MINUTE * audio.bitrate_bps / 8)


def _calendar(
    world: duckdb.DuckDBPyConnection, audio: Sequence[Audio], start: datetime, days: int
) -> None:
    table(
        world,
        "hours",
        "weekend BOOLEAN, slot BIGINT, hour BIGINT",
        (
            {"weekend": weekend, "slot": slot, "hour": hour}
            for weekend, weights in ((False, places.WORKDAY), (True, places.WEEKEND))
            for slot, hour in enumerate(spread(weights, SLOTS))
        ),
    )
    table(
        world,
        "local_days",
        "zone_no BIGINT, day BIGINT, start_us BIGINT, weekend BOOLEAN",
        (
            _local_day(zone_no, zone, start, day)
            for zone_no, zone in enumerate(sorted({place.zone for place in places.PLACES}))
            for day in range(days)
        ),
    )
    table(
        world,
        "offsets",
        "zone_no BIGINT, slot BIGINT, offset_us BIGINT",
        (
            {"zone_no": zone_no, "slot": micros(moment) // 900_000_000,
             "offset_us": _offset(moment, zone)}
            for zone_no, zone in enumerate(sorted({one.zone for one in audio}))
            for moment in (start + _QUARTER * n for n in range(days * 96))
        ),
    )  # fmt: skip


def _local_day(zone_no: int, zone: str, start: datetime, day: int) -> dict[str, object]:
    date = start + _DAY * day
    midnight = date.replace(tzinfo=ZoneInfo(zone))
    return {
        "zone_no": zone_no,
        "day": day,
        "start_us": micros(midnight),
        "weekend": midnight.weekday() >= _SATURDAY,
    }


def _offset(moment: datetime, zone: str) -> int:
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1)
