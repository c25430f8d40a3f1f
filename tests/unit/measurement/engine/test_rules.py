"""The rules one by one: the golden answers, and the pure functions that explain them."""

import hashlib
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement import eligibility, filters, ranges, threshold, uniqueness, windows
from tallycast.measurement.filters import SafeIp
from tallycast.measurement.ranges import Ask, covered, merge, parts, spans
from tallycast.measurement.rulesets import own_rule_set, rule_set
from tests.support.counting import (
    MONDAY,
    PHONE,
    a_part,
    a_request,
    an_episode,
    downloads_of,
    hash_of,
    verdicts_of,
)

UTC = ZoneInfo("UTC")
# Mon 22:00, Tue 03:00, Tue 22:15, Wed 23:15 (IAB v2.3 §5.5.1).
GOLDEN = [
    MONDAY.replace(hour=22),
    MONDAY.replace(day=10, hour=3),
    MONDAY.replace(day=10, hour=22, minute=15),
    MONDAY.replace(day=11, hour=23, minute=15),
]
byte_ranges = st.tuples(st.integers(0, 300), st.integers(0, 60)).map(lambda p: (p[0], p[0] + p[1]))


@pytest.mark.parametrize(
    ("window", "expected"),
    [("calendar", [1, 1, 0, 1]), ("rolling", [1, 0, 1, 1]), ("extending", [1, 0, 0, 1])],
)
def test_the_golden_table_of_windows(window, expected):
    assert windows.counts([time.replace(tzinfo=UTC) for time in GOLDEN], window, UTC) == expected
    rows = [a_request(time) for time in GOLDEN]
    verdicts = verdicts_of(rule_set(window=window), rows)
    assert [int(verdict == "counted") for verdict in verdicts] == expected


@pytest.mark.parametrize(("window", "expected"), [("rolling", 2), ("extending", 2)])
def test_a_window_ends_exactly_24_hours_after(window, expected):
    later = MONDAY + timedelta(hours=24)
    assert downloads_of(rule_set(window=window), [a_request(), a_request(later)]) == expected
    earlier = later - timedelta(microseconds=1)
    assert downloads_of(rule_set(window=window), [a_request(), a_request(earlier)]) == 1


def test_an_extending_window_goes_on_as_long_as_the_listener_comes_back():
    rows = [a_request(MONDAY + timedelta(hours=23 * number)) for number in range(9)]
    assert downloads_of(rule_set(window="extending"), rows) == 1
    assert downloads_of(rule_set(window="rolling"), rows) == 5
    assert downloads_of(rule_set(), rows) == 8


def test_bytes_count_only_within_24_hours_of_the_first_request():
    half = {"range_start": 0, "range_end": 499_999, "bytes_sent": 500_000, "status": 206}
    rest = {"range_start": 500_000, "range_end": 999_999, "bytes_sent": 500_000, "status": 206}
    between = a_part(0, 9, MONDAY + timedelta(hours=20))
    late = [a_request(**half), between, a_request(MONDAY + timedelta(hours=30), **rest)]
    assert downloads_of(rule_set(window="extending"), late) == 0
    soon = [a_request(**half), between, a_request(MONDAY + timedelta(hours=23), **rest)]
    assert downloads_of(rule_set(window="extending"), soon) == 1


def test_days_are_the_shows_own():
    evening = [a_request(MONDAY.replace(hour=23)), a_request(MONDAY.replace(day=10, hour=1))]
    assert downloads_of(rule_set(), evening) == 2
    assert downloads_of(rule_set(), evening, [an_episode(zone="America/New_York")]) == 1
    assert downloads_of(rule_set("odl"), evening, [an_episode(zone="America/New_York")]) == 2


def test_a_zone_nobody_knows_is_utc():
    evening = [a_request(MONDAY.replace(hour=23)), a_request(MONDAY.replace(day=10, hour=1))]
    assert downloads_of(rule_set(), evening, [an_episode(zone="Mars/../Olympus")]) == 2


