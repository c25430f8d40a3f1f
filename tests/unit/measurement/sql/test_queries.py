"""Every query: read as Athena's SQL, and run on golden files with exact answers."""

from datetime import date
from decimal import Decimal

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from tallycast.kernel.keys import BadTenantError
from tallycast.measurement.lake.catalogue import PARTITIONS, TABLES
from tallycast.measurement.sql import (
    BadQueryValueError,
    UnknownQueryError,
    names,
    parameters,
    render,
)
from tests.support.golden import WEEK, golden_lake

ANYTHING = {
    "tenant": "acme",
    "rules": "iab-2.3",
    "first": WEEK[0],
    "last": WEEK[-1],
    "day": WEEK[0],
    "show": "s1",
    "episodes": ("e1", "e2"),
    "hours": 72,
}


def any_values(name, **changes):
    return {key: {**ANYTHING, **changes}[key] for key in parameters(name)}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    with golden_lake(tmp_path_factory.mktemp("lake")) as db:
        yield db


def answer(lake, name, **changes):
    """Rows as plain values: days as text, whatever width the numbers have."""

    def plain(value):
        if isinstance(value, Decimal):
            return int(value)
        return value.isoformat() if isinstance(value, date) else value

    rows = lake.execute(render(name, **any_values(name, **changes))).fetchall()
    return [tuple(plain(value) for value in row) for row in rows]


# ── what every query has to have ──


@pytest.mark.parametrize("name", names())
def test_a_query_is_athenas_sql_and_only_reads(name):
    [statement] = sqlglot.parse(render(name, **any_values(name)), dialect="athena")
    assert isinstance(statement, exp.Select)
    tables = {table.name for table in statement.find_all(exp.Table)}
    ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
    assert tables - ctes <= set(TABLES)
    assert tables - ctes


@pytest.mark.parametrize("name", names())
def test_every_reading_of_a_table_names_its_tenant_and_its_days(name):
    """The tenant by equality with a constant: projection takes nothing else."""
    [statement] = sqlglot.parse(render(name, **any_values(name)), dialect="athena")
    for select in statement.find_all(exp.Select):
        ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
        source = select.args.get("from_") or select.args.get("from")
        if source is None or source.this.name in ctes or not isinstance(source.this, exp.Table):
            continue
        where = select.args["where"].this
        conjuncts = list(where.flatten()) if isinstance(where, exp.And) else [where]
        pinned = {
            part.this.name: part.expression.this
            for part in conjuncts
            if isinstance(part, exp.EQ) and isinstance(part.expression, exp.Literal)
        }
        ranges = {part.this.name for part in conjuncts if isinstance(part, exp.Between)}
        assert pinned["tenant"] == "acme"
        if "rules" in PARTITIONS[source.this.name]:
            assert pinned["rules"] == "iab-2.3"
        assert "dt" in ranges | set(pinned)


@pytest.mark.parametrize("name", names())
def test_another_tenant_sees_nothing(lake, name):
    assert answer(lake, name, tenant="nobody") == []


@pytest.mark.parametrize("name", names())
def test_a_query_runs_on_a_lake_without_a_row(tmp_path, name):
    with golden_lake(tmp_path, rows=False) as empty:
        assert answer(empty, name) == []


# ── exact answers ──


def test_downloads_and_listeners_by_day(lake):
    assert answer(lake, "downloads_by_day") == [
        ("2026-11-16", 4, 3), ("2026-11-17", 2, 2), ("2026-11-19", 1, 1),
    ]  # fmt: skip


def test_downloads_by_hour(lake):
    assert answer(lake, "downloads_by_hour") == [
        ("2026-11-16", 8, 1), ("2026-11-16", 9, 2), ("2026-11-16", 20, 1),
        ("2026-11-17", 8, 2), ("2026-11-19", 0, 1),
    ]  # fmt: skip


def test_downloads_by_episode(lake):
    assert answer(lake, "downloads_by_episode") == [("e1", 5, 2, 7142), ("e2", 2, 2, 2857)]


def test_downloads_by_app_country_and_referrer(lake):
    assert answer(lake, "downloads_by_app") == [("Pod Player", 5), ("Other", 2)]
    assert answer(lake, "downloads_by_country") == [("DE", 5), ("AT", 1), (None, 1)]
    assert answer(lake, "downloads_by_referrer") == [(None, 6), ("example.com", 1)]


def test_rolling_sums_stand_beside_the_period_before(lake):
    assert answer(lake, "rolling") == [
        ("2026-11-16", 4, 2, 6, None),
        ("2026-11-17", 6, 2, 8, None),
        ("2026-11-19", 7, 2, 9, None),
    ]
    assert answer(lake, "rolling", last=date(2026, 12, 15))[-1] == ("2026-12-14", 3, None, 10, 2)


def test_the_heat_map_has_monday_first(lake):
    assert answer(lake, "heat_map") == [
        (1, 8, 1), (1, 9, 2), (1, 20, 1), (2, 8, 2), (4, 0, 1),
    ]  # fmt: skip


