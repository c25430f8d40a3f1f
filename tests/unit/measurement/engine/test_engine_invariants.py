"""What must never change a count: order, files, shards, repetition, and how days are cut."""

import random
from collections import Counter
from datetime import timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tallycast.measurement.engine import InvalidShardError, TooManyMonthsError
from tallycast.measurement.model import REQUESTS
from tallycast.measurement.rulesets import rule_set
from tests.support.counting import MONDAY, a_count, a_request, a_table, in_lines
from tests.unit.measurement.engine.strategies import EPISODES, RULES, requests

# Each example is several whole counts: one that fails is shown as it is, not made smaller.
calm = settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CON = duckdb.connect(config={"threads": 1})
rule_sets = st.sampled_from(RULES)
outlasting = pytest.mark.parametrize(
    "rules",
    [rules for rules in RULES if rules.window != "calendar"],
    ids=lambda rules: f"{rules.name}-{rules.window}",
)


def counted(rules, rows, **how):
    return a_count(rules, rows, EPISODES, con=CON, **how)


def summed(lines):
    total = Counter()
    for *place, number in lines:
        total[tuple(place)] += number
    return total


@given(rules=rule_sets, rows=requests(), dice=st.randoms(use_true_random=False))
@calm
def test_the_order_of_arrival_does_not_matter(rules, rows, dice):
    first = counted(rules, rows)
    expected = first.waterfall(), first.downloads(), first.verdicts()
    shuffled = rows[:]
    dice.shuffle(shuffled)
    second = counted(rules, shuffled)
    assert (second.waterfall(), second.downloads(), second.verdicts()) == expected


@given(rules=rule_sets, rows=requests(), dice=st.randoms(use_true_random=False))
@calm
def test_splitting_files_does_not_matter(rules, rows, dice):
    # All in one file, and each row in one of five: ties by file and line fall differently,
    # so what is compared is everything but which of two simultaneous requests won.
    together = in_lines([row | {"file_id": "all"} for row in rows])
    apart = in_lines([row | {"file_id": f"part-{dice.randrange(5)}"} for row in rows])
    first, second = counted(rules, together).waterfall(), counted(rules, apart).waterfall()
    assert first == second


@given(rules=rule_sets, rows=requests())
@calm
def test_a_recount_gives_the_same_bytes(rules, rows, tmp_path_factory):
    def written(name):
        counted(rules, rows)
        path = tmp_path_factory.mktemp("recount") / name
        CON.execute(f"COPY counted_downloads TO '{path}' (FORMAT parquet)")
        return path.read_bytes()

    assert written("a") == written("b")


@given(rules=rule_sets, rows=requests())
@calm
def test_a_delivery_repeated_changes_no_download_and_is_one_more_request(rules, rows):
    rows = [row | {"request_id": f"r{number}"} for number, row in enumerate(rows)]
    before = counted(rules, rows)
    waterfall, downloads = summed(before.waterfall()), before.downloads()
    kept = [v for v in before.verdicts() if v[3] != "volume"]
    place = next(((f, line) for f, line, _, rule in kept if rule not in rules.request_rules), None)
    if place is None:
        return
    again = next(row for row in rows if (row["file_id"], row["line"]) == place)
    after = counted(rules, [*rows, again | {"file_id": "zz", "line": 1}])
    assert after.downloads() == downloads
    more = summed(after.waterfall()) - waterfall
    assert Counter({key[4]: n for key, n in more.items()}) == Counter({"delivered_twice": 1})


@given(rules=rule_sets, rows=requests())
@calm
def test_the_waterfall_adds_up_to_the_requests_of_each_day(rules, rows):
    found = counted(rules, rows)
    per_day = Counter(day for _, _, day, _ in found.verdicts())
    from_waterfall = Counter()
    for day, *_, number in found.waterfall():
        from_waterfall[day] += number
    assert from_waterfall == per_day
    assert sum(per_day.values()) == len(rows)
    assert found.document()["requests"] == len(rows)


@given(rules=rule_sets, rows=requests(), shards=st.sampled_from([1, 4, 16]))
@calm
def test_shards_add_up_to_the_whole(rules, rows, shards):
    whole = counted(rules, rows)
    waterfall, downloads = summed(whole.waterfall()), sorted(whole.downloads(), key=str)
    listeners = whole.document()["listeners"]
    parts, rows_of_parts, listeners_of_parts = Counter(), [], 0
    for shard in range(shards):
        part = counted(rules, rows, shard=shard, shards=shards)
        parts += summed(part.waterfall())
        rows_of_parts += part.downloads()
        listeners_of_parts += part.document()["listeners"]
    assert parts == waterfall
    assert sorted(rows_of_parts, key=str) == downloads
    assert listeners_of_parts == listeners