def test_the_day_the_clocks_go_back_has_25_hours():
    berlin = ZoneInfo("Europe/Berlin")
    start, end = windows.day_bounds(date(2026, 10, 25), berlin)
    assert end - start == timedelta(hours=25)
    assert windows.offsets_in(date(2026, 10, 25), berlin) == (7200, datetime(2026, 10, 25, 1), 3600)
    rows = [a_request(start), a_request(end - timedelta(seconds=1)), a_request(end)]
    assert downloads_of(rule_set(), rows, [an_episode(zone="Europe/Berlin")]) == 2


@given(st.lists(st.integers(0, 200), min_size=1, max_size=30), st.sampled_from(windows.WINDOWS))
def test_a_window_opens_at_one_of_its_own_times_and_never_late(hours, window):
    times = sorted(datetime(2026, 3, 25, tzinfo=UTC) + timedelta(hours=hour) for hour in hours)
    starts = windows.openings(times, window, ZoneInfo("Europe/Berlin"))
    assert starts == sorted(starts)
    assert set(starts) <= set(times)
    assert all(start <= time for start, time in zip(starts, times, strict=True))
    rolling = windows.counts(times, "rolling", UTC)
    assert sum(windows.counts(times, "extending", UTC)) <= sum(rolling)


def test_ranges_are_merged():
    asked = [(10, 20), (5, 7), (22, 40), (8, 8), (15, 19)]
    assert merge(asked) == [(5, 8), (10, 20), (22, 40)]


def test_a_dripping_player_is_credited_once_per_byte():
    assert covered([(4, 40), (10, 20), (99, 100), (100, 101), (120, 130)]) == 51


@given(st.lists(byte_ranges))
def test_merging_never_changes_the_bytes_covered(found):
    every = {byte for start, end in found for byte in range(start, end + 1)}
    assert covered(found) == len(every)
    assert merge(merge(found)) == merge(found)
    assert {byte for start, end in merge(found) for byte in range(start, end + 1)} == every


def test_parts_of_a_range_header():
    assert parts("500-999, 2000-,-500") == [(500, 999), (2000, None), (-500, None)]
    assert parts("9-5,-,abc,1-2-3,,٣-٤") == []
    assert parts(None) == []
    assert len(parts(",".join(["0-1"] * 10_000))) == ranges.MOST_PARTS


def test_credit_is_never_more_than_was_sent_nor_than_the_file_holds():
    assert spans(Ask(start=0, end=999, bytes_sent=100, size=500)) == [(0, 99)]
    assert spans(Ask(start=0, end=999, size=500)) == [(0, 499)]
    assert spans(Ask(start=-100, size=500)) == [(400, 499)]
    assert spans(Ask(start=-100)) == [(-100, -1)]
    assert spans(Ask(start=100)) == []
    assert spans(Ask(bytes_sent=70)) == [(0, 69)]
    assert spans(Ask(start=0, end=9, more="100-199", bytes_sent=50)) == [(0, 9), (100, 139)]


def test_a_server_that_ignores_ranges_sent_the_file_from_its_start():
    assert spans(Ask(status=200, start=5000, end=9999, bytes_sent=100)) == [(0, 99)]


