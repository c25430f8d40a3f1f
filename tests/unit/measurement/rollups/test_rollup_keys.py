"""Keys of rollups: every one begins with its tenant, and a range of days holds their pages."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.kernel.keys import BadTenantError
from tallycast.measurement.rollups import keys

tenants = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
rules = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,10}", fullmatch=True)
ids = st.from_regex(r"[a-z]+_[0-9a-z]{4,26}", fullmatch=True)
scopes = st.sampled_from(["tenant", "show", "episode"])
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(tenants, rules, scopes, ids, days)
def test_every_key_begins_with_the_tenant(tenant, rule_set, scope, of_id, day):
    prefix = f"TENANT#{tenant}#"
    assert keys.of(tenant, rule_set, scope, of_id).startswith(prefix)
    assert keys.cards_of_day(tenant, rule_set, day).startswith(prefix)


@given(tenants, rules, rules, ids, days)
def test_two_rule_sets_never_share_a_key(tenant, one, other, of_id, day):
    if one != other:
        assert keys.of(tenant, one, "show", of_id) != keys.of(tenant, other, "show", of_id)
        assert keys.cards_of_day(tenant, one, day) != keys.cards_of_day(tenant, other, day)


@given(days, days, st.integers(0, 999))
def test_a_range_of_days_holds_the_pages_of_its_days_and_no_others(first, day, page):
    last = first + timedelta(days=10)
    within = keys.day(first) <= keys.day(day, page) <= keys.days_until(last)
    assert within == (first <= day <= last)


@pytest.mark.parametrize("of_id", ["", "a#b", "x" * 201])
def test_an_id_that_could_be_mistaken_for_part_of_a_key_is_refused(of_id):
    with pytest.raises(keys.BadRollupKeyError):
        keys.of("acme", "iab-2.3", "show", of_id)


@pytest.mark.parametrize("name", ["", "IAB", "a#b", "a/b", ".a", "a" * 41])
def test_a_rule_sets_name_that_could_be_mistaken_is_refused(name):
    with pytest.raises(keys.BadRollupKeyError):
        keys.of("acme", name, "show", "s1")


def test_a_tenant_that_could_be_mistaken_is_refused():
    with pytest.raises(BadTenantError):
        keys.cards_of_day("a#b", "iab-2.3", date(2026, 1, 1))
