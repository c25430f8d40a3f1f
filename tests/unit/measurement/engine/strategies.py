"""Random requests, dense enough that every rule meets every other."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from tallycast.measurement.filters import SafeIp
from tallycast.measurement.rulesets import BUILT_IN
from tests.support.counting import a_request, an_episode, hash_of, in_lines

START = datetime(2026, 11, 28, 21)
EPISODES = [
    # A minute is 60 bytes of 200.
    an_episode("h/a.mp3", episode_id="ep_a", bitrate_bps=8, length_bytes=200, duration_seconds=None,
               zone="America/New_York"),
    # The same episode as another file, and with a header.
    an_episode("h/a.m4a", episode_id="ep_a", bitrate_bps=8, length_bytes=150, header_bytes=10,
               duration_seconds=None, zone="America/New_York"),
    # Shorter than a minute: all of 90 bytes.
    an_episode("h/short.mp3", episode_id="ep_short", length_bytes=90, duration_seconds=0.05,
               bitrate_bps=8, zone="Asia/Tokyo"),
    # Of unknown length, of known bitrate.
    an_episode("h/long.mp3", episode_id="ep_long", length_bytes=None, duration_seconds=None,
               bitrate_bps=8, zone="Pacific/Chatham"),
    # A stream.
    an_episode("h/live", episode_id="ep_live", length_bytes=None, duration_seconds=None,
               bitrate_bps=8, zone="UTC"),
    # Files that a program answers with: one known with its query, all others without.
    an_episode("h/play?id=1", episode_id="ep_one", length_bytes=90, duration_seconds=0.05,
               bitrate_bps=8, zone="Asia/Tokyo"),
    an_episode("h/play", episode_id="ep_long", length_bytes=None, duration_seconds=None,
               bitrate_bps=8, zone="Pacific/Chatham"),
]  # fmt: skip
MEDIA = [
    *(e["media"] for e in EPISODES), "h/play?id=2", "h/play?id=1&item=web", "h/unknown.mp3",
]  # fmt: skip
RULES = [
    rules.model_copy(
        update={
            "window": window,
            **({"most_episodes_per_ip": 3, "most_requests_per_ip": 9} if rules.name == "iab-2.3" else {}),
            **({"safe_ips": (SafeIp(ip_hash=hash_of("b", "2026-11"), validated=START.date()),)}
               if rules.name == "iab-2.3" else {}),
            **({"bad_referrers": ("spam.example",)} if rules.name == "iab-2.3" else {}),
        }
    )
    for rules in BUILT_IN.values()
    for window in ("calendar", "rolling", "extending")
] + [
    BUILT_IN["op3"].model_copy(
        update={"name": "op3-limited", "most_episodes_per_ip": 3, "most_requests_per_ip": 9}
    )
]  # fmt: skip
AGENTS = [
    "phone",
    "phone",
    "browser",
    "GoogleBot",
    "okhttp/3",
    "atc/1 watchOS/9",
    "",
    None,
    "123",
    "a\x00",
]
RANGES = [
    (None, None, None), (None, None, None), (0, 1, None), (0, None, None), (0, 19, None),
    (10, 39, None), (30, 69, None), (5, 4, None), (3, 3, None), (7, 8, None), (-30, None, None),
    (-2, None, None), (100, None, None), (0, 1, "50-99"), (0, 1, "4-5"), (0, 9, "5-30,-20"),
    (60, 400, None), (0, 59, None), (40, 99, None),
]  # fmt: skip


@st.composite
def requests(draw, *, most=40, hours=100):
    """Requests of a few listeners over a month's end; some delivered twice."""
    rows = []
    for _ in range(draw(st.integers(1, most))):
        # Mostly good requests of few listeners: rules further down are met, too.
        odd = draw(st.integers(0, 3)) == 0
        start, end, more = draw(st.sampled_from(RANGES))
        media = draw(st.sampled_from(MEDIA))
        part = draw(st.sampled_from(["1.ts", "2.ts", "3.ts"])) if media == "h/live" else ""
        if odd and part:
            part = "list.m3u8"
        rows.append(
            a_request(
                START + timedelta(minutes=draw(st.integers(0, hours * 6)) * 10),
                ip=draw(st.sampled_from("aab")),
                file_id=draw(st.sampled_from(["f1", "f2"])),
                media=media,
                part=part,
                source=draw(st.sampled_from(["log", "log", "log", "prefix"])),
                method=draw(st.sampled_from(["HEAD", "GET", None])) if odd else "GET",
                status=draw(st.sampled_from([200, 206, 304, 404, None])) if odd
                else draw(st.sampled_from([200, 200, 206])) if start is None else 206,
                range_start=start,
                range_end=end,
                more_ranges=more,
                bytes_sent=draw(st.sampled_from([None, 0, 15, 40, 59, 60, 100, 1000])),
                total_bytes=draw(st.sampled_from([None, None, None, 0, 55, 130])),
                request_id=draw(st.sampled_from([None, "x", "y", "-"])),
                user_agent=draw(st.sampled_from(AGENTS)) if odd else draw(st.sampled_from(AGENTS[:2])),
                referrer=draw(st.sampled_from([None, None, "https://p.example/", "not an address",
                                               "https://www.spam.example/x"])) if odd else None,
                network=draw(st.sampled_from(["household", "data_centre", "vpn", "relay", "cellular"]))
                if odd else "household",
            )
        )  # fmt: skip
    again = draw(st.lists(st.sampled_from(rows), max_size=6))
    again = [row | {"file_id": draw(st.sampled_from(["f1", "f2", "f3"]))} for row in again]
    return in_lines(rows + again)
