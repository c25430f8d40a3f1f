"""A tenant's hooks: kept in the `core` table, every change in the audit log."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from tallycast.aws.errors import translated
from tallycast.aws.records import AlreadyExistsError, Records, write_of
from tallycast.kernel import keys
from tallycast.kernel.ids import new_id
from tallycast.partners.hooks.model import (
    HOOK,
    MOST_HOOKS,
    Hook,
    HookNotFoundError,
    TooManyHooksError,
)
from tallycast.partners.hooks.schemes import key_of
from tallycast.partners.webhooks.model import SealedSecret, rotated
from tallycast.partners.webhooks.signing import SECRET_BYTES, secret_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.aws.records import Page, Stored
    from tallycast.aws.sealing import Sealer
    from tallycast.identity.audit.chain import Deed
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.partners.hooks.schemes import Scheme


@dataclass(frozen=True, slots=True)
class HookWithSecret:
    """A hook and its newest secret, which is shown this once."""

    stored: Stored[Hook]
    secret: str


class HookRegistry:
    """What can be done to hooks.

    Args:
        table: the `core` table.
        trail: the audit log.
        sealer: of secrets.
        entropy: random bytes, so many.
    """

    def __init__(
        self,
        table: Table,
        trail: AuditTrail,
        sealer: Sealer,
        *,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._table = table
        self._records: Records[Hook] = Records(table, HOOK)
        self._trail = trail
        self._sealer = sealer
        self._entropy = entropy

    def get(self, tenant: str, hook_id: str) -> Stored[Hook]:
        """One hook.

        Raises:
            HookNotFoundError: the tenant has none of this id.
        """
        return self._records.get(tenant, hook_id)

    def page(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Hook]:
        """Hooks by the time they were made."""
        return self._records.page(tenant, limit=limit, cursor=cursor)

    def called(self, hook_id: str) -> Stored[Hook]:
        """The hook that a provider calls, whosever it is.

        Raises:
            HookNotFoundError: there is none of this id, or it takes nothing now.
        """
        with translated(f"look up hook {hook_id}"):
            owner = self._table.get_item(Key=keys.hook_owner(hook_id), ConsistentRead=True)
        found = (
            self._records.find(str(owner["Item"]["tenant"]), hook_id) if "Item" in owner else None
        )
        if found is None or not found.document.enabled:
            raise HookNotFoundError(f"no hook {hook_id} takes messages here", id=hook_id)
        return found

    def create(
        self,
        tenant: str,
        name: str,
        scheme: Scheme,
        secret: str | None,
        *,
        now: datetime,
        deed: Callable[[str, str], Deed],
    ) -> HookWithSecret:
        """A new hook, with the provider's secret or one of ours to give to the provider.

        Raises:
            BadSecretError: the secret is none for the scheme.
            TooManyHooksError: the tenant has as many as it may have.
        """
        if len(self._records.every(tenant)) >= MOST_HOOKS:
            raise TooManyHooksError(f"a tenant has at most {MOST_HOOKS} hooks: remove one first")
        hook_id = new_id("hook", now)
        secret, sealed = self._sealed(tenant, hook_id, scheme, secret)
        hook = Hook(name=name, scheme=scheme, secrets=(SealedSecret(sealed=sealed, made_at=now),))
        owner = {**keys.hook_owner(hook_id), "kind": "hook_owner", "tenant": tenant}
        taken = AlreadyExistsError(f"hook {hook_id} is there already", id=hook_id)
        writes = [
            self._records.creation(tenant, hook_id, hook, now),
            write_of("Put", {"Item": owner}, Attr("pk").not_exists(), taken),
        ]
        self._trail.commit(tenant, writes, deed("hook.create", hook_id), now)
        return HookWithSecret(self.get(tenant, hook_id), secret)

    def change(
        self,
        before: Stored[Hook],
        changes: dict[str, Any],
        now: datetime,
        deed: Callable[[str, str], Deed],
    ) -> Stored[Hook]:
        """Another name, or whether it takes messages.

        Raises:
            ChangedMeanwhileError: somebody else wrote it.
        """
        return self._write(before, changes, now, deed("hook.change", before.id))

    def rotate(
        self,
        before: Stored[Hook],
        secret: str | None,
        now: datetime,
        deed: Callable[[str, str], Deed],
    ) -> HookWithSecret:
        """A new secret; messages signed with the one before are taken for 24 hours more.

        Raises:
            BadSecretError: the secret is none for the scheme.
        """
        hook = before.document
        secret, sealed = self._sealed(before.tenant, before.id, hook.scheme, secret)
        done = deed("hook.rotate_secret", before.id)
        changes = {"secrets": rotated(hook.secrets, sealed, now)}
        return HookWithSecret(self._write(before, changes, now, done), secret)

    def remove(self, before: Stored[Hook], now: datetime, deed: Callable[[str, str], Deed]) -> None:
        """Take nothing more under this id, ever; what came stays."""
        anything = Attr("pk").exists() | Attr("pk").not_exists()
        gone = HookNotFoundError(f"no hook {before.id} here", id=before.id)
        writes = [
            self._records.removal(before),
            write_of("Delete", {"Key": keys.hook_owner(before.id)}, anything, gone),
        ]
        self._trail.commit(before.tenant, writes, deed("hook.remove", before.id), now)

    def live_keys(self, stored: Stored[Hook], now: datetime) -> list[bytes]:
        """The keys that a message may be signed with now."""
        return [
            key_of(
                stored.document.scheme,
                self._sealer.open(each.sealed, stored.tenant, stored.id).decode(),
            )
            for each in stored.document.secrets
            if each.is_live(now)
        ]

    def _sealed(
        self, tenant: str, hook_id: str, scheme: Scheme, secret: str | None
    ) -> tuple[str, str]:
        """A secret that the scheme can use, as it is shown and as it is stored."""
        shown = secret_of(self._entropy(SECRET_BYTES)) if secret is None else secret
        key_of(scheme, shown)
        return shown, self._sealer.seal(shown.encode(), tenant, hook_id)

    def _write(
        self, before: Stored[Hook], changes: dict[str, Any], now: datetime, deed: Deed
    ) -> Stored[Hook]:
        document = before.document.model_copy(update=changes)
        write = self._records.replacement(before, document, now)
        self._trail.commit(before.tenant, [write], deed, now)
        return self.get(before.tenant, before.id)
