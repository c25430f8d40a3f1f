"""Listeners of weeks and months: distinct, exact, and never summed."""

from datetime import UTC, date, datetime

import pytest

from tallycast.measurement.rollups.listeners import (
    BadPeriodNameError,
    added,
    days_of,
    listeners_in,
    period_of,
    weeks_and_months,
)
from tests.support.counted import a_count, a_download, counted


def on(day, listener, **changes):
    return a_download(
        time=datetime(2026, 11, day, 12, tzinfo=UTC),
        listener=listener,
        ip_hash=f"ip-{listener}",
        **changes,
    )


def named(address, agent):
    """A listener's name: 16 characters for the address, 16 for the user agent."""
    return f"{address:16.16}{agent:16.16}"


def numbers(db, period, name, **options):
    found = listeners_in(db, a_count(), period, name, **options)
    return {(each.scope, each.id): each.listeners for each in found}


def test_who_listens_every_day_is_one_listener_of_the_month():
    rows = [on(day, "anna") for day in range(1, 29)] + [on(3, "ben", show_id="s2", episode_id="e2")]
    assert numbers(counted(rows), "month", "2026-11") == {
        ("tenant", "acme"): 2,
        ("show", "s1"): 1,
        ("show", "s2"): 1,
        ("episode", "e1"): 1,
        ("episode", "e2"): 1,
    }


def test_a_week_is_an_iso_week():
    rows = [on(15, "sunday before"), on(16, "monday"), on(22, "sunday"), on(23, "monday after")]
    assert numbers(counted(rows), "week", "2026-W47")["show", "s1"] == 2


def test_a_listener_on_both_sides_of_a_months_end_is_one():
    before = {"ip_key": "2026-10", "ip_hash": "under-october", "listener": named("oct", "phone")}
    after = {
        "ip_key": "2026-11", "ip_hash": "under-november", "ip_hash_previous": "under-october",
        "listener": named("nov", "phone"),
    }  # fmt: skip
    rows = [
        a_download(time=datetime(2026, 10, 31, 12, tzinfo=UTC), **before),
        a_download(time=datetime(2026, 11, 1, 12, tzinfo=UTC), **after),
    ]
    assert numbers(counted(rows), "week", "2026-W44")["show", "s1"] == 1
    rows[1]["listener"] = named("nov", "desktop")  # another user agent behind the same address
    assert numbers(counted(rows), "week", "2026-W44")["show", "s1"] == 2


def test_hours_of_two_neighbouring_months_are_linked_too():
    """A month in a zone: its first hours are under the key before, its last under the one after."""
    names = [("2026-10", "a", "z"), ("2026-11", "b", "a"), ("2026-12", "c", "b")]
    rows = [
        a_download(
            time=datetime(2026, 11, 10, 12, tzinfo=UTC),
            ip_key=key, ip_hash=now, ip_hash_previous=previous, listener=named(key, "phone"),
        )
        for key, now, previous in names
    ]  # fmt: skip
    [tenant] = [
        e for e in listeners_in(counted(rows), a_count(), "month", "2026-11") if e.scope == "tenant"
    ]
    assert tenant.listeners == 1


@pytest.mark.parametrize("shards", [1, 3, 16])
def test_shards_add_up(shards):
    rows = [on(1 + n % 28, f"listener {n % 37}", episode_id=f"e{n % 3}") for n in range(300)]
    whole = listeners_in(counted(rows), a_count(), "month", "2026-11")
    db = counted(rows)
    parts = [
        listeners_in(db, a_count(), "month", "2026-11", shard=shard, shards=shards)
        for shard in range(shards)
    ]
    assert added(parts) == sorted(whole, key=lambda each: (each.scope, each.id))
    assert {each.listeners for each in whole if each.scope == "tenant"} == {37}


def test_episodes_can_be_left_out():
    found = numbers(counted([on(3, "anna")]), "month", "2026-11", episodes=False)
    assert {scope for scope, _ in found} == {"tenant", "show"}


def test_a_period_without_downloads_has_no_numbers():
    assert listeners_in(counted(), a_count(), "month", "2026-11") == []


@pytest.mark.parametrize(
    ("period", "name", "first", "last"),
    [
        ("month", "2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        ("month", "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("month", "2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ("week", "2026-W01", date(2025, 12, 29), date(2026, 1, 4)),
        ("week", "2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
    ],
)
def test_a_period_has_its_days(period, name, first, last):
    assert days_of(period, name) == (first, last)
    assert period_of(period, first) == period_of(period, last) == name


@pytest.mark.parametrize(
    ("period", "name"),
    [("week", "2026-W54"), ("week", "2026-11"), ("month", "2026-13"), ("month", "2026-W11"),
     ("month", "2026-1"), ("month", ""), ("week", "2025-W53")],
)  # fmt: skip
def test_what_is_no_period_is_refused(period, name):
    with pytest.raises(BadPeriodNameError):
        days_of(period, name)


def test_days_lie_in_weeks_and_months():
    days = [date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3)]
    assert list(weeks_and_months(days)) == [
        ("month", "2026-11"), ("week", "2026-W44"), ("week", "2026-W45"),
    ]  # fmt: skip