# 128 kbit/s: a minute is 960 000 bytes.
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([a_part(0, 959_999)], 1),
        ([a_part(0, 959_998)], 0),
        ([a_part(0, 499_999), a_part(500_000, 959_999)], 1),
        ([a_part(0, 499_999), a_part(499_999, 959_998)], 0),
        ([a_part(0, 499_999), a_part(400_000, 959_999), a_part(100, 200)], 1),
        ([a_part(0, 499_999)] * 9, 0),
        ([a_part(n * 100_000, n * 100_000 + 99_999) for n in range(10)], 1),
        ([a_part(0, 959_999, bytes_sent=1000)], 0),
        ([a_request(bytes_sent=959_999)], 0),
        ([a_request(bytes_sent=960_000)], 1),
        ([a_part(0, None, bytes_sent=2_000_000)], 1),
        ([a_part(-960_000, None)], 1),
        ([a_part(-959_999, None)], 0),
        ([a_part(0, 9, more_ranges="100-960089", bytes_sent=None)], 1),
        ([a_part(0, 9, more_ranges="100-960088", bytes_sent=None)], 0),
        ([a_part(0, 9, more_ranges="5-20", bytes_sent=None), a_part(15, 959_999)], 1),
        ([a_part(0, 9, more_ranges="5-20", bytes_sent=None), a_part(22, 959_999)], 0),
    ],
)
def test_a_minute_of_distinct_bytes_makes_a_download(rows, expected):
    assert downloads_of(rule_set(), rows) == expected


def test_the_header_is_no_audio():
    episode = an_episode(header_bytes=100_000, bitrate_bps=128_000)
    assert downloads_of(rule_set(), [a_part(0, 1_059_999)], [episode]) == 1
    assert downloads_of(rule_set(), [a_part(0, 1_059_998)], [episode]) == 0


def test_the_bitrate_is_the_episodes_own():
    assert threshold.minute_bytes(28_800_000, 1800.0, None, 0) == 960_000
    assert threshold.minute_bytes(28_900_000, 1800.0, None, 100_000) == 1_060_000
    assert threshold.minute_bytes(28_800_000, 1800.0, 64_000, None) == 480_000
    assert threshold.minute_bytes(None, 1800.0, None, 0) is None
    assert threshold.minute_bytes(None, None, None, 0, 128_000) == 960_000


@pytest.mark.parametrize("length", [1, 0, -5, 100, 10**15])
def test_a_length_that_cannot_be_true_is_not_believed(length):
    assert threshold.believed_length(length, 1800.0, 0) is None
    # So the file is of unknown size: a whole answer counts, a piece does not.
    episode = an_episode(length_bytes=length)
    assert verdicts_of(rule_set(), [a_part(0, 5000)], [episode]) == ["below_threshold"]
    assert verdicts_of(rule_set(), [a_request()], [episode]) == ["counted"]


def test_an_episode_shorter_than_a_minute_is_wanted_whole():
    short = an_episode(length_bytes=400_000, duration_seconds=25.0)
    assert downloads_of(rule_set(), [a_part(0, 399_998)], [short]) == 0
    assert downloads_of(rule_set(), [a_part(0, 199_999), a_part(200_000, 399_999)], [short]) == 1


def test_a_file_of_unknown_length_is_wanted_whole():
    unknown = {"media": "elsewhere.example/x.mp3"}
    assert verdicts_of(rule_set(), [a_request(**unknown)]) == ["counted"]
    assert verdicts_of(rule_set(), [a_part(0, None, **unknown)]) == ["counted"]
    assert verdicts_of(rule_set(), [a_part(0, 5_000_000, **unknown)]) == ["below_threshold"]
    assert verdicts_of(rule_set(), [a_request(bytes_sent=0, **unknown)]) == ["below_threshold"]
    # A log that tells the size of the file makes it known.
    told = unknown | {"total_bytes": 5_000_000}
    assert downloads_of(rule_set(), [a_part(0, 4_999_999, **told)]) == 1
    assert downloads_of(rule_set(), [a_part(0, 4_999_998, **told)]) == 0
    # It is enough that one request tells it, even one that was sent nothing.
    halves = [a_part(0, 2_499_999, **unknown), a_part(2_500_000, 4_999_999, **unknown)]
    empty = a_part(0, 99, bytes_sent=0, **told)
    assert downloads_of(rule_set(), [*halves, empty]) == 1
    assert downloads_of(rule_set(), [halves[0], empty]) == 0
    assert downloads_of(rule_set(), halves) == 0


