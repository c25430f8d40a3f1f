"""Times that sort as text, ids that sort by time, ids that follow from what a thing is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.kernel.ids import derived_id, new_id
from tallycast.kernel.times import from_text, to_text

zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(
    min_value=datetime(1971, 1, 1), max_value=datetime(9000, 1, 1), timezones=zones
)


@given(moments, moments)
def test_times_sort_as_text_as_they_do_in_time(one, other):
    assert (to_text(one) < to_text(other)) <= (one < other)


@given(moments)
def test_a_time_comes_back_to_the_millisecond(moment):
    assert abs(from_text(to_text(moment)) - moment) < timedelta(milliseconds=1)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        from_text("2026-11-22T12:00:00")


@given(moments, moments)
def test_ids_made_later_sort_later(one, other):
    if abs(one - other) >= timedelta(milliseconds=1):
        assert (new_id("feed", one) < new_id("feed", other)) == (one < other)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_the_same_thing_always_has_the_same_derived_id(parts):
    assert derived_id("ep", *parts) == derived_id("ep", *parts)


def test_parts_do_not_run_into_one_another():
    assert derived_id("ep", "ab", "c") != derived_id("ep", "a", "bc")


def test_two_new_ids_of_one_moment_differ():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({new_id("feed", now) for _ in range(1000)}) == 1000
