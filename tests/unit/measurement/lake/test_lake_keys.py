"""Keys of the lake and of its ledger: every one carries its tenant."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.kernel.keys import BadTenantError
from tallycast.measurement.lake import keys
from tallycast.measurement.lake.compaction import plan
from tallycast.measurement.lake.files import DayFiles, RequestFile

DAY = date(2026, 11, 22)
tenants = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
texts = st.text(max_size=40)


@given(tenants, texts, texts)
def test_every_key_carries_the_tenant(tenant, name, etag):
    file_id = keys.file_id(name, etag, 0)
    assert keys.requests_object(tenant, DAY, file_id).startswith(
        f"requests/tenant={tenant}/dt=2026-11-22/"
    )
    prefix = f"TENANT#{tenant}#"
    for key in (keys.request_file(tenant, DAY, file_id), keys.source(tenant, name)):
        assert key["pk"].startswith(prefix)
    assert keys.horizon(tenant)["pk"].startswith(prefix)


@given(texts, texts, texts, texts, st.integers(0, 3), st.integers(0, 3))
def test_a_file_id_stands_for_one_version_of_one_file(one, other, etag, tag, first, second):
    same = (one, etag.strip('"'), first) == (other, tag.strip('"'), second)
    assert (keys.file_id(one, etag, first) == keys.file_id(other, tag, second)) == same


def test_a_path_says_table_tenant_rules_and_day():
    assert keys.result_object("downloads", "acme", "iab-2.3", DAY, "00-of-04") == (
        "downloads/tenant=acme/rules=iab-2.3/dt=2026-11-22/00-of-04.parquet"
    )
    assert keys.folder("episodes", "acme") == "episodes/tenant=acme/"


@pytest.mark.parametrize("rules", ["", "a/b", "..", "A", "a=b", "x" * 41])
def test_a_rule_sets_name_that_could_leave_its_folder_is_refused(rules):
    with pytest.raises(keys.BadLakeKeyError):
        keys.folder("downloads", "acme", rules=rules)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a.b", "ü", "x" * 121])
def test_an_objects_name_that_could_leave_its_folder_is_refused(name):
    with pytest.raises(keys.BadLakeKeyError):
        keys.requests_object("acme", DAY, name)


def test_a_tenant_that_could_leave_its_folder_is_refused():
    with pytest.raises(BadTenantError):
        keys.folder("requests", "../other")


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("requests/tenant=a/dt=2026-11-22/x.parquet", "2026-11-22"),
        ("requests/tenant=a/dt=2026-11-22/", "2026-11-22"),
        ("dt=2026-11-22", "2026-11-22"),
        ("requests/tenant=a/", ""),
        ("requests/xdt=2026-11-22/", ""),
    ],
)
def test_a_path_tells_its_day(path, day):
    assert keys.day_of(path) == day


# ── which files are compacted together ──

sizes = st.lists(st.integers(1, 120), min_size=0, max_size=25)


def a_day(objects):
    """Objects given as (bytes, rows of files that count, rows of files that do not)."""
    files = [
        RequestFile(DAY, f"f{n}", f"o{n:03}", "e", rows, rows + stale, size, "s", "v")
        for n, (size, rows, stale) in enumerate(objects)
    ]
    return DayFiles("acme", DAY, tuple(files))


@given(sizes)
def test_groups_are_small_enough_and_no_file_is_in_two(found):
    day = a_day([(size, 1, 0) for size in found])
    groups = list(plan(day, 100))
    planned = [file.file_id for group in groups for file in group]
    assert len(planned) == len(set(planned))
    for group in groups:
        assert len(group) > 1
        assert sum(file.object_bytes for file in group) <= 100
    assert all(file.object_bytes < 50 for group in groups for file in group)


@given(sizes)
def test_what_a_plan_leaves_is_little(found):
    """Once carried out, no two neighbours are left that would have fitted together."""
    day = a_day([(size, 1, 0) for size in found])
    grouped = {file.file_id for group in plan(day, 100) for file in group}
    left = [f for f in day.files if f.file_id not in grouped and f.object_bytes < 50]
    groups = len(list(plan(day, 100)))
    assert len(left) <= groups + 1


def test_stale_rows_are_reason_enough_for_a_group_of_one():
    [group] = plan(a_day([(99, 5, 2)]), 100)
    assert [file.file_id for file in group] == ["f0"]
    assert list(plan(a_day([(99, 5, 0), (10, 1, 0)]), 100)) == []


def test_a_days_digest_stands_for_its_rows_wherever_they_lie():
    day = a_day([(10, 1, 0), (10, 2, 0)])
    moved = a_day([(20, 1, 0), (20, 2, 0)])
    assert day.digest == moved.digest
    assert day.digest != a_day([(10, 1, 0)]).digest
    assert day.digest != a_day([(10, 1, 0), (10, 3, 0)]).digest
