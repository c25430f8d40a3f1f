"""Buckets are exact: never more than a burst at once, never more than the day's quota."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallycast.api.limits import RateLimiter
from tallycast.identity.plans import Plan
from tests.support.stacks import aws_stacks

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLAN = Plan("test", burst=10, per_second=2, per_day=1000)


@pytest.fixture(scope="module")
def limiter():
    with aws_stacks() as stacks:
        yield RateLimiter(stacks.memory)


def passed(limiter, client, plan, moments):
    return [limiter.take(client, plan, moment).allowed for moment in moments]


def test_a_burst_passes_and_not_one_more(limiter):
    found = passed(limiter, "one", PLAN, [NOON] * 15)
    assert found == [True] * 10 + [False] * 5


def test_tokens_come_back_at_the_plans_rate(limiter):
    passed(limiter, "two", PLAN, [NOON] * 10)
    later = NOON + timedelta(seconds=1.5)  # three tokens
    assert passed(limiter, "two", PLAN, [later] * 5) == [True] * 3 + [False] * 2


def test_a_refused_request_is_told_when_to_come_again(limiter):
    passed(limiter, "three", PLAN, [NOON] * 10)
    refused = limiter.take("three", PLAN, NOON)
    assert refused.retry_seconds == pytest.approx(0.5)
    assert refused.headers()["Retry-After"] == "1"
    again = NOON + timedelta(seconds=refused.retry_seconds)
    assert limiter.take("three", PLAN, again).allowed


def test_what_is_left_is_told(limiter):
    left = [limiter.take("four", PLAN, NOON).remaining for _ in range(10)]
    assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_a_day_has_its_quota_and_the_next_day_a_new_one(limiter):
    plan = Plan("small", burst=5, per_second=1, per_day=7)
    moments = [NOON + timedelta(minutes=number) for number in range(9)]
    assert passed(limiter, "five", plan, moments) == [True] * 7 + [False] * 2
    assert limiter.take("five", plan, moments[-1]).quota
    assert limiter.take("five", plan, NOON + timedelta(days=1)).allowed


def test_a_bucket_that_was_emptied_before_midnight_is_not_full_after_it(limiter):
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    just_before = midnight - timedelta(milliseconds=1)
    passed(limiter, "six", PLAN, [just_before] * 10)
    assert passed(limiter, "six", PLAN, [midnight] * 3) == [False] * 3


def test_fifty_at_once_get_exactly_a_burst(limiter):
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: limiter.take("seven", PLAN, NOON).allowed, range(50)))
    assert sum(found) == 10


def test_clients_do_not_share_a_bucket(limiter):
    passed(limiter, "eight", PLAN, [NOON] * 10)
    assert limiter.take("nine", PLAN, NOON).allowed


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    gaps=st.lists(st.integers(0, 3_000), min_size=1, max_size=30),
    client=st.uuids().map(str),
)
def test_no_window_lets_more_pass_than_the_burst_and_what_came_back(limiter, gaps, client):
    moments, at = [], NOON
    for gap in gaps:
        at += timedelta(milliseconds=gap)
        moments.append(at)
    passed_at = [
        moment
        for moment, ok in zip(moments, passed(limiter, client, PLAN, moments), strict=True)
        if ok
    ]
    for first in range(len(passed_at)):
        for last in range(first, len(passed_at)):
            seconds = (passed_at[last] - passed_at[first]).total_seconds()
            assert last - first + 1 <= PLAN.burst + seconds * PLAN.per_second + 1e-6
