from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.counting.calendar import partitions, span, touched

ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati"]
DAYS = st.dates(date(2020, 1, 2), date(2030, 12, 30))


def test_a_utc_day_is_counted_from_itself_alone():
    assert partitions(date(2026, 3, 29), {"UTC"}) == [date(2026, 3, 29)]


def test_a_day_in_berlin_begins_on_the_utc_day_before():
    assert partitions(date(2026, 3, 29), {"Europe/Berlin"}) == [
        date(2026, 3, 28),
        date(2026, 3, 29),
    ]


def test_the_day_the_clocks_go_forward_has_23_hours():
    start, end = span(date(2026, 3, 29), {"Europe/Berlin"})
    assert start == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert end - start == timedelta(hours=23)


def test_a_rolling_window_reads_the_days_around():
    read = partitions(date(2026, 5, 10), {"UTC"}, back=7, ahead=1)
    assert (read[0], read[-1], len(read)) == (date(2026, 5, 3), date(2026, 5, 11), 9)


def test_a_change_reaches_the_days_that_read_it_and_no_other():
    assert touched(date(2026, 5, 10), {"UTC"}) == [date(2026, 5, 10)]
    assert touched(date(2026, 5, 10), {"Asia/Kolkata"}) == [date(2026, 5, 10), date(2026, 5, 11)]
    assert touched(date(2026, 5, 10), {"America/Los_Angeles"}) == [
        date(2026, 5, 9),
        date(2026, 5, 10),
    ]


@given(DAYS, st.sets(st.sampled_from(ZONES), min_size=1), st.integers(0, 7), st.integers(0, 1))
def test_touched_is_the_reverse_of_partitions(day, zones, back, ahead):
    for utc_day in partitions(day, zones, back=back, ahead=ahead):
        assert day in touched(utc_day, zones, back=back, ahead=ahead)


@given(DAYS, st.sampled_from(ZONES))
def test_reporting_days_follow_each_other_without_a_gap(day, zone):
    assert span(day, {zone})[1] == span(day + timedelta(days=1), {zone})[0]


@pytest.mark.parametrize("zone", ZONES)
def test_every_hour_of_a_week_lies_in_a_partition_of_its_local_day(zone):
    from zoneinfo import ZoneInfo

    start = datetime(2026, 10, 22, tzinfo=UTC)
    for hour in range(7 * 24):
        moment = start + timedelta(hours=hour)
        local = moment.astimezone(ZoneInfo(zone)).date()
        assert moment.date() in partitions(local, {zone})