@pytest.mark.parametrize("sent", [2, 5_000_000, None])
def test_a_part_that_is_not_said_to_be_which_is_never_a_whole_file_of_unknown_length(sent):
    unknown = {"media": "elsewhere.example/x.mp3", "bytes_sent": sent}
    assert verdicts_of(rule_set(), [a_request(status=206, **unknown)]) == ["below_threshold"]
    assert verdicts_of(rule_set(), [a_request(status=200, **unknown)]) == ["counted"]
    # Of a file of known length, what was sent is what counts.
    known = a_request(status=206, bytes_sent=sent)
    assert downloads_of(rule_set(), [known]) == (0 if sent == 2 else 1)


def test_a_request_more_never_makes_a_download_less():
    """Two halves of the file that the log tells; what tells nothing changes nothing."""
    halves = [a_part(0, 499, total_bytes=1000), a_part(500, 999, total_bytes=1000)]
    rest = a_request(bytes_sent=100)
    assert downloads_of(rule_set(), halves) == 1
    assert downloads_of(rule_set(), [*halves, rest]) == 1
    # And it may be the one that completes them.
    assert downloads_of(rule_set(), [halves[1], a_request(bytes_sent=499)]) == 0
    assert downloads_of(rule_set(), [halves[1], a_request(bytes_sent=500)]) == 1


def test_volume_is_an_ips_also_where_referrers_make_listeners():
    rules = own_rule_set({"name": "mine", "based_on": "op3", "most_episodes_per_ip": 5})
    rows = [
        a_request(MONDAY, media=f"cdn.example/{n}.mp3", referrer=f"https://{n % 2}.example/")
        for n in range(10)
    ]
    assert verdicts_of(rules, rows) == ["volume"] * 10
    assert verdicts_of(rules, rows[:5]) == ["counted"] * 5
    assert verdicts_of(rules, [{**row, "network": "cellular"} for row in rows]) == ["counted"] * 10
    # Two files of an episode are one episode.
    episodes = [an_episode(f"cdn.example/{n}.mp3", episode_id=f"ep_{n // 2}") for n in range(10)]
    assert verdicts_of(rules, rows, episodes) == ["counted"] * 10


def test_rules_may_assume_a_bitrate_for_unknown_files():
    rules = rule_set().model_copy(update={"assumed_bitrate_bps": 128_000})
    unknown = {"media": "elsewhere.example/x.mp3"}
    assert downloads_of(rules, [a_part(0, 959_999, **unknown)]) == 1
    assert downloads_of(rules, [a_part(0, 959_998, **unknown)]) == 0


def test_segments_of_a_stream_are_added_up():
    stream = an_episode("live.example/show", bitrate_bps=128_000, length_bytes=None)
    part = {"media": "live.example/show", "bytes_sent": 160_000}
    six = [a_request(part=f"{number}.ts", **part) for number in range(6)]
    assert downloads_of(rule_set(), six, [stream]) == 1
    assert downloads_of(rule_set(), six[:5], [stream]) == 0
    assert downloads_of(rule_set(), six[:1] * 6, [stream]) == 0
    lists = [a_request(part="list.m3u8", **part), a_request(media="live.example/a.M3U8")]
    assert verdicts_of(rule_set(), lists, [stream]) == ["playlist", "playlist"]


def test_two_files_of_one_episode_are_one_download_but_share_no_bytes():
    both = [an_episode("a/x.mp3"), an_episode("a/x.m4a")]
    halves = [a_part(0, 499_999, media="a/x.mp3"), a_part(500_000, 999_999, media="a/x.m4a")]
    assert downloads_of(rule_set(), halves, both) == 0
    assert (
        downloads_of(rule_set(), [a_request(media="a/x.mp3"), a_request(media="a/x.m4a")], both)
        == 1
    )


