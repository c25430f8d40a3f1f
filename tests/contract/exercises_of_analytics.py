"""Everything that the functions of analytics do to AWS, in a scene that has all it needs."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import duckdb

from tallycast.analytics.exports.making import ExportTooLargeError, Making
from tallycast.analytics.exports.model import EXPORTS, Export, Wanted
from tallycast.aws.records import Records
from tallycast.measurement.model import RESTATEMENTS
from tests.support.measuring import count, feed_is_known, put, take_in
from tests.support.scene import NOW, SHOW, TENANT

EXPORT = "exp_01kaqj8x2mf3v9t0d5w7rzbcyn"


def exports(stage):
    """Access to the exports of the scene."""
    return Records(stage.platform.table, EXPORTS)


def ask(stage, table="downloads", **wanted):
    """Somebody asks for the export of the sample events."""
    days = {"first": date(2026, 1, 1), "last": date(2026, 1, 5), "rules": "iab-2.3"}
    export = Export(
        wanted=Wanted(table=table, **{"format": "parquet", **days, **wanted}),
        asked_by="usr_1",
        asked_at=NOW,
        link_key="00" * 32,
    )
    found = exports(stage).find(TENANT, EXPORT)
    if found is not None:
        exports(stage).put(exports(stage).removal(found))
    exports(stage).put(exports(stage).creation(TENANT, EXPORT, export, NOW))


def counted(stage):
    """A day with three downloads."""
    feed_is_known(stage)
    take_in(stage, 3)
    count(stage)


def a_restatement():
    """A Parquet file with one row of RESTATEMENTS."""
    columns = ", ".join(f"{name} {kind}" for name, kind in RESTATEMENTS.items())
    with TemporaryDirectory() as folder, duckdb.connect() as db:
        path = Path(folder) / "restated.parquet"
        db.execute(f"CREATE TABLE restated ({columns})")
        row = [NOW.replace(tzinfo=None), "iab-2.3", SHOW, "ep_1", 3, 4, "late data", "late data"]
        db.execute("INSERT INTO restated VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        db.execute(f"COPY restated TO '{path}' (FORMAT parquet)")
        return path.read_bytes()


def export_table(stage):
    """Every table, in both formats; one that is too large; and one that nobody asked for."""
    counted(stage)
    put(
        stage,
        "LakeBucket",
        f"restatements/tenant={TENANT}/dt=2026-01-02/run.parquet",
        a_restatement(),
    )
    for table, file_format in (
        ("downloads", "parquet"), ("waterfall", "csv"), ("restatements", "parquet"),
    ):  # fmt: skip
        ask(stage, table, format=file_format)
        stage.run("export_table/wanted")
        assert exports(stage).get(TENANT, EXPORT).document.state == "done"
    ask(stage)
    too_large = ExportTooLargeError("too many rows")
    with patch.object(Making, "make", side_effect=too_large):
        stage.run("export_table/last_try")
    stage.run("export_table/unknown_export")


EXERCISES = {"export_table": export_table}
