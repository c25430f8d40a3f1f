"""Keys of the `core` table under which tracking is kept. Every key begins with tenant or `SYSTEM#`.

A show key comes in without a tenant, so what it stands for lies under `SYSTEM#`; the tenant is in
the item. Nothing of it is read on behalf of a tenant.
"""

from __future__ import annotations

import hashlib
from typing import Final

from tallycast.kernel.keys import tenant_prefix

POLICY_PK: Final = "SYSTEM#TRACKING"
POLICY_SK: Final = "POLICY"
KEY_SK: Final = "KEY"


def key_digest(show_key: str) -> str:
    """What is stored of a show key: the 64 hex digits of its SHA-256."""
    return hashlib.sha256(show_key.encode()).hexdigest()


def show_key(digest: str) -> dict[str, str]:
    """What a show key, by its digest, stands for: tenant, show, hosts, secrets, state."""
    return {"pk": f"SYSTEM#TRACKINGKEY#{digest}", "sk": KEY_SK}


def policy() -> dict[str, str]:
    """Banned hosts and the kill switches, for the whole platform."""
    return {"pk": POLICY_PK, "sk": POLICY_SK}


def show_tracking(tenant: str, show_id: str) -> dict[str, str]:
    """How a show is tracked: its keys (digests), hosts and secrets."""
    return {"pk": f"{tenant_prefix(tenant)}#SHOW#{show_id}", "sk": "TRACKING"}
