"""Reading a log in a test, and looking at what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from tallycast.measurement.logs import (
    Account,
    Intake,
    Limits,
    LogSource,
    quarantine_relation,
    read_log,
    requests_relation,
)
from tests.support.log_files import ENRICHMENT, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from tallycast.measurement.logs import Enrichment

CON = duckdb.connect(config={"threads": 1})
"""What results are looked at with; whoever reads files makes a connection of its own."""

SMALL = Limits(threads=1, memory="512MB")


def reading(
    path: Path,
    source: LogSource | None = None,
    *,
    enrichment: Enrichment = ENRICHMENT,
    limits: Limits = SMALL,
    file_id: str = "file",
    into: Path | None = None,
) -> Intake:
    """The file read with settings that are fit for tests."""
    into = into or path.parent / "read"
    intake = read_log(path, source or LogSource(), enrichment, into, file_id, NOW, limits)
    conserved(intake.account)
    assert len(rows(intake)) == intake.account.accepted
    assert len(refused(intake)) == intake.account.quarantined
    return intake


def conserved(account: Account) -> None:
    """Nothing is lost: the law that every reading must keep."""
    kept = account.accepted + account.quarantined + sum(account.skipped.values())
    assert account.read == kept
    assert account.quarantined == sum(account.reasons.values())


def rows(intake: Intake) -> list[dict[str, Any]]:
    """The rows read, by line."""
    relation = requests_relation(CON, [intake]).order("line")
    names = relation.columns
    return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def refused(intake: Intake) -> list[tuple[int, str]]:
    """Line and reason of what was quarantined."""
    relation = quarantine_relation(CON, [intake]).order("line")
    return [(row[1], row[2]) for row in relation.fetchall()]


def refused_texts(intake: Intake) -> list[str]:
    """The texts of what was quarantined, by line."""
    return [row[3] for row in quarantine_relation(CON, [intake]).order("line").fetchall()]
