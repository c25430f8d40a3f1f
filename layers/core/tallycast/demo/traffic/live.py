"""Hits for a running platform: what players would send through the tracking endpoint in a day."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tallycast.demo.traffic import truth
from tallycast.demo.traffic.addresses import name_addresses
from tallycast.demo.traffic.generate import TOWN, stage
from tallycast.demo.traffic.tables import statement
from tallycast.demo.traffic.world import build

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from tallycast.demo.traffic.catalogue import Audio


@dataclass(frozen=True, slots=True)
class Hit:
    """One request to send.

    Attributes:
        at: its place in the invented day; hits come in this order.
        method: GET or HEAD.
        url: of the audio file itself: what the prefix redirects to.
        show_id: whose tracking key to use.
        headers: to send, names in lower case.
        viewer: the address that the edge says the request came from.
    """

    at: datetime
    method: str
    url: str
    show_id: str
    headers: Mapping[str, str]
    viewer: str


@dataclass(frozen=True, slots=True)
class LivePlan:
    """Hits, and what they are worth if all are sent within one reporting day.

    Attributes:
        hits: in order of `at`.
        visible: episode_id → downloads that perfect rules would see, who know no bytes.
        waterfall: (who, what) → hits.
    """

    hits: tuple[Hit, ...]
    visible: Mapping[str, int]
    waterfall: Mapping[tuple[str, str], int]


def live_plan(audio: Sequence[Audio], *, hits: int, seed: int, day: datetime) -> LivePlan:
    """About `hits` requests of one day for the given files, all seen by a prefix.

    Args:
        audio: files with a show; some released on the day or before it.
        hits: how many, at most about 50 000; the last actor's are all there.
        seed: the same arguments give the same plan.
        day: midnight UTC of the invented day.
    """
    prefixed = [replace(one, source="prefix") for one in audio if one.show_id]
    with tempfile.TemporaryDirectory(prefix="tallycast-hits-") as scratch:
        world = build(
            seed=seed, audio=prefixed, start=day, days=1, threads=2, memory_mb=512, scratch=scratch
        )
        try:
            _stage_hits(world, hits)
            name_addresses(world, seed)
            truth.begin(world)
            truth.add_day(world)
            return LivePlan(_hits(world), *truth.of_day(world))
        finally:
            world.close()


def _stage_hits(world: duckdb.DuckDBPyConnection, hits: int) -> None:
    """Take as many actors as make `hits` requests, whole towns at first."""
    actors = TOWN
    while stage(world, 0, actors) < hits and actors < 64 * TOWN:
        actors *= 2
    last = world.execute(
        "SELECT min(actor) FROM (SELECT actor, sum(count(*)) OVER (ORDER BY actor) AS so_far "
        "FROM requests GROUP BY actor) WHERE so_far >= $hits",
        {"hits": hits},
    ).fetchone()
    if last and last[0] is not None:
        stage(world, 0, last[0] + 1)


def _hits(world: duckdb.DuckDBPyConnection) -> tuple[Hit, ...]:
    day = "0", str(1 << 62)
    rows = world.execute(
        "SELECT time, method, media, show_id, ip, user_agent, range, referrer, session "  # noqa: S608
        f"FROM ({statement('log_rows', prefix='true', from_us=day[0], past_us=day[1])}) "
        "INNER JOIN (SELECT media, show_id FROM episodes) USING (media) ORDER BY line"
    ).fetchall()
    return tuple(_hit(*row) for row in rows)


def _hit(
    time: datetime, method: str, media: str, show_id: str, viewer: str, *headers: str | None
) -> Hit:
    names = ("user-agent", "range", "referer", "x-playback-session-id")
    sent = {name: value for name, value in zip(names, headers, strict=True) if value}
    return Hit(time.replace(tzinfo=UTC), method, f"https://{media}", show_id, sent, viewer)
