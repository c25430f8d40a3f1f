"""What a recount changed on a day that was final, and why: a restatement (IAB v2.3, closed months).

Compared are the downloads of each episode before and after. The cause follows from what the two
counts were made from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from tallycast.kernel.times import to_text
from tallycast.measurement.model import COUNTED, RESTATEMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tallycast.measurement.counting.days import Inputs

Cause = Literal["late data", "new rules", "new reference data", "other"]
_CAUSES: Final[dict[str, Cause]] = {
    "files": "late data",
    "rules": "new rules",
    "reference": "new reference data",
    "settings": "new rules",
    "episodes": "other",
}


def causes(before: Inputs | None, after: Inputs) -> list[Cause]:
    """Why two counts of a day may differ, the weightiest first; `other` when nothing is known."""
    if before is None:
        return ["other"]
    changed = [cause for name, cause in _CAUSES.items() if _differ(before, after, name)]
    return list(dict.fromkeys(changed)) or ["other"]


def _differ(before: Inputs, after: Inputs, name: str) -> bool:
    return bool(getattr(before, name) != getattr(after, name))


def write_restatement(
    db: DuckDBPyConnection,
    old: Sequence[Path],
    new: Sequence[Path],
    into: Path,
    *,
    at: datetime,
    rules: str,
    why: Sequence[Cause],
) -> int:
    """Write the episodes whose downloads changed as Parquet with the columns of RESTATEMENTS.

    Args:
        db: any connection.
        old: the day's waterfall before, in files with the columns of WATERFALL.
        new: the same after.
        into: the file to write; it is not written when nothing changed.
        at: when it was restated.
        rules: name of the rule set.
        why: from `causes`.

    Returns:
        How many episodes changed.
    """
    for name, paths in (("old_waterfall", old), ("new_waterfall", new)):
        files = ", ".join(f"'{path}'" for path in paths)
        source = (
            f"read_parquet([{files}], hive_partitioning = false)"
            if paths
            else "(SELECT '' AS show_id, '' AS episode_id, '' AS rule, 0 AS requests WHERE false)"
        )
        db.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS "  # noqa: S608 - paths of our own
            "SELECT episode_id, max(show_id) AS show_id, sum(requests)::BIGINT AS downloads "
            f"FROM {source} WHERE rule = '{COUNTED}' GROUP BY episode_id"
        )
    db.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE restated AS
        SELECT $at::TIMESTAMP AS restated_at, $rules AS rules,
            coalesce(n.show_id, o.show_id) AS show_id, episode_id,
            coalesce(o.downloads, 0) AS old_downloads, coalesce(n.downloads, 0) AS new_downloads,
            $cause AS cause, $detail AS detail
        FROM old_waterfall o FULL JOIN new_waterfall n USING (episode_id)
        WHERE coalesce(o.downloads, 0) <> coalesce(n.downloads, 0)
        ORDER BY {list(RESTATEMENTS).index("episode_id") + 1}
        """,  # noqa: S608 - a number
        {
            "at": to_text(at).removesuffix("Z"),
            "rules": rules,
            "cause": why[0],
            "detail": "; ".join(why),
        },
    )
    found = db.execute("SELECT count(*) FROM restated").fetchone()
    changed = int(found[0]) if found else 0
    if changed:
        db.execute(f"COPY restated TO '{into}' (FORMAT parquet, COMPRESSION snappy)")
    return changed