def test_ten_downloads_of_six_agents_behind_one_ip_are_six():
    rows = [a_request(user_agent=f"App/{number % 6}") for number in range(10)]
    assert downloads_of(rule_set(), rows) == 6


def test_play_pause_play_is_one_download():
    rows = [
        a_part(0, 1, MONDAY),
        a_part(0, 1_500_000, MONDAY),
        a_part(1_500_001, 3_000_000, MONDAY + timedelta(minutes=40)),
        a_part(3_000_001, 9_000_000, MONDAY + timedelta(hours=5)),
    ]
    assert verdicts_of(rule_set(), rows) == ["two_bytes", "counted", "repeat", "repeat"]


def test_a_probe_alone_is_no_download_but_under_op3():
    assert verdicts_of(rule_set(), [a_part(0, 1)]) == ["two_bytes"]
    assert verdicts_of(rule_set("odl"), [a_part(0, 1)]) == ["ends_at_one"]
    assert verdicts_of(rule_set("op3"), [a_part(0, 1)]) == ["counted"]
    later = a_part(0, 99, MONDAY + timedelta(minutes=1))
    assert verdicts_of(rule_set("op3"), [a_part(0, 1), later]) == ["probe_replaced", "counted"]
    assert verdicts_of(rule_set("op3"), [a_part(5, 6), a_part(0, 0)]) == ["tiny_range"] * 2


def test_odl_wants_more_than_one_byte():
    assert verdicts_of(rule_set("odl"), [a_part(7, 7)]) == ["no_bytes"]
    assert verdicts_of(rule_set("odl"), [a_part(7, 8)]) == ["counted"]
    assert verdicts_of(rule_set("odl"), [a_part(7, None)]) == ["counted"]


def test_op3_tells_referrers_and_files_apart():
    rows = [a_request(), a_request(referrer="https://a.example/"), a_request(media="b/c.mp3")]
    assert downloads_of(rule_set("op3"), rows) == 3


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ({"method": "HEAD"}, "method"),
        ({"status": 304}, "not_modified"),
        ({"status": 404}, "status"),
        ({"status": 302}, "status"),
        ({"user_agent": "atc/1.0 watchOS/9.0 model/Watch6,2"}, "apple_watch"),
        ({"user_agent": "Podcasts/(null)/(null) watchOS/8"}, "apple_watch"),
        ({"user_agent": "Googlebot/2.1"}, "bot"),
        ({"user_agent": "okhttp/3.12"}, "bot"),
        ({"user_agent": ""}, "blank_agent"),
        ({"user_agent": None}, "blank_agent"),
        ({"user_agent": "-"}, "blank_agent"),
        ({"user_agent": "123456"}, "malformed_agent"),
        ({"user_agent": "App\x1b[31m"}, "malformed_agent"),
        ({"user_agent": "${jndi:ldap://x}"}, "malformed_agent"),
        ({"user_agent": "x" * 2000}, "malformed_agent"),
        ({"network": "data_centre"}, "data_centre"),
        ({"network": "vpn"}, "vpn"),
        ({"referrer": "not an address"}, "bad_referrer"),
        ({"referrer": "<script>"}, "bad_referrer"),
        ({"network": "relay"}, "counted"),
        ({"network": None}, "counted"),
        ({"status": None}, "counted"),
        ({"method": None}, "counted"),
        ({"source": "prefix", "status": 302, "bytes_sent": None}, "counted"),
        ({"referrer": "android-app://com.example/"}, "counted"),
        ({"user_agent": "Подкасты/1.0"}, "counted"),
    ],
)
def test_each_fault_has_its_own_verdict(fault, verdict):
    assert verdicts_of(rule_set(), [a_request(**fault)]) == [verdict]


def test_the_first_rule_in_order_is_the_verdict():
    worst = {"method": "HEAD", "status": 404, "user_agent": "bot", "network": "vpn"}
    assert verdicts_of(rule_set(), [a_request(**worst)]) == ["method"]
    other = rule_set().model_copy(update={"request_rules": ("vpn", "bot", "status", "method")})
    assert verdicts_of(other, [a_request(**worst)]) == ["vpn"]


