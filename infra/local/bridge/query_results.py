"""Athena's results lie where the query's own record says.

AWS: the rows of a query are at `OutputLocation`, `s3://bucket/prefix/{query id}.csv`.

MiniStack: says so, too, and writes them one level deeper, to `…/{query id}.csv/{query id}.csv`,
so that a client which fetches them (awswrangler does) finds nothing there.
"""

# ruff: noqa: SLF001 - mending MiniStack means reaching into it

from __future__ import annotations

import inspect
from typing import Final

from ministack.services import athena

from infra.local.errors import EmulatorChangedError

_PLACE: Final = "results of Athena queries"
_DEEPER: Final = 'csv_key = f"{key_prefix}/{query_id}.csv"'


def folder_of(location: str, query_id: str) -> str:
    """What a location of results is below: `s3://b/athena/1.csv` is below `s3://b/athena`."""
    return location.removesuffix(f"{query_id}.csv").rstrip("/")


def check() -> None:
    """Refuse a MiniStack that writes results elsewhere.

    Raises:
        EmulatorChangedError: the place is not as it was.
    """
    save = getattr(athena, "_save_query_results", None)
    if save is None or _DEEPER not in inspect.getsource(save):
        raise EmulatorChangedError(_PLACE)


def apply() -> None:
    """Write results where they are said to be."""
    check()
    save = athena._save_query_results

    async def _save(query_id: str) -> None:
        # Nothing is awaited in there: nobody sees the record as it is meanwhile.
        result = athena._executions[query_id]["ResultConfiguration"]
        said = result["OutputLocation"]
        result["OutputLocation"] = folder_of(said, query_id)
        try:
            await save(query_id)
        finally:
            result["OutputLocation"] = said

    athena._save_query_results = _save
