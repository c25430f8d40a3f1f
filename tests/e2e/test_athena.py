"""Every query through Athena on the local cloud, by the catalogue that the template makes.

The answers are those that the same queries give on DuckDB over the same files, where each is
checked by hand; here it matters that Athena finds the files and reads the SQL.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import awswrangler as wr
import boto3
import pytest

from tallycast.measurement.sql import names, parameters, render
from tests.support.golden import WEEK, golden_lake, write_golden
from tests.support.measurement_platform import a_log, a_request, listeners

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),  # in awswrangler
]

VALUES = {
    "rules": "iab-2.3", "first": WEEK[0], "last": WEEK[-1], "day": WEEK[0], "show": "s1",
    "episodes": ("e1", "e2"), "hours": 72,
}  # fmt: skip
ENDPOINTS = ("athena_endpoint_url", "s3_endpoint_url", "glue_endpoint_url", "sts_endpoint_url")
TENANT, OTHER = "athena-golden", "athena-other"


def query(name: str, tenant: str) -> str:
    values: dict[str, Any] = {"tenant": tenant, **VALUES}
    return render(name, **{key: values[key] for key in parameters(name)})


def plain(value: Any) -> Any:
    """Numbers as they count (the local cloud calls them text), days as written, nothing as None."""
    text = str(value)
    if text in {"None", "", "nan", "<NA>", "NaT"}:
        return None
    try:
        return float(text)
    except ValueError:
        return text


@pytest.fixture(scope="module")
def athena(steady, tmp_path_factory):
    """Ask the workgroup of the stack, over golden rows of two tenants."""
    folder: Path = tmp_path_factory.mktemp("lake")
    s3 = steady.client("s3")
    for tenant in (TENANT, OTHER):
        for path in write_golden(folder / tenant, tenant=tenant):
            key = str(path.relative_to(folder / tenant))
            s3.upload_file(str(path), steady.outputs["LakeBucket"], key)
    session = boto3.Session(
        aws_access_key_id=steady.record.credentials.access_key_id,
        aws_secret_access_key=steady.record.credentials.secret_access_key,
        region_name=steady.record.region,
    )
    before = {name: getattr(wr.config, name) for name in ENDPOINTS}
    for name in ENDPOINTS:
        setattr(wr.config, name, steady.endpoint)

    def ask(sql: str) -> list[tuple[Any, ...]]:
        frame = wr.athena.read_sql_query(
            sql,
            database=steady.outputs["LakeDatabase"],
            workgroup=steady.outputs["QueryWorkGroup"],
            ctas_approach=False,
            boto3_session=session,
        )
        return [tuple(plain(value) for value in row) for row in frame.itertuples(index=False)]

    yield ask
    for name, value in before.items():
        setattr(wr.config, name, value)


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    with golden_lake(tmp_path_factory.mktemp("golden")) as db:
        yield db


@pytest.mark.parametrize("name", names())
def test_athena_answers_as_duckdb_does(athena, golden, name):
    expected = [
        tuple(plain(value) for value in row)
        for row in golden.execute(query(name, "acme")).fetchall()
    ]
    assert expected
    assert athena(query(name, TENANT)) == expected


def test_what_was_counted_is_what_athena_says(athena, measured):
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    first, second = (noon - timedelta(days=back) for back in (30, 29))
    measured.ask("sources", name="cdn", source={"show_id": "show_one"})
    rows = [
        *listeners(7, time=first),
        *listeners(3, time=first + timedelta(hours=1)),  # the same again
        *listeners(5, time=second),
        a_request(ip="192.0.2.1", time=second, user_agent="Googlebot/2.1"),
    ]
    measured.drop("days.csv", a_log(rows, bad=2))
    measured.books(1)
    measured.count_due()

    def say(name: str) -> list[tuple[Any, ...]]:
        days = {"first": first.date(), "last": noon.date(), "rules": "iab-2.3", "show": "show_one"}
        known = {"tenant": measured.name, **days}
        return athena(render(name, **{key: known[key] for key in parameters(name)}))

    one, other, today = (str(each.date()) for each in (first, second, noon))
    assert say("downloads_by_day") == [(one, 7.0, 7.0), (other, 5.0, 5.0)]
    assert [row[1:] for row in say("waterfall")] == [
        (one, "counted", 7.0), (one, "repeat", 3.0), (other, "counted", 5.0), (other, "bot", 1.0),
    ]  # fmt: skip
    assert say("quality") == [
        (one, "log", 10.0, 0.0, 10_000.0),
        (other, "log", 6.0, 0.0, 10_000.0),
        (today, "log", 0.0, 2.0, 0.0),
    ]
    assert say("restatements") == []


def test_a_tenant_sees_its_own_rows_alone(athena):
    [(downloads,)] = athena(
        "SELECT count(*) AS n FROM downloads WHERE tenant = 'athena-golden' "
        "AND rules = 'iab-2.3' AND dt BETWEEN '2026-11-01' AND '2026-12-31'"
    )
    assert downloads == 13.0
    assert athena(query("downloads_by_day", "athena-nobody")) == []


def test_the_workgroup_cuts_queries_off(steady):
    found = steady.client("athena").get_work_group(WorkGroup=steady.outputs["QueryWorkGroup"])
    configuration = found["WorkGroup"]["Configuration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert int(configuration["BytesScannedCutoffPerQuery"]) >= 10_000_000


def test_the_catalogue_projects_tenant_and_days(steady):
    glue = steady.client("glue")
    tables = glue.get_tables(DatabaseName=steady.outputs["LakeDatabase"])["TableList"]
    assert {table["Name"] for table in tables} == {
        "requests", "downloads", "waterfall", "quarantine", "restatements", "episodes",
    }  # fmt: skip
    for table in tables:
        assert table["Parameters"]["projection.tenant.type"] == "injected"