def test_pages_known_for_false_requests_are_dropped_by_host():
    rules = rule_set().model_copy(update={"bad_referrers": ("Spam.example", "it's.example")})
    rows = [
        a_request(referrer=referrer)
        for referrer in (
            "https://www.spam.example/x",
            "https://spam.example.org/",
            "http://IT'S.example",
        )
    ]
    assert verdicts_of(rules, rows) == ["bad_referrer", "counted", "bad_referrer"]
    assert filters.is_bad_referrer("https://u@spam.example:8443/", ["www.spam.example"])


def scraper(number, **more):
    return [
        a_request(MONDAY + timedelta(seconds=10 * index), media=f"s/{index}.mp3", **more)
        for index in range(number)
    ]


def test_87_episodes_in_14_minutes_are_no_listening():
    assert set(verdicts_of(rule_set(), scraper(87))) == {"volume"}
    assert set(verdicts_of(rule_set(), scraper(60))) == {"counted"}
    # Changing the user agent does not hide it, and a neighbour is not touched.
    rows = [row | {"user_agent": f"App/{index}"} for index, row in enumerate(scraper(87))]
    found = verdicts_of(rule_set(), [*rows, a_request(ip="192.0.2.99")])
    assert found == ["volume"] * 87 + ["counted"]


def test_shared_networks_may_be_busy():
    assert set(verdicts_of(rule_set(), scraper(87, network="cellular"))) == {"counted"}
    assert set(verdicts_of(rule_set(), scraper(87, network="relay"))) == {"counted"}


def test_a_safe_ip_is_safe_for_90_days():
    def rules(validated):
        safe = SafeIp(ip_hash=hash_of("192.0.2.1", "2026-11"), validated=validated)
        return rule_set().model_copy(update={"safe_ips": (safe,)})

    day = MONDAY.date()
    assert set(verdicts_of(rules(day - timedelta(days=89)), scraper(87))) == {"counted"}
    assert set(verdicts_of(rules(day - timedelta(days=90)), scraper(87))) == {"volume"}
    assert set(verdicts_of(rules(day + timedelta(days=1)), scraper(87))) == {"volume"}
    assert set(verdicts_of(rules(day), scraper(87), day=day)) == {"counted"}


def test_the_volume_of_one_day_is_not_that_of_the_next():
    rows = scraper(50) + [
        row | {"time": row["time"] + timedelta(days=1)} for row in scraper(50, ip="192.0.2.1")
    ]
    other = [row | {"media": f"t{index}"} for index, row in enumerate(rows)]
    assert set(verdicts_of(rule_set(), other)) == {"counted"}


def test_the_same_request_delivered_twice_counts_once_and_says_so():
    one = a_request(request_id="abc")
    assert verdicts_of(rule_set(), [one, one | {"file_id": "z"}]) == ["counted", "delivered_twice"]
    # A log that calls all its lines the same has no doubles.
    rows = [a_request(MONDAY + timedelta(seconds=n), request_id="-") for n in range(3)]
    assert verdicts_of(rule_set(), rows) == ["counted", "repeat", "repeat"]
    # Nor has one that names none.
    assert verdicts_of(rule_set(), [a_request(), a_request()]) == ["counted", "repeat"]
    # A robot's request is a robot's, however often it is delivered.
    robot = a_request(request_id="x", user_agent="bot")
    assert verdicts_of(rule_set(), [robot, robot]) == ["bot", "bot"]


def test_doubles_do_not_make_a_volume():
    rules = rule_set().model_copy(update={"most_requests_per_ip": 3})
    rows = [a_request(MONDAY + timedelta(seconds=n), request_id=str(n)) for n in range(3)]
    again = [row | {"file_id": "z"} for row in rows]
    assert (
        verdicts_of(rules, rows + again)
        == ["counted", "repeat", "repeat"] + ["delivered_twice"] * 3
    )
    assert set(verdicts_of(rules, [*rows, a_request(MONDAY + timedelta(seconds=9))])) == {"volume"}


