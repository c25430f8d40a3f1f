"""What S3 says has arrived, and whose it is: the key tells.

- `logs/{tenant}/{source}/…`: a log file of one tenant, read as its source says.
- `hits/…`: tracked hits of all tenants; each names its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from pydantic import Field

from tallycast.kernel.errors import PermanentError
from tallycast.kernel.keys import BadTenantError, tenant_prefix
from tallycast.kernel.schema import Received

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGS = "logs/"
HITS = "hits/"
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class StrayFileError(PermanentError):
    """The file lies where no log belongs; nobody can say whose it is."""


class Notification(Received):
    """What S3 writes to the queue; its own test message has no records."""

    records: list[dict[str, Any]] = Field(default_factory=list, alias="Records")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One object in the intake bucket. `tenant` and `source` are None for tracked hits."""

    bucket: str
    key: str
    tenant: str | None
    source: str | None

    @property
    def stream(self) -> str:
        """What its rows are counted under in the books: `hits`, or `logs`."""
        return HITS.rstrip("/") if self.tenant is None else LOGS.rstrip("/")


def arrival(bucket: str, key: str) -> Arrival:
    """Whose an object is.

    Raises:
        StrayFileError: the key says nothing; the message says how it should look.
    """
    if key.startswith(HITS):
        return Arrival(bucket, key, None, None)
    parts = key.split("/")
    if key.startswith(LOGS) and len(parts) >= 4 and parts[-1]:  # noqa: PLR2004 - logs/t/s/file
        _, tenant, source = parts[:3]
        try:
            tenant_prefix(tenant)
        except BadTenantError as error:
            raise StrayFileError(f"{key}: {error.message}", key=key) from error
        if _SOURCE.fullmatch(source):
            return Arrival(bucket, key, tenant, source)
    raise StrayFileError(
        f"{key} is not read: a log file belongs under logs/(tenant)/(source)/, hits under hits/",
        key=key,
    )


def arrivals(notification: Notification) -> Iterator[Arrival]:
    """The objects that an S3 notification tells of; S3's own test message tells of none.

    Raises:
        StrayFileError: one of them lies where no log belongs.
    """
    for record in notification.records:
        if str(record.get("eventName", "")).startswith("ObjectCreated:"):
            told = record["s3"]
            yield arrival(told["bucket"]["name"], unquote_plus(told["object"]["key"]))
