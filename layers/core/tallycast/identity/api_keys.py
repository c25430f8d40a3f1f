"""API keys: long-lived credentials for scripts and systems that cannot get tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.records import Page, Records, Stored, claim, release
from tallycast.identity.documents import API_KEY, BY_HASH, KEY_USE, PLATFORM, ApiKey
from tallycast.identity.granting import check_binding, check_scopes, scopes_within
from tallycast.identity.secrets import API_KEY_PREFIX, hash_of, new_secret, preview
from tallycast.kernel.errors import ConflictError
from tallycast.kernel.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.identity.audit.chain import Deed
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.identity.model import Principal, Role

MOST_KEYS: Final = 100  # of one tenant, that are not revoked
_NAME: Final = "api_key_name"


class ApiKeyNameTakenError(ConflictError):
    """Another API key of the tenant has this name."""


class ApiKeyRevokedError(ConflictError):
    """The API key was revoked before."""


class TooManyApiKeysError(ConflictError):
    """The tenant has as many API keys as it can have."""


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The API keys of all tenants."""

    table: Table
    trail: AuditTrail

    @property
    def _records(self) -> Records[ApiKey]:
        return Records(self.table, API_KEY)

    def page(self, tenant: str, limit: int, cursor: str | None) -> Page[ApiKey]:
        """The keys of a tenant, newest first; those that are revoked, too."""
        return self._records.page(tenant, limit=limit, cursor=cursor, newest_first=True)

    def get(self, tenant: str, key_id: str) -> Stored[ApiKey]:
        """One key.

        Raises:
            ApiKeyNotFoundError: the tenant has none of this id.
        """
        return self._records.get(tenant, key_id)

    def last_used(self, tenant: str, key_ids: Sequence[str]) -> dict[str, date]:
        """The last UTC day on which each key was used; those that never were are left out."""
        found = Records(self.table, KEY_USE).many(tenant, key_ids)
        return {key_id: use.document.day for key_id, use in found.items()}

    def make(
        self,
        by: Principal,
        name: str,
        role: Role,
        scopes: Sequence[str],
        *,
        sponsor_id: str | None,
        expires_at: datetime | None,
        deed: Callable[[str], Deed],
        now: datetime,
    ) -> tuple[Stored[ApiKey], str]:
        """Make a key of one's own tenant; returns it and the key itself, which is not kept.

        Args:
            by: who does it.
            name: no other key in use has it.
            role: in whose bounds the key works.
            scopes: what it may be used for, within the role and one's own.
            sponsor_id: with the role sponsor alone.
            expires_at: None for never.
            deed: of the key's id, for the audit log.
            now: when.

        Raises:
            UnknownScopesError: the role has no such scopes.
            BeyondOwnScopesError: they are not one's own.
            ApiKeyNameTakenError: another key has the name.
            TooManyApiKeysError: there is no room for more.
        """
        check_binding(role, sponsor_id)
        granted = scopes_within(role, scopes)
        check_scopes(by, granted)
        in_use = [key for key in self._records.every(by.tenant) if not key.document.revoked_at]
        if len(in_use) >= MOST_KEYS:
            raise TooManyApiKeysError(f"a tenant has at most {MOST_KEYS} API keys: revoke some")
        key_id, secret = new_id("key", now), new_secret(API_KEY_PREFIX)
        key = ApiKey(
            name=name,
            role=role,
            sponsor_id=sponsor_id,
            scopes=granted,
            preview=preview(secret, API_KEY_PREFIX),
            secret_hash=hash_of(secret),
            created_by=by.subject,
            expires_at=expires_at,
        )
        taken = ApiKeyNameTakenError(f"there is an API key called {name!r}")
        place = f"{by.tenant}/{key_id}"
        writes = [
            self._records.creation(by.tenant, key_id, key, now),
            claim(by.tenant, _NAME, name, owner=key_id, refused=taken),
            claim(PLATFORM, BY_HASH, secret, owner=place, refused=taken),
        ]
        self.trail.commit(by.tenant, writes, deed(key_id), now)
        return self._records.get(by.tenant, key_id), secret

    def revoke(self, by: Principal, key_id: str, deed: Deed, now: datetime) -> None:
        """End a key; it stays on the list, so that a leaked one can still be told.

        Raises:
            ApiKeyNotFoundError: the tenant has none of this id.
            ApiKeyRevokedError: it was revoked before.
        """
        found = self._records.get(by.tenant, key_id)
        if found.document.revoked_at is not None:
            raise ApiKeyRevokedError("the API key is revoked already")
        after = found.document.model_copy(update={"revoked_at": now})
        writes = [
            self._records.replacement(found, after, now),
            release(by.tenant, _NAME, found.document.name, owner=key_id),
        ]
        self.trail.commit(by.tenant, writes, deed, now)
