"""A tenant's webhook endpoints: kept in the `core` table, every change in the audit log."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.records import ChangedMeanwhileError, Records
from tallycast.identity.audit.chain import Deed
from tallycast.kernel.ids import new_id
from tallycast.partners.webhooks.addresses import checked_url
from tallycast.partners.webhooks.model import (
    ENDPOINT,
    MOST_ENDPOINTS,
    DisabledReason,
    Endpoint,
    SealedSecret,
    TooManyWebhooksError,
    rotated,
)
from tallycast.partners.webhooks.signing import SECRET_BYTES, secret_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_dynamodb.service_resource import Table

    from tallycast.aws.records import Page, Stored
    from tallycast.aws.sealing import Sealer
    from tallycast.identity.audit.trail import AuditTrail
    from tallycast.partners.webhooks.circuit import Circuits

_SYSTEM: Final = "system:send_webhook"


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint and its newest secret, which is shown this once."""

    stored: Stored[Endpoint]
    secret: str


class Endpoints:
    """What can be done to endpoints.

    Args:
        table: the `core` table.
        trail: the audit log.
        sealer: of secrets.
        circuits: how endpoints have been doing.
        allow: loopback addresses that are open to http, on a laptop.
        entropy: random bytes, so many.
    """

    def __init__(
        self,
        table: Table,
        trail: AuditTrail,
        sealer: Sealer,
        circuits: Circuits,
        *,
        allow: tuple[str, ...] = (),
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._records: Records[Endpoint] = Records(table, ENDPOINT)
        self._trail = trail
        self._sealer = sealer
        self._circuits = circuits
        self._allow = allow
        self._entropy = entropy

    def get(self, tenant: str, endpoint_id: str) -> Stored[Endpoint]:
        """One endpoint.

        Raises:
            WebhookNotFoundError: the tenant has none of this id.
        """
        return self._records.get(tenant, endpoint_id)

    def find(self, tenant: str, endpoint_id: str) -> Stored[Endpoint] | None:
        """One endpoint, None when it was removed."""
        return self._records.find(tenant, endpoint_id)

    def page(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Endpoint]:
        """Endpoints by the time they were made."""
        return self._records.page(tenant, limit=limit, cursor=cursor)

    def every(self, tenant: str) -> list[Stored[Endpoint]]:
        """All endpoints of a tenant."""
        return self._records.every(tenant)

    def create(
        self,
        tenant: str,
        url: str,
        now: datetime,
        deed: Callable[[str, str], Deed],
        *,
        description: str = "",
        events: tuple[str, ...] = (),
        shows: tuple[str, ...] = (),
    ) -> WithSecret:
        """A new endpoint, enabled.

        Raises:
            BadWebhookUrlError: nothing is sent to such an address.
            TooManyWebhooksError: the tenant has as many as it may have.
        """
        if len(self.every(tenant)) >= MOST_ENDPOINTS:
            raise TooManyWebhooksError(
                f"a tenant has at most {MOST_ENDPOINTS} webhook endpoints: remove one first"
            )
        endpoint_id = new_id("whk", now)
        secret, sealed = self._fresh(tenant, endpoint_id)
        endpoint = Endpoint(
            url=checked_url(url, self._allow),
            description=description,
            events=events,
            shows=shows,
            secrets=(SealedSecret(sealed=sealed, made_at=now),),
        )
        write = self._records.creation(tenant, endpoint_id, endpoint, now)
        self._trail.commit(tenant, [write], deed("webhook.create", endpoint_id), now)
        return WithSecret(self.get(tenant, endpoint_id), secret)

    def change(
        self,
        before: Stored[Endpoint],
        changes: dict[str, object],
        now: datetime,
        deed: Callable[[str, str], Deed],
    ) -> Stored[Endpoint]:
        """Other values for `url`, `description`, `events`, `shows`.

        Raises:
            BadWebhookUrlError: nothing is sent to such an address.
            ChangedMeanwhileError: somebody else wrote it.
        """
        if "url" in changes:
            changes = {**changes, "url": checked_url(str(changes["url"]), self._allow)}
        return self._write(before, changes, now, deed("webhook.change", before.id))

    def rotate(
        self, before: Stored[Endpoint], now: datetime, deed: Callable[[str, str], Deed]
    ) -> WithSecret:
        """A new secret; the one before signs as well for 24 hours more."""
        secret, sealed = self._fresh(before.tenant, before.id)
        secrets = rotated(before.document.secrets, sealed, now)
        done = deed("webhook.rotate_secret", before.id)
        return WithSecret(self._write(before, {"secrets": secrets}, now, done), secret)

    def enable(
        self, before: Stored[Endpoint], now: datetime, deed: Callable[[str, str], Deed]
    ) -> Stored[Endpoint]:
        """Send to it again; what failed before is forgotten, what was held waits for a replay."""
        if before.document.enabled:
            return before
        self._circuits.forget(before.tenant, before.id)
        changes: dict[str, object] = {"reason": None, "disabled_at": None}
        return self._write(before, changes, now, deed("webhook.enable", before.id))

    def disable(
        self, before: Stored[Endpoint], now: datetime, deed: Callable[[str, str], Deed]
    ) -> Stored[Endpoint]:
        """Send nothing to it any more."""
        done = deed("webhook.disable", before.id)
        return self._disabled(before, DisabledReason.BY_HAND, now, done)

    def give_up(self, tenant: str, endpoint_id: str, reason: DisabledReason, now: datetime) -> None:
        """Disable an endpoint for what it answered, or did not; nothing if it is gone already."""
        done = Deed(
            actor=_SYSTEM,
            action="webhook.disable",
            target=endpoint_id,
            details={"reason": reason.value},
        )
        for last in (False, False, True):
            found = self.find(tenant, endpoint_id)
            if found is None:
                return
            try:
                self._disabled(found, reason, now, done)
            except ChangedMeanwhileError:  # by another sender, or by a person
                if last:
                    raise
                continue
            return

    def remove(
        self, before: Stored[Endpoint], now: datetime, deed: Callable[[str, str], Deed]
    ) -> None:
        """Forget it, and its secrets."""
        write = self._records.removal(before)
        self._trail.commit(before.tenant, [write], deed("webhook.remove", before.id), now)

    def keys(self, stored: Stored[Endpoint], now: datetime) -> list[bytes]:
        """The keys that messages are signed with now, the newest first."""
        return [
            self._sealer.open(each.sealed, stored.tenant, stored.id)
            for each in stored.document.secrets
            if each.is_live(now)
        ]

    def _fresh(self, tenant: str, endpoint_id: str) -> tuple[str, str]:
        """A new secret, as it is shown and as it is stored."""
        key = self._entropy(SECRET_BYTES)
        return secret_of(key), self._sealer.seal(key, tenant, endpoint_id)

    def _disabled(
        self, before: Stored[Endpoint], reason: DisabledReason, now: datetime, deed: Deed
    ) -> Stored[Endpoint]:
        if not before.document.enabled:
            return before
        return self._write(before, {"reason": reason, "disabled_at": now}, now, deed)

    def _write(
        self, before: Stored[Endpoint], changes: dict[str, object], now: datetime, deed: Deed
    ) -> Stored[Endpoint]:
        document = before.document.model_copy(update=changes)
        write = self._records.replacement(before, document, now)
        self._trail.commit(before.tenant, [write], deed, now)
        return self.get(before.tenant, before.id)