@given(rules=rule_sets, rows=requests())
@calm
def test_without_detail_the_waterfall_and_the_listeners_are_the_same(rules, rows):
    full = counted(rules, rows)
    expected = full.waterfall(), full.document()["listeners"]
    short = counted(rules, rows, detail=False)
    assert (short.waterfall(), short.document()["listeners"]) == expected


def day_by_day(rules, rows, shards=1):
    """Count each reporting day with its neighbours and what was carried to it."""
    con = duckdb.connect(config={"threads": 1})
    first = min(row["time"] for row in rows).date() - timedelta(days=1)
    last = max(row["time"] for row in rows).date() + timedelta(days=1)
    carries = {}
    waterfall, downloads = Counter(), []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        near = [row for row in rows if abs((row["time"].date() - day).days) <= 2]
        carried = carries.get(day - timedelta(days=2), [])
        a_table(con, "before", REQUESTS | {"opened": "TIMESTAMP"}, carried)
        left = []
        for shard in range(shards):
            part = a_count(
                rules,
                near,
                EPISODES,
                con=con,
                day=day,
                carried="before",
                shard=shard,
                shards=shards,
            )
            waterfall += summed(part.waterfall())
            downloads += part.downloads()
            if rules.window != "calendar":
                left += [
                    dict(zip([*REQUESTS, "opened"], line, strict=True)) for line in part.carry()
                ]
        carries[day] = left
    return waterfall, sorted(downloads, key=str)


@outlasting
@given(rows=requests(hours=200))
@settings(calm, max_examples=3)
def test_days_counted_one_by_one_with_what_is_carried_are_the_whole(rules, rows):
    whole = counted(rules, rows)
    expected = summed(whole.waterfall()), sorted(whole.downloads(), key=str)
    assert day_by_day(rules, rows) == expected


@given(rows=requests(), rules=st.sampled_from([r for r in RULES if r.window == "calendar"]))
@calm
def test_calendar_days_counted_one_by_one_are_the_whole(rules, rows):
    whole = counted(rules, rows)
    expected = summed(whole.waterfall()), sorted(whole.downloads(), key=str)
    assert day_by_day(rules, rows) == expected


@outlasting
@given(rows=requests(hours=200))
@settings(calm, max_examples=2)
def test_what_shards_carry_is_shared_out_anew(rules, rows):
    assert day_by_day(rules, rows, shards=3) == day_by_day(rules, rows)


def test_windows_may_follow_a_listener_over_the_years_end():
    rows = in_lines(
        [
            a_request(MONDAY.replace(month=12, day=31, hour=23)),
            a_request(MONDAY.replace(year=2027, month=1, day=1, hour=1)),
        ]
    )
    assert a_count(rule_set(window="rolling"), rows).document()["downloads"] == 1
    assert a_count(rule_set(), rows).document()["downloads"] == 2


def test_a_local_day_over_a_months_end_has_one_listener():
    from tests.support.counting import an_episode

    tokyo = an_episode(zone="Asia/Tokyo")
    rows = in_lines(
        [
            a_request(MONDAY.replace(month=11, day=30, hour=16)),
            a_request(MONDAY.replace(month=12, day=1, hour=3)),
        ]
    )
    found = a_count(rule_set(), rows, [tokyo])
    assert found.document()["downloads"] == 1
    assert found.document()["listeners"] == 1


def test_more_than_two_months_at_once_are_refused_for_windows_that_outlast_a_day():
    rows = in_lines([a_request(MONDAY + timedelta(days=days)) for days in (0, 30, 60)])
    with pytest.raises(TooManyMonthsError, match="day by day"):
        a_count(rule_set(window="rolling"), rows)
    assert a_count(rule_set(), rows).document()["downloads"] == 3


def test_a_shard_beyond_the_last_is_refused():
    with pytest.raises(InvalidShardError):
        a_count(rule_set(), [], shard=4, shards=4)


def test_no_requests_are_no_downloads():
    document = a_count(rule_set(), []).document()
    assert (document["requests"], document["downloads"], document["listeners"]) == (0, 0, 0)
    assert document["waterfall"] == []


def test_random_order_of_many_requests_gives_the_same_parquet(tmp_path):
    dice = random.Random(1)
    rows = in_lines([
        a_request(MONDAY + timedelta(seconds=dice.randrange(90_000)), ip=f"192.0.2.{dice.randrange(40)}",
                  user_agent=f"App/{dice.randrange(5)}", bytes_sent=dice.choice([100, 3_000_000]))
        for _ in range(3000)
    ])  # fmt: skip
    written = []
    for number in range(2):
        con = duckdb.connect(config={"threads": 2})
        dice.shuffle(rows)
        a_count(rule_set(), rows, con=con)
        path = tmp_path / f"{number}.parquet"
        con.execute(f"COPY counted_downloads TO '{path}' (FORMAT parquet)")
        written.append(path.read_bytes())
    assert written[0] == written[1]
