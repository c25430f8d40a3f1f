"""Why one request ended as it did, how two counts differ, and which ads were delivered."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.ads import PLACEMENTS, deliveries, integrated_bytes, is_delivered
from tallycast.measurement.discrepancy import NoCountError, compare, differences
from tallycast.measurement.explain import NoSuchRequestError, explain
from tallycast.measurement.model import COUNTED
from tallycast.measurement.rulesets import rule_set
from tests.support.counting import (
    MONDAY,
    a_count,
    a_part,
    a_request,
    a_table,
    an_episode,
    in_lines,
)

MINUTE = timedelta(minutes=1)


def told(rows, line, rules=None, **how):
    return explain(a_count(rules or rule_set(), in_lines(rows), **how), "file", line)


def test_a_repeat_names_the_request_that_was_counted():
    found = told([a_part(0, 999_999), a_part(500_000, 1_499_999, MONDAY + MINUTE)], 2)
    assert found["verdict"] == "repeat"
    assert found["window"]["download"] == {
        "file_id": "file",
        "line": 1,
        "time": "2026-11-09 00:00:00",
    }
    assert found["window"]["covered"] == {"cdn.example/show/episode.mp3": 1_500_000}
    assert [line["verdict"] for line in found["window"]["lines"]] == ["counted", "repeat"]
    assert json.loads(json.dumps(found)) == found


def test_below_the_threshold_the_bytes_are_shown():
    found = told([a_part(0, 99_999), a_part(50_000, 199_999)], 1)
    assert found["verdict"] == "below_threshold"
    assert found["bytes"] == {
        "seen": True, "size": 28_800_000, "credited": 100_000, "ranges": ["0-99999"], "needed": 960_000,
    }  # fmt: skip
    assert found["window"]["covered"] == {"cdn.example/show/episode.mp3": 200_000}


def test_one_file_under_several_names_is_covered_once():
    episodes = [an_episode("h/play?id=2")]
    rows = [
        a_part(0, 599_999, media="h/play?id=2&item=web"),
        a_part(500_000, 999_999, MONDAY + MINUTE, media="h/play?id=2"),
        a_part(900_000, 999_999, MONDAY + 2 * MINUTE, media="h/play?ep=1&id=2"),
    ]
    found = told(rows, 1, episodes=episodes)
    assert (found["verdict"], found["episode"]["episode_id"]) == ("counted", "ep_a")
    assert found["window"]["covered"] == {"h/play?id=2": 1_000_000}
    assert told(rows[:1], 1, episodes=episodes)["verdict"] == "below_threshold"


def test_a_dropped_request_has_a_reason_and_no_window():
    found = told([a_request(user_agent="Googlebot")], 1)
    assert found["verdict"] == "bot"
    assert found["user_agent"] == {"kind": "bot", "name": "Bot", "is_bot": True, "is_watch": False}
    assert "window" not in found


def test_what_a_redirect_saw_has_no_bytes():
    found = told([a_request(source="prefix", status=None, bytes_sent=None)], 1)
    assert (found["verdict"], found["bytes"]) == ("counted", {"seen": False})


@pytest.mark.parametrize("rules", ["iab-2.3", "op3", "odl"])
@pytest.mark.parametrize("window", ["calendar", "rolling", "extending"])
def test_every_request_can_be_explained(rules, window):
    rows = in_lines([
        a_part(0, 1), a_request(), a_request(MONDAY + timedelta(hours=25)), a_request(method="HEAD"),
        a_request(request_id="x"), a_request(request_id="x"), a_request(media="h/x.mp3", part="1.ts"),
        a_part(0, 9, more_ranges="20-29"),
    ])  # fmt: skip
    found = a_count(rule_set(rules, window=window), rows)
    verdicts = {line: rule for _, line, _, rule in found.verdicts()}
    assert {row["line"]: explain(found, "file", row["line"])["verdict"] for row in rows} == verdicts


@pytest.mark.parametrize("place", [("file", 99), ("other", 1), ("'; --", 1)])
def test_a_line_that_is_not_there_is_said_so(place):
    with pytest.raises(NoSuchRequestError, match="no request"):
        explain(a_count(rule_set(), in_lines([a_request()])), *place)


def documents(*pairs):
    return [a_count(rule_set(rules), in_lines(rows)).document() for rules, rows in pairs]


def test_two_counts_are_compared_by_episode_and_day_with_what_explains_them():
    rows = [a_request(ip=f"192.0.2.{n}") for n in range(40)] + [a_part(0, 1, ip="198.51.100.1")]
    found = compare(*documents(("iab-2.3", rows), ("op3", rows)))
    assert found["total"] == {
        "first": 40, "second": 41, "share": 0.025, "acceptable": True, "explained_by": {"two_bytes": -1},
    }  # fmt: skip
    assert found["differences"] == [{"day": "2026-11-09", "episode_id": "ep_a"} | found["total"]]
    assert (found["equal"], found["beyond"]) == (0, 0)


def test_a_count_agrees_with_itself():
    one, same = documents(*[("iab-2.3", [a_request(), a_request(ip="192.0.2.9")])] * 2)
    found = compare(one, same)
    assert (found["differences"], found["equal"], found["total"]["share"]) == ([], 1, 0.0)


def test_five_percent_is_acceptable_and_more_is_not():
    def total(first, second):
        day = date(2026, 11, 9)
        return differences([(day, "e", COUNTED, first)], [(day, "e", COUNTED, second)])[0]

    assert total(100, 105).acceptable
    assert total(100, 95).acceptable
    assert not total(100, 106).acceptable
    assert not total(0, 1).acceptable
    assert total(0, 1).share is None
    assert total(0, 0).acceptable


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_no_count_is_refused(document):
    with pytest.raises(NoCountError, match="count --json"):
        compare({"by_day_and_episode": [document]}, {})
    with pytest.raises(NoCountError):
        compare({"by_day_and_episode": document} if document not in ([], {}, "") else {}, {})


def test_an_ad_is_delivered_with_its_last_byte():
    assert is_delivered([(0, 50), (40, 99)], (10, 99))
    assert not is_delivered([(0, 50), (52, 99)], (10, 99))
    assert integrated_bytes(60, 30, 128_000, 1000) == (961_000, 1_440_999)


def test_ads_count_only_inside_valid_downloads():
    rows = in_lines([
        a_part(0, 1_499_999, ip="a"),
        a_part(1_500_000, 2_000_000, MONDAY + MINUTE, ip="a"),
        a_part(0, 1_499_999, ip="b"),
        a_part(1_450_000, 1_700_000, ip="c"),
        a_request(ip="d", source="prefix", status=None, bytes_sent=None),
    ])  # fmt: skip
    found = a_count(rule_set(), rows, day=MONDAY.date())
    ads = [
        {"ad_id": "pre", "media": "cdn.example/show/episode.mp3", "first_byte": 0, "last_byte": 99},
        {
            "ad_id": "mid",
            "media": "cdn.example/show/episode.mp3",
            "first_byte": 1_450_000,
            "last_byte": 1_600_000,
        },
    ]
    a_table(found.connection, "ads", PLACEMENTS, ads)
    day = MONDAY.date()
    # a has both, b only the first, c is no download, and nobody saw what d got.
    assert deliveries(found.connection, found.plan, "ads") == [
        (day, "mid", "ep_a", 3, 1, 1),
        (day, "pre", "ep_a", 3, 2, 1),
    ]


def test_ads_are_delivered_under_whatever_name_the_file_was_asked_for():
    rows = in_lines([
        a_part(0, 1_499_999, media="h/play?id=2&item=web", ip="a"),
        a_part(1_500_000, 2_000_000, MONDAY + MINUTE, media="h/play?ep=1&id=2", ip="a"),
        a_part(0, 1_499_999, media="h/play?id=2&item=web", ip="b"),
        a_part(0, 1_999_999, media="h/play?id=3", ip="b"),
    ])  # fmt: skip
    episodes = [an_episode("h/play?id=2"), an_episode("h/play?id=3", episode_id="ep_b")]
    found = a_count(rule_set(), rows, episodes, day=MONDAY.date())
    a_table(found.connection, "ads", PLACEMENTS, [
        {"ad_id": "x", "media": "h/play?id=2", "first_byte": 1_400_000, "last_byte": 1_599_999},
    ])  # fmt: skip
    assert deliveries(found.connection, found.plan, "ads") == [
        (MONDAY.date(), "x", "ep_a", 2, 1, 0)
    ]


@pytest.mark.parametrize("window", ["calendar", "rolling", "extending"])
def test_ads_in_other_files_and_odd_ranges(window):
    both = [an_episode("a/x.mp3"), an_episode("a/x.m4a")]
    rows = in_lines([
        a_request(media="a/x.mp3", ip="a"),
        a_part(0, 999_999, media="a/x.m4a", ip="b", more_ranges="2000000-2000099", bytes_sent=None),
    ])  # fmt: skip
    found = a_count(rule_set(window=window), rows, both)
    a_table(found.connection, "ads", PLACEMENTS, [
        {"ad_id": "x", "media": "a/x.m4a", "first_byte": 2_000_000, "last_byte": 2_000_099},
    ])  # fmt: skip
    assert deliveries(found.connection, found.plan, "ads") == [
        (MONDAY.date(), "x", "ep_a", 2, 1, 0)
    ]
