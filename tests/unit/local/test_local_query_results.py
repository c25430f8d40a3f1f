"""What Athena found lies where the query's record says."""

from __future__ import annotations

import asyncio

import pytest
from ministack.services import athena

from infra.local.bridge import query_results
from infra.local.errors import EmulatorChangedError


@pytest.mark.parametrize(
    ("location", "folder"),
    [("s3://lake/athena/7.csv", "s3://lake/athena"), ("s3://lake/7.csv", "s3://lake")],
)
def test_a_query_writes_below_the_folder_of_its_location(location, folder):
    assert query_results.folder_of(location, "7") == folder


def test_once_applied_rows_are_written_where_the_record_says_and_the_record_stays(monkeypatch):
    written = {}

    def put(bucket, key, data, headers):
        written[key] = data
        return (200, {}, b"")

    execution = {
        "ResultConfiguration": {"OutputLocation": "s3://lake/athena/7.csv"},
        "_results": {"columns": ["n"], "rows": [[1]]},
        "_column_types": ["integer"],
        "Status": {},
    }
    monkeypatch.setattr("ministack.services.s3._put_object", put)
    monkeypatch.setattr(athena, "_executions", {"7": execution})
    monkeypatch.setattr(athena, "_save_query_results", athena._save_query_results)
    query_results.apply()
    asyncio.run(athena._save_query_results("7"))
    assert written["athena/7.csv"].split() == [b"n", b"1"]
    assert execution["ResultConfiguration"]["OutputLocation"] == "s3://lake/athena/7.csv"


async def _other(query_id):
    """Writes nowhere."""


def test_a_place_that_changed_is_refused(monkeypatch):
    for place in (None, _other):
        monkeypatch.setattr(athena, "_save_query_results", place)
        with pytest.raises(EmulatorChangedError, match=r"results of Athena.*make setup"):
            query_results.check()


def test_the_pinned_version_has_the_place():
    query_results.check()
