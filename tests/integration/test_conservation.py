"""The promise: accepted is stored + quarantined + deduplicated, and every stored request has one
verdict of one day, whatever is repeated, reordered, rewritten, cut off or late."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.kernel.errors import RetryableError
from tallycast.measurement.intake.ingest import Taken
from tests.support.measurement_platform import (
    NOON,
    a_log,
    a_request,
    listeners,
    measurement_platform,
)

DAY = NOON.date()
DAYS = [DAY + timedelta(days=back) for back in (-1, 0)]


@pytest.fixture
def platform():
    with measurement_platform() as made:
        yield made


def verdicts(platform, rules="iab-2.3"):
    """Requests by verdict, over the days."""
    found = Counter()
    for day in DAYS:
        if (card := platform.card(day, rules)) is not None:
            assert sum(card.waterfall.values()) == card.requests
            found.update(card.waterfall)
    return found


def in_the_lake(platform):
    return len(platform.rows("requests/")), len(platform.rows("quarantine/"))


def settled(platform):
    """Count until nothing waits; the ticks come an hour apart."""
    for _ in range(8):
        platform.now += timedelta(hours=12)
        if not platform.due(platform.now):
            return
        for ref in platform.due(platform.now):
            platform.count(ref)
    raise AssertionError("days are still due")


def a_night(number):
    """One of many files over two days: its log, its good rows and its bad ones."""
    rows = [
        a_request(ip=f"203.0.113.{8 * number + one}", time=NOON - timedelta(days=back, hours=one))
        for back in (0, 1)
        for one in range(3)
    ]
    rows += [rows[0], a_request(ip="192.0.2.1", method="HEAD", time=NOON - timedelta(days=1))]
    return a_log(rows, bad=number), len(rows), number


@pytest.mark.parametrize("seed", range(2))
def test_files_told_of_in_any_order_and_number_count_once(platform, seed):
    chance = random.Random(seed)
    files = [a_night(number) for number in range(4)]
    keys = [platform.drop(f"{n}.csv", body) for n, (body, _, _) in enumerate(files)]
    told = keys * 3
    chance.shuffle(told)
    books = sum((platform.take(key) for key in told), Taken())
    good, bad = sum(rows for _, rows, _ in files), sum(bad for *_, bad in files)
    assert (books.stored, books.quarantined) == (good, bad)
    assert books.accepted == books.stored + books.quarantined + books.deduplicated
    assert books.deduplicated == 2 * good
    settled(platform)
    assert in_the_lake(platform) == (good, bad)
    assert verdicts(platform) == {"counted": 24, "repeat": 4, "method": 4}


@pytest.mark.parametrize("seed", range(2))
def test_calls_that_fail_before_or_after_they_worked_lose_and_repeat_nothing(
    platform, monkeypatch, seed
):
    chance = random.Random(seed)
    for owner, names in (
        (type(platform.lake), ("put", "fetch", "delete", "replace")),
        (type(platform.ledger), ("begin", "commit", "settle", "day")),
        (type(platform.days), ("mark_due", "lease", "settle")),
        (type(platform.bus), ("put",)),
    ):
        for name in names:
            unreliable(monkeypatch, owner, name, chance)
    platform.listen()
    files = [a_night(number) for number in range(4)]
    for number, (body, _, _) in enumerate(files):
        key = platform.drop(f"{number}.csv", body)
        until_done(lambda key=key: platform.take(key))
    for ref in until_done(platform.due):
        opened = until_done(lambda ref=ref: platform.open(ref, plan="plan"))
        for shard in opened["shards"]:
            until_done(lambda shard=shard: platform.steps.take(shard))
        until_done(
            lambda opened=opened: platform.steps.take({"step": "settle", "run": opened["run"]})
        )
    good, bad = sum(rows for _, rows, _ in files), sum(bad for *_, bad in files)
    monkeypatch.undo()
    assert in_the_lake(platform) == (good, bad)
    assert verdicts(platform) == {"counted": 24, "repeat": 4, "method": 4}
    assert len({event["event_id"] for event in platform.told()}) == 2


def unreliable(monkeypatch, owner, name, chance):
    """Have a method fail every fifth time, before or after it has done its work."""
    real = getattr(owner, name)

    def sometimes(*arguments, **named):
        fails = chance.random()
        if fails < 0.1:
            raise ServiceUnavailableError("before")
        answer = real(*arguments, **named)
        if fails > 0.9:
            raise ServiceUnavailableError("after")
        return answer

    monkeypatch.setattr(owner, name, sometimes)


def until_done(call):
    """What a queue or a workflow does with what can be tried again."""
    for _ in range(60):
        try:
            return call()
        except RetryableError:
            continue
    raise AssertionError("never done")


def test_a_file_rewritten_while_its_day_is_counted_is_counted_again(platform):
    platform.deliver("day.csv", listeners(5))
    opened = platform.open(platform.ref(), plan="one")
    platform.deliver("day.csv", listeners(9))
    try:
        for step in (*opened["shards"], {"step": "settle", "run": opened["run"]}):
            platform.steps.take(step)
    except RetryableError:  # the rows it was to be counted from are gone
        platform.steps.take({"step": "give_back", "run": opened["run"]})
    settled(platform)
    assert verdicts(platform) == {"counted": 9}


@pytest.mark.parametrize("overdue", [timedelta(0), timedelta(minutes=1), timedelta(hours=3)])
def test_a_file_that_comes_while_an_overdue_day_is_counted_is_counted_next(platform, overdue):
    platform.deliver("day.csv", listeners(5))
    platform.now = NOON + timedelta(days=10) + overdue  # final as soon as it is counted
    opened = platform.open(platform.ref(), plan="one")
    platform.deliver("late.csv", listeners(4, user_agent="Castro 2022.12/1180"))
    for step in (*opened["shards"], {"step": "settle", "run": opened["run"]}):
        platform.steps.take(step)
    assert verdicts(platform) == {"counted": 5}
    settled(platform)
    assert verdicts(platform) == {"counted": 9}
    assert in_the_lake(platform) == (9, 0)


def test_a_day_handed_out_while_it_is_counted_leaves_the_due_index(platform):
    platform.deliver("day.csv", listeners(5))
    platform.now = NOON + timedelta(days=10)
    opened = platform.open(platform.ref(), plan="one")
    platform.days.postpone(platform.ref(), platform.now + timedelta(minutes=45))
    for step in (*opened["shards"], {"step": "settle", "run": opened["run"]}):
        platform.steps.take(step)
    assert platform.due() == []
    assert platform.state().state == "final"