def test_ages_are_cumulative(lake):
    assert answer(lake, "ages") == [("e1", 3, 5, 5, 5, 5, 5), ("e2", 1, 1, 1, 1, 1, 2)]


def test_cumulative_curves_begin_with_the_hour_of_release(lake):
    curve = [("e1", 0, 1), ("e1", 1, 2), ("e1", 12, 3), ("e1", 24, 4), ("e1", 64, 5), ("e2", 1, 1)]
    assert answer(lake, "cumulative") == curve
    assert answer(lake, "cumulative", hours=24) == [*curve[:3], curve[5]]


def test_the_median_curve_is_that_of_the_episodes_old_enough(lake):
    """Of two curves (1, 2, 2 … and 0, 1, 1 …) the median is the mean."""
    assert answer(lake, "cumulative_median") == [
        (0, 0.5, 2), (1, 1.5, 2), (12, 2.0, 2), (24, 2.5, 2), (64, 3.0, 2),
    ]  # fmt: skip
    assert answer(lake, "cumulative_median", last=WEEK[1]) == []


def test_the_waterfall_adds_up_to_the_requests(lake):
    rows = answer(lake, "waterfall")
    assert rows == [
        ("e1", "2026-11-16", "bot", 7), ("e1", "2026-11-16", "counted", 3),
        ("e1", "2026-11-17", "counted", 1), ("e2", "2026-11-16", "counted", 1),
    ]  # fmt: skip
    assert sum(row[3] for row in rows) == 12


def test_listeners_by_week_and_month_are_distinct(lake):
    period = {"first": date(2026, 11, 1), "last": date(2026, 12, 31)}
    assert answer(lake, "listeners_by_week", **period) == [
        ("2026-11-02", 2, 2), ("2026-11-16", 4, 7), ("2026-12-14", 3, 3),
    ]  # fmt: skip
    assert answer(lake, "listeners_by_month", **period) == [
        ("2026-11-01", 4, 9), ("2026-12-01", 3, 3),
    ]  # fmt: skip


def test_a_day_is_drilled_down_to_its_episodes(lake):
    assert answer(lake, "day") == [("s1", "e1", 3, 2, 10, 7), ("s1", "e2", 1, 1, 1, 0)]


def test_quality_counts_good_and_bad_lines_of_a_stream(lake):
    assert answer(lake, "quality") == [
        ("2026-11-16", "log", 3, 1, 7500),
        ("2026-11-16", "prefix", 2, 0, 10_000),
        ("2026-11-17", "unknown", 0, 2, 0),
    ]


def test_restatements_say_what_was_and_why(lake):
    [row] = answer(lake, "restatements")
    assert row[2:] == ("iab-2.3", "s1", "e1", 5, 6, "late data", "a file came late")


# ── values ──


def test_a_missing_value_and_one_too_many_are_refused():
    with pytest.raises(BadQueryValueError, match="missing show; not asked for: nothing"):
        render("downloads_by_day", tenant="acme", rules="op3", first=WEEK[0], last=WEEK[1])
    with pytest.raises(BadQueryValueError, match="not asked for: extra"):
        render("downloads_by_day", **any_values("downloads_by_day"), extra="x")


@pytest.mark.parametrize(
    "changes",
    [
        {"rules": "x' OR 1=1"}, {"rules": "../y"}, {"first": WEEK[1], "last": WEEK[0]},
        {"show": "a\nb"}, {"show": "x" * 401}, {"show": "\u202eevil"}, {"show": True},
        {"show": 1.5}, {"show": None}, {"show": b"x"},
    ],
)  # fmt: skip
def test_a_value_that_cannot_stand_in_a_query_is_refused(changes):
    with pytest.raises(BadQueryValueError):
        render("downloads_by_day", **any_values("downloads_by_day", **changes))


@pytest.mark.parametrize("episodes", [(), tuple(f"e{n}" for n in range(101))])
def test_a_list_has_one_to_a_hundred_values(episodes):
    with pytest.raises(BadQueryValueError):
        render("cumulative", **any_values("cumulative", episodes=episodes))


@pytest.mark.parametrize("tenant", ["", "a' OR '1'='1", "*", "ACME", "a/../b"])
def test_a_tenant_that_is_none_is_refused(tenant):
    with pytest.raises(BadTenantError):
        render("downloads_by_day", **any_values("downloads_by_day", tenant=tenant))


def test_an_unknown_query_is_refused():
    for name in ("nothing", "../model", ""):
        with pytest.raises(UnknownQueryError):
            render(name)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=60))
def test_no_text_ever_leaves_its_quotes(text):
    """Whatever a value holds, the query has the same shape and the value is what it was."""
    statement = sqlglot.parse_one(
        render("downloads_by_day", **any_values("downloads_by_day", show=text)), dialect="athena"
    )
    literals = [each.this for each in statement.find_all(exp.Literal) if each.is_string]
    assert sorted(literals) == sorted(["acme", "iab-2.3", "2026-11-16", "2026-11-22", text])


def test_a_value_that_looks_like_a_parameter_is_left_as_it_is():
    query = render("downloads_by_day", **any_values("downloads_by_day", show=":tenant"))
    assert "show_id = ':tenant'" in query
