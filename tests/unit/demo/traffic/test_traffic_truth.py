"""The truth of scenes worked out by hand, and of a set read again without the generator."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tallycast.demo.traffic import truth
from tallycast.demo.traffic.catalogue import Audio
from tallycast.demo.traffic.tables import micros, statement
from tallycast.demo.traffic.world import build
from tallycast.measurement.agents import built_in

START = datetime(2026, 10, 24, tzinfo=UTC)
RATE = 16_000
HEADER = 1_000
MINUTE = HEADER + 60 * RATE


def an_audio(name="a", **changes):
    known = {
        "media": f"media.example.com/{name}.mp3",
        "episode_id": f"ep_{name}",
        "show_id": "show_1",
        "zone": "Europe/Berlin",
        "released_at": START,
        "duration_seconds": 1800.0,
        "bitrate_bps": 128_000,
        "header_bytes": HEADER,
    }
    return Audio(**(known | changes))


@pytest.fixture
def scene(tmp_path):
    """Tells the truth of a few requests: `scene(audio, [request, …])` → (totals, downloads)."""
    worlds = []

    def tell(audio, requests):
        world = build(
            seed=1, audio=audio, start=START, days=4, threads=1, memory_mb=200,
            scratch=str(tmp_path),
        )  # fmt: skip
        worlds.append(world)
        world.execute("SET VARIABLE first = 0")
        world.execute("SET VARIABLE past = 0")
        for name in ("actors", "wishes", "sittings", "requests"):
            world.execute(statement(name))
        world.execute("CREATE TEMP TABLE scene AS FROM requests")
        for number, request in enumerate(requests):
            row = {"request": number, **request}
            names = ", ".join(row)
            values = ", ".join(f"${name}" for name in row)
            insert = f"INSERT INTO scene ({names}) VALUES ({values})"  # noqa: S608 - our own names
            world.execute(insert, row)
        world.execute("CREATE OR REPLACE TEMP TABLE requests AS FROM scene")
        truth.begin(world)
        truth.add_chunk(world)
        (tmp_path / "out").mkdir()
        totals = truth.finish(world, tmp_path / "out")
        days = world.execute(
            "SELECT calendar, kind, episode_id, dt::VARCHAR, downloads FROM downloads"
        ).fetchall()
        return totals, {row[:4]: row[4] for row in days}

    yield tell
    for world in worlds:
        world.close()


def a_request(at, seconds=(0, 1800), **changes):
    """One GET of a person at 2026-10-24 plus `at` that got the seconds of the first episode."""
    begin, end = seconds
    moment = START + at
    return {
        "replay": False,
        "time_us": micros(moment),
        "actor": 1,
        "who": "person",
        "human": True,
        "what": "audio",
        "form": "closed",
        "episode_no": 0,
        "show_zone": 0,
        "prefix": False,
        "agent_no": 3,
        "network_no": 0,
        "ip": 77,
        "place_no": 0,
        "sitting": 1,
        "style": "stream",
        "method": "GET",
        "status": 206,
        "lo_s": begin,
        "hi_s": end,
        "lo_b": HEADER + begin * RATE if begin else 0,
        "hi_b": HEADER + end * RATE,
        **changes,
    }


def hours(number):
    return timedelta(hours=number)


def test_play_pause_play_is_one_download(scene):
    totals, _ = scene(
        [an_audio()],
        [a_request(hours(1), (0, 300)), a_request(hours(2), (0, 300)), a_request(hours(3))],
    )
    assert totals.persons == {"log": 1}
    assert totals.visible == {"log": 1}
    assert totals.waterfall == {("person", "download"): 1, ("person", "repeat"): 2}


def test_overlapping_parts_count_once_towards_the_minute(scene):
    # 0-40, 20-50 and 30-55 seconds: 55 seconds, however often they were sent.
    totals, _ = scene(
        [an_audio()],
        [a_request(hours(n), part) for n, part in enumerate([(0, 40), (20, 50), (30, 55)])],
    )
    assert totals.persons == {}
    assert totals.visible == {}
    assert totals.waterfall == {("person", "short"): 3}


def test_parts_that_reach_a_minute_together_are_one_download(scene):
    totals, _ = scene([an_audio()], [a_request(hours(1), (0, 40)), a_request(hours(2), (35, 61))])
    assert totals.persons == totals.visible == {"log": 1}
    assert totals.waterfall == {("person", "download"): 1, ("person", "repeat"): 1}


def test_a_minute_in_the_middle_is_heard_but_lacks_the_bytes_of_the_tag(scene):
    totals, _ = scene([an_audio()], [a_request(hours(1), (300, 360))])
    assert totals.persons == {"log": 1}
    assert totals.visible == {}


def test_a_midnight_of_the_shows_zone_begins_a_new_download(scene):
    # Berlin's midnights are at 22:00 UTC before, and at 23:00 UTC after, the clocks go back on
    # 25 October.
    times = [hours(21.5), hours(22.5), hours(24 + 22.5), hours(24 + 23.5)]
    totals, days = scene([an_audio()], [a_request(at) for at in times])
    assert totals.persons == totals.visible == {"log": 3}
    assert {key[3]: number for key, number in days.items() if key[:2] == ("show", "visible")} == {
        "2026-10-24": 1, "2026-10-25": 1, "2026-10-26": 1,
    }  # fmt: skip
    assert {key[3]: number for key, number in days.items() if key[:2] == ("utc", "person")} == {
        "2026-10-24": 1, "2026-10-25": 1,
    }  # fmt: skip


def test_two_people_behind_one_address_with_one_app_look_like_one(scene):
    totals, _ = scene([an_audio()], [a_request(hours(1)), a_request(hours(2), actor=2)])
    assert totals.persons == {"log": 2}
    assert totals.visible == {"log": 1}


def test_one_person_at_two_addresses_looks_like_two(scene):
    totals, _ = scene([an_audio()], [a_request(hours(1)), a_request(hours(2), ip=78)])
    assert totals.persons == {"log": 1}
    assert totals.visible == {"log": 2}


def test_noise_is_no_download_but_a_listener_behind_a_vpn_is_a_person(scene):
    totals, _ = scene(
        [an_audio()],
        [
            a_request(hours(1), who="bot", human=False),
            a_request(hours(1), who="vpn", actor=5),
            a_request(hours(2), what="probe", form="probe", lo_s=0, hi_s=0, lo_b=0, hi_b=2),
            a_request(hours(2), what="head", form="nothing", method="HEAD", lo_s=0, hi_s=0),
        ],
    )
    assert totals.persons == {"log": 1}
    assert totals.visible == {}
    assert totals.waterfall == {
        ("bot", "audio"): 1, ("vpn", "audio"): 1, ("person", "probe"): 1, ("person", "head"): 1,
    }  # fmt: skip


def test_of_a_trailer_or_a_file_of_unknown_length_the_whole_is_needed(scene):
    trailer = an_audio("t", duration_seconds=40.0)
    unknown = an_audio("u", known="length")
    whole = HEADER + 1800 * RATE
    totals, _ = scene(
        [trailer, unknown],
        [
            a_request(hours(1), (0, 39)),
            a_request(hours(1), (0, 40), ip=80, actor=2),
            a_request(hours(1), (0, 900), episode_no=1),
            a_request(hours(1), (0, 1800), episode_no=1, ip=80, actor=2, hi_b=whole),
        ],
    )
    assert totals.visible == {"log": 2}
    assert totals.persons == {"log": 3}


def test_a_prefix_sees_neither_bytes_nor_failures(scene):
    one = {"prefix": True, "status": 302}
    totals, _ = scene(
        [an_audio(source="prefix")],
        [
            a_request(hours(1), (0, 20), **one),
            a_request(hours(1), (0, 0), ip=80, what="error", form="nothing", **one),
            a_request(hours(1), (0, 0), ip=81, what="probe", form="probe", **one),
        ],
    )
    assert totals.persons == {}
    assert totals.visible == {"prefix": 2}
    assert totals.waterfall == {("person", "download"): 2, ("person", "probe"): 1}


def test_a_request_delivered_twice_is_one(scene):
    totals, _ = scene([an_audio()], [a_request(hours(1)), a_request(hours(1), replay=True)])
    assert totals.visible == {"log": 1}
    assert totals.waterfall == {("person", "download"): 1, ("person", "replay"): 1}


def test_listeners_are_distinct_in_each_period(scene, tmp_path):
    scene(
        [an_audio()],
        [a_request(hours(at), actor=actor, ip=actor) for at, actor in
         [(1, 1), (1, 2), (25, 1), (73, 1), (73, 3)]],
    )  # fmt: skip
    with duckdb.connect() as reader:
        rows = reader.execute(
            f"SELECT period, start::VARCHAR, listeners FROM "  # noqa: S608 - our own files
            f"'{tmp_path / 'out' / 'truth' / 'listeners.parquet'}' "
            "WHERE kind = 'person' AND show_id = '*' ORDER BY ALL"
        ).fetchall()
    assert rows == [
        ("day", "2026-10-24", 2),
        ("day", "2026-10-25", 1),
        ("day", "2026-10-27", 2),
        ("month", "2026-10-01", 3),
        ("week", "2026-10-19", 2),
        ("week", "2026-10-26", 2),
    ]


def test_a_plain_reading_of_the_rows_comes_to_the_visible_truth_of_every_day(small):
    """Nothing of the generator is used here: rows, episodes and the built-in list of agents."""
    expected, found = defaultdict(int), defaultdict(int)
    with duckdb.connect() as reader:
        for key, number in reader.execute(
            "SELECT (source, show_id, episode_id, dt)::VARCHAR, downloads FROM "  # noqa: S608 - our own files
            f"'{small.folder / 'truth' / 'downloads.parquet'}' "
            "WHERE kind = 'visible' AND calendar = 'show'"
        ).fetchall():
            expected[key] += number
        episodes = {
            row[0]: row[1:]
            for row in reader.execute(
                "SELECT media, episode_id, show_id, zone, duration_seconds, bitrate_bps, "  # noqa: S608 - our own files
                f"length_bytes, header_bytes FROM '{small.folder / 'episodes.parquet'}'"
            ).fetchall()
        }
        rows = reader.execute(
            "SELECT time, source, media, method, status, range_start, range_end, bytes_sent, "  # noqa: S608 - our own files
            "total_bytes, coalesce(if(ip_key = '2026-10', ip_hash_previous, ip_hash), ''), "
            "network, user_agent, referrer, request_id "
            f"FROM '{small.folder / 'requests' / '*' / '*.parquet'}' ORDER BY time, line"
        ).fetchall()
    groups = defaultdict(list)
    seen = set()
    scraping = addresses_that_scrape(rows)
    agents = {agent.user_agent: agent for agent in built_in().classify({row[11] for row in rows})}
    for row in rows:
        time, source, media, method, status, start, end, sent, total, ip, network = row[:11]
        agent = agents[row[11]]
        known = episodes.get(media, (None, "", "UTC", None, None, total, 0))
        if method != "GET" or (source == "log" and status not in {200, 206}) or end == 1:
            continue
        if agent.kind in {"blank", "malformed"} or agent.is_bot or agent.is_watch:
            continue
        if network in {"data_centre", "vpn"} or ip in scraping or is_spam(row[12]):
            continue
        if row[13] in seen:
            continue
        seen.add(row[13])
        day = time.replace(tzinfo=UTC).astimezone(ZoneInfo(known[2])).date()
        begin = 0 if start is None else start if start >= 0 else known[5] + start
        groups[source, media, day, ip, row[11]].append((begin, begin + (sent or 0)))
    for (source, media, day, _, _), spans in groups.items():
        unknown = (media, "", "UTC", None, None, None, 0)
        episode, show, _, seconds, rate, length, header = episodes.get(media, unknown)
        if media not in episodes:
            continue
        minute = length if not rate or seconds < 60 else header + 60 * rate // 8
        covered = set_size(spans)
        if source == "prefix" or covered >= minute:
            found[f"({source}, {show}, {episode}, {day})"] += 1
    in_feeds = {key: n for key, n in expected.items() if ", media_" not in key}
    assert sum(in_feeds.values()) > 1000
    assert {normal(key): n for key, n in in_feeds.items()} == {
        normal(key): n for key, n in found.items()
    }


def normal(key):
    return key.replace("'", "").replace('"', "")


def is_spam(referrer):
    return bool(referrer) and any(sign in referrer for sign in ' <>"{}')


def set_size(spans):
    size, reached = 0, 0
    for begin, end in sorted(spans):
        size += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return size


def addresses_that_scrape(rows):
    media = defaultdict(set)
    for row in rows:
        media[row[9], row[0].date()].add(row[2])
        media[row[9], (row[0] + timedelta(minutes=15)).date()].add(row[2])
    return {ip for (ip, _), found in media.items() if len(found) > 30}  # a small catalogue
