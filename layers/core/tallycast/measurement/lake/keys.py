"""The one place that formats keys of the lake: objects in its bucket, items of the ledger.

Every key carries the tenant first; `tenant=…/dt=…` in a path is what Athena's partition projection
reads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from tallycast.kernel.errors import PermanentError
from tallycast.kernel.ids import derived_id
from tallycast.kernel.keys import digest, tenant_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

Table = Literal["requests", "downloads", "waterfall", "quarantine", "restatements", "episodes"]
_RULES: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,120}")


class BadLakeKeyError(PermanentError):
    """A name that could be mistaken for another part of a path."""


def folder(table: Table, tenant: str, *, rules: str | None = None, day: date | None = None) -> str:
    """`downloads/tenant=acme/rules=iab-2.3/dt=2026-11-22/`; without a day, all days.

    Raises:
        BadLakeKeyError: the rule set's name could not stand in a path.
        BadTenantError: the tenant's name could not.
    """
    tenant_prefix(tenant)
    if rules is not None and not _RULES.fullmatch(rules):
        raise BadLakeKeyError(f"{rules!r} is no name of a rule set", rules=rules)
    parts = [table, f"tenant={tenant}"]
    if rules is not None:
        parts.append(f"rules={rules}")
    if day is not None:
        parts.append(f"dt={day.isoformat()}")
    return "/".join(parts) + "/"


def requests_object(tenant: str, day: date, file_id: str) -> str:
    """`requests/tenant=acme/dt=2026-11-22/file_….parquet`."""
    return f"{folder('requests', tenant, day=day)}{_name(file_id)}.parquet"


def quarantine_object(tenant: str, day: date, file_id: str) -> str:
    """`quarantine/tenant=acme/dt=2026-11-22/file_….parquet`; the day is the one the file came."""
    return f"{folder('quarantine', tenant, day=day)}{_name(file_id)}.parquet"


def compacted_object(
    tenant: str, day: date, file_ids: Iterable[str], objects: Iterable[str]
) -> str:
    """The object that holds the rows of these files, read from these objects.

    A run that is repeated gives the same key; nothing else does.
    """
    name = derived_id("compact", *sorted(file_ids), "", *sorted(objects))
    return f"{folder('requests', tenant, day=day)}{name}.parquet"


def result_object(
    table: Literal["downloads", "waterfall"], tenant: str, rules: str, day: date, part: str
) -> str:
    """`downloads/tenant=acme/rules=iab-2.3/dt=2026-11-22/00-of-04.parquet`."""
    return f"{folder(table, tenant, rules=rules, day=day)}{_name(part)}.parquet"


def file_id(source: str, etag: str, revision: int) -> str:
    """The id of one delivered file in one version, as it was taken in.

    A run that is repeated gives the same id. A file that is rewritten, and be it to what it was
    long ago, gives another one: no late deletion of old objects can meet a new one.
    """
    return derived_id("file", source, etag.strip('"'), str(revision))


def day_of(path: str) -> str:
    """`2026-11-22`, from any path with `dt=` in it; '' where there is none."""
    found = re.search(r"(?:^|/)dt=(\d{4}-\d{2}-\d{2})(?:/|$)", path)
    return found[1] if found else ""


def request_files(tenant: str, day: date) -> str:
    """Ledger: the partition of a day's files."""
    return f"{tenant_prefix(tenant)}#REQUESTS#{day.isoformat()}"


def request_file(tenant: str, day: date, of_file: str) -> dict[str, str]:
    """Ledger: the rows of one delivered file on one day."""
    return {"pk": request_files(tenant, day), "sk": f"FILE#{of_file}"}


def source(tenant: str, name: str) -> dict[str, str]:
    """Ledger: a delivered file, whichever version of it was taken in last."""
    return {"pk": f"{tenant_prefix(tenant)}#SOURCE#{digest(name)}", "sk": "SOURCE"}


def horizon(tenant: str) -> dict[str, str]:
    """Ledger: the day before which everything has been deleted."""
    return {"pk": f"{tenant_prefix(tenant)}#RETENTION", "sk": "HORIZON"}


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise BadLakeKeyError(f"{text!r} cannot be the name of an object", name=text)
    return text