def test_what_a_redirect_saw_is_counted_beside_the_log_and_never_mixed():
    seen = a_request(source="prefix", status=None, bytes_sent=None)
    assert verdicts_of(rule_set(), [seen, a_request()]) == ["counted", "counted"]
    assert verdicts_of(rule_set(), [seen, seen, a_part(0, 9)]) == [
        "counted",
        "repeat",
        "below_threshold",
    ]


def test_a_log_that_tells_neither_status_nor_bytes_is_no_better_than_a_redirect():
    silent = a_request(status=None, bytes_sent=None, range_start=500, range_end=900)
    assert verdicts_of(rule_set(), [silent]) == ["counted"]


def shards_of(identities, of):
    """How many of the identities each shard has."""
    con = duckdb.connect()
    con.execute("CREATE TABLE known AS SELECT unnest($1::VARCHAR[]) AS who", [identities])
    tests = [uniqueness.shard_sql("who", shard, of) for shard in range(of)]
    picks = ", ".join(f"count(*) FILTER ({test})" for test in tests)
    return con.execute(f"SELECT {picks} FROM known").fetchone()  # noqa: S608 - our own SQL


@pytest.mark.parametrize("of", [1, 2, 3, 16, 50])
def test_shards_share_keyed_hashes_out_evenly(of):
    found = shards_of(
        [hashlib.sha256(bytes([a, b])).hexdigest() for a in range(100) for b in range(100)], of
    )
    assert sum(found) == 10_000
    assert all(abs(number - 10_000 / of) < 5 * (10_000 / of) ** 0.5 for number in found)


@pytest.mark.parametrize("who", [None, "", "0", "ffffffff", "g", "~", "80000000", "é", "7fffffff"])
@pytest.mark.parametrize("of", [1, 2, 3, 16, 50])
def test_whatever_stands_for_an_ip_belongs_to_exactly_one_shard(who, of):
    assert sorted(shards_of([who], of)) == [0] * (of - 1) + [1]


def test_identities_are_compared_under_the_older_key():
    november = uniqueness.identity("2026-11", "n", "o", "2026-11")
    assert uniqueness.identity("2026-12", "d", "n", "2026-11") == november
    assert uniqueness.identity("2026-12", "d", None, "2026-11") == "d"
    assert uniqueness.base_of_day(date(2026, 12, 1)) == "2026-11"
    assert uniqueness.base_of_run(date(2027, 1, 3)) == "2026-12"


@given(st.text(max_size=40))
def test_any_text_can_be_a_user_agent(text):
    faults = filters.agent_faults(text, "app", is_bot=False, is_watch=False, library_bots=True)
    assert not {"blank_agent", "malformed_agent"} <= faults


def test_the_pure_rules_say_what_the_conditions_say():
    assert eligibility.is_other_method("HEAD")
    assert not eligibility.is_other_method(None)
    assert eligibility.is_not_modified("log", 304)
    assert not eligibility.is_failed("prefix", 302)
    assert eligibility.is_failed("log", 500)
    assert eligibility.is_playlist("a/b.m3u8", "")
    assert eligibility.is_two_bytes(0, 1, None)
    assert not eligibility.is_two_bytes(0, 1, "5-9")
    assert eligibility.is_tiny(4, 5, None)
    assert not eligibility.is_tiny(0, 1, None)
    assert eligibility.is_tiny(-2, None, None)
    assert not eligibility.is_tiny(0, 1, ranges.ENDLESS)
    assert eligibility.ends_at_one(1, None)
    assert filters.is_unrealistic(61, 61, 60, None)
    assert not filters.is_apple_watch(PHONE)
