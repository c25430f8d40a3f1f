"""Who asks, as every room knows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """What somebody is in one tenant.

    A `SPONSOR` sees its own campaigns alone; a `PARTNER` is a machine.
    """

    OWNER = "owner"
    ADMIN = "admin"
    ANALYST = "analyst"
    SALES = "sales"
    PRODUCER = "producer"
    SPONSOR = "sponsor"
    PARTNER = "partner"


Kind = Literal["person", "client", "key"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as the authorizer has found: everything here comes from a verified credential.

    Attributes:
        tenant: whose data; never taken from a path or a body.
        subject: pseudonymous id: of a person (`usr_…`), a machine client or an API key (`key_…`).
        kind: what kind of credential.
        role: what the subject is in the tenant.
        scopes: what this credential may be used for; the role may allow more.
        plan: name of the plan whose limits apply.
        sponsor_id: of a sponsor's person, the only sponsor it sees.
    """

    tenant: str
    subject: str
    kind: Kind
    role: Role
    scopes: frozenset[str]
    plan: str = "free"
    sponsor_id: str | None = None
