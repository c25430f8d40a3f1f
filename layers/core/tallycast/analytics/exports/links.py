"""Links to files: signed, short-lived, and ours.

A link names its tenant, export and time, and is signed with the export's own random key, so it
opens one file, for some minutes, without a credential: for browsers, spreadsheets and `curl`. A
presigned address of S3 would die with the session of the role that made it; ours leads to a fresh
one.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

LIFE: Final = timedelta(minutes=15)
KEY_BYTES: Final = 32


def link_to(tenant: str, export_id: str, key: str, now: datetime) -> str:
    """The path and query of a link that opens an export's file from now on for `LIFE`."""
    expires = int((now + LIFE).timestamp())
    query = {
        "tenant": tenant,
        "expires": expires,
        "signature": signature(tenant, export_id, key, expires),
    }
    return f"/v1/exports/{export_id}/file?{urlencode(query)}"


def signature(tenant: str, export_id: str, key: str, expires: int) -> str:
    """HMAC-SHA256 over everything a link says, base64url without padding: 43 characters."""
    message = f"export-link v1\n{tenant}\n{export_id}\n{expires}".encode()
    return (
        urlsafe_b64encode(hmac.digest(bytes.fromhex(key), message, "sha256")).decode().rstrip("=")
    )


def is_open(
    tenant: str, export_id: str, key: str, *, expires: int, given: str, now: datetime
) -> bool:
    """Whether a link is one of ours and not expired."""
    ours = signature(tenant, export_id, key, expires)
    return hmac.compare_digest(ours.encode(), given.encode()) and now < datetime.fromtimestamp(
        expires, UTC
    )
