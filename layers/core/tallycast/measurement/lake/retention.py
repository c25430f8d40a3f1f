"""Delete whole days that a tenant no longer keeps: first what names them, then the objects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tallycast.measurement.lake import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallycast.measurement.lake.keys import Table
    from tallycast.measurement.lake.ledger import Ledger
    from tallycast.measurement.lake.store import LakeStore


@dataclass(frozen=True, slots=True)
class Retention:
    """Applies a tenant's retention to the lake."""

    ledger: Ledger
    store: LakeStore

    def apply(
        self, tenant: str, today: date, *, requests_days: int, quarantine_days: int
    ) -> dict[str, int]:
        """Delete requests and quarantine older than so many days; 0 keeps them for ever.

        The horizon moves first: from then on nobody counts those days or adds to them, so a run
        that dies on the way has only left objects that the next one deletes.

        Returns:
            Days deleted, by table.
        """
        deleted = {"requests": 0, "quarantine": 0}
        if requests_days:
            horizon = today - timedelta(days=requests_days)
            self.ledger.set_horizon(tenant, horizon)
            deleted["requests"] = self._delete("requests", tenant, horizon)
        if quarantine_days:
            first = today - timedelta(days=quarantine_days)
            deleted["quarantine"] = self._delete("quarantine", tenant, first)
        return deleted

    def _delete(self, table: Table, tenant: str, first: date) -> int:
        deleted = 0
        for day in days_in(self.store, table, tenant):
            if day >= first:
                continue
            if table == "requests":
                self.ledger.forget_day(tenant, day)
            folder = keys.folder(table, tenant, day=day)
            self.store.delete(entry.key for entry in self.store.listed(folder))
            deleted += 1
        return deleted


def tenants_in(store: LakeStore, table: Table = "requests") -> Iterator[str]:
    """The tenants that have anything in a table."""
    for folder in store.folders(f"{table}/"):
        _, _, tenant = folder.rstrip("/").rpartition("tenant=")
        if tenant:
            yield tenant


def days_in(store: LakeStore, table: Table, tenant: str) -> Iterator[date]:
    """The days that a tenant has in a table, in order."""
    for folder in store.folders(keys.folder(table, tenant)):
        if day := keys.day_of(folder):
            yield date.fromisoformat(day)
