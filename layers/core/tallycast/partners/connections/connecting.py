"""Connect an account, or connect it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.aws.observability import logger
from tallycast.aws.records import ChangedMeanwhileError, Stored
from tallycast.identity.audit.chain import Deed
from tallycast.kernel.errors import TallycastError
from tallycast.kernel.ids import new_id
from tallycast.kernel.keys import BadTenantError
from tallycast.partners.connections import grants
from tallycast.partners.connections.invitations import BadStateError, invite, read_state
from tallycast.partners.connections.means import written
from tallycast.partners.connections.model import Connection, State
from tallycast.partners.connections.rules import with_tokens
from tallycast.partners.connections.tokens import ConnectionBusyError

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.aws.records import Page
    from tallycast.partners.connections.grants import Granted
    from tallycast.partners.connections.invitations import State as WayBack
    from tallycast.partners.connections.means import Means
    from tallycast.partners.connections.model import Invitation
    from tallycast.partners.connections.providers import Provider

CALLBACK: Final = "/v1/connections/callback"
_TRIES: Final = 8  # to store what a provider gave: it gives it once
_FIRST_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Sent:
    """A connection that is being made, and where to send the person."""

    stored: Stored[Connection]
    authorization_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of a person's way to the provider and back; `problem` None when all went well."""

    tenant: str
    connection_id: str
    provider: Provider
    problem: str | None = None


class Connections:
    """The connections of all tenants."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._records = means.records

    def providers(self) -> list[Provider]:
        """All that can be connected."""
        return sorted(self._means.providers().usable, key=lambda each: each.name)

    def get(self, tenant: str, connection_id: str) -> Stored[Connection]:
        """One connection.

        Raises:
            ConnectionNotFoundError: the tenant has none of this id.
        """
        return self._records.get(tenant, connection_id)

    def page(self, tenant: str, *, limit: int, cursor: str | None) -> Page[Connection]:
        """A tenant's connections, in the order they were begun."""
        return self._records.page(tenant, limit=limit, cursor=cursor)

    # ── to the provider and back ──

    def begin(
        self, tenant: str, provider: str, label: str, *, deed: Deed, base_url: str, now: datetime
    ) -> Sent:
        """A new connection, and where to send the person who makes it.

        Args:
            tenant: whose.
            provider: which platform.
            label: what the tenant calls it.
            deed: who begins; its target is filled in.
            base_url: of the API, when the stage does not say where people come back to.
            now: the time.

        Raises:
            ProviderNotFoundError: it cannot be connected here.
        """
        record_id = new_id("con", now)
        place = (tenant, record_id)
        chosen, invitation, url = self._invite(
            place, provider, subject=deed.actor, base_url=base_url, now=now
        )
        document = Connection(
            provider=chosen.name,
            label=label,
            state=State.CONNECTING,
            connected_by=deed.actor,
            scopes=chosen.scopes,
            invitation=invitation,
            refresh_at=invitation.expires_at,
        )
        write = self._records.creation(tenant, record_id, document, now)
        deed = deed.model_copy(update={"target": record_id})
        self._means.trail.commit(tenant, [write], deed, now)
        stored = Stored(tenant, record_id, document, 1, now, now)
        return Sent(stored, url, invitation.expires_at)

    def begin_again(
        self, tenant: str, connection_id: str, *, deed: Deed, base_url: str, now: datetime
    ) -> Sent:
        """Send a person to the provider anew; until it is back the connection stays as it is.

        Raises:
            ConnectionNotFoundError: the tenant has none of this id.
            ProviderNotFoundError: its provider cannot be connected here any more.
            ConnectionBusyError: somebody else changed it just now.
        """
        stored = self._records.get(tenant, connection_id)
        provider = stored.document.provider
        _, invitation, url = self._invite(
            (tenant, connection_id), provider, subject=deed.actor, base_url=base_url, now=now
        )
        update: dict[str, object] = {"invitation": invitation}
        if stored.document.state is State.CONNECTING:
            update["refresh_at"] = invitation.expires_at
        invited = stored.document.model_copy(update=update)
        write = self._records.replacement(stored, invited, now)
        try:
            self._means.trail.commit(tenant, [write], deed, now)
        except ChangedMeanwhileError:
            raise ConnectionBusyError(
                f"{connection_id} is being refreshed", id=connection_id
            ) from None
        return Sent(written(stored, invited, now), url, invitation.expires_at)

    def complete(
        self, state: str, *, code: str | None, error: str | None, request_id: str, now: datetime
    ) -> Returned:
        """What a person came back with becomes tokens; `state` says for whom, and is good once.

        Raises:
            BadStateError: it is none of ours, too old, or was used.
            ProviderNotFoundError: the provider is not in the directory any more.
        """
        way = read_state(state)
        stored = self._invited(way)
        invitation = stored.document.invitation
        if invitation is None or not way.fits(invitation, now):
            raise BadStateError
        provider = self._means.providers().get(stored.document.provider)
        used = self._used(stored, now)
        returned = Returned(used.tenant, used.id, provider)
        if code is None:
            declined = error == "access_denied"
            text = "you declined" if declined else f"{provider.title} did not let you in"
            return Returned(used.tenant, used.id, provider, text)
        deed = Deed(
            actor=invitation.subject,
            action="connection.connect",
            target=used.id,
            request_id=request_id,
            details={"provider": provider.name},
        )
        try:
            self._connect(used, provider, invitation, code, deed)
        except TallycastError as failure:
            problem = f"{failure.code}: {failure.message}"
            logger.warning("not connected", extra={"connection": used.id, "error": problem})
            text = f"{provider.title} gave no access ({failure.code})"
            return Returned(used.tenant, used.id, provider, text)
        return returned

    def _invite(
        self, place: tuple[str, str], provider: str, *, subject: str, base_url: str, now: datetime
    ) -> tuple[Provider, Invitation, str]:
        directory = self._means.providers()
        chosen = directory.get(provider)
        invitation, url = invite(
            chosen,
            self._means.vault,
            place,
            subject=subject,
            redirect_uri=directory.callback_url or base_url + CALLBACK,
            now=now,
        )
        return chosen, invitation, url

    def _invited(self, way: WayBack) -> Stored[Connection]:
        try:
            stored = self._records.find(way.tenant, way.connection_id)
        except BadTenantError:
            raise BadStateError from None
        if stored is None:
            raise BadStateError
        return stored

    def _used(self, stored: Stored[Connection], now: datetime) -> Stored[Connection]:
        """The connection with its invitation used up: of two who come with it, one gets it."""
        used = stored.document.model_copy(update={"invitation": None})
        try:
            self._records.put(self._records.replacement(stored, used, now))
        except ChangedMeanwhileError:
            raise BadStateError from None
        return written(stored, used, now)

    def _connect(
        self,
        used: Stored[Connection],
        provider: Provider,
        invitation: Invitation,
        code: str,
        deed: Deed,
    ) -> None:
        """Exchange the code and store what comes."""
        place = (used.tenant, used.id)
        verifier = None
        if invitation.verifier is not None:
            verifier = self._means.vault.open(invitation.verifier, *place).decode()
        envelope = self._means.vault.envelope(*place)
        granted = grants.exchange_code(
            provider,
            self._means.send,
            code=code,
            redirect_uri=invitation.redirect_uri,
            verifier=verifier,
            now=self._means.clock(),
        )
        self._keep(used, provider, granted, envelope.seal_tokens(granted.tokens), deed)

    def _keep(
        self,
        used: Stored[Connection],
        provider: Provider,
        granted: Granted,
        sealed: str,
        deed: Deed,
    ) -> None:
        """Store tokens that a code was exchanged for; a refresh meanwhile is overtaken by them."""
        current = used
        for attempt in range(_TRIES):
            now = self._means.clock()
            after = with_tokens(current.document, sealed, granted, now, provider.refresh_days)
            after = after.model_copy(update={"connected_at": now, "connected_by": deed.actor})
            write = self._records.replacement(current, after, now)
            try:
                self._means.trail.commit(used.tenant, [write], deed, now)
            except (ChangedMeanwhileError, ServiceUnavailableError):
                self._means.pause(_FIRST_PAUSE_SECONDS * 2**attempt)
                current = self._records.get(used.tenant, used.id)
            else:
                return
        raise ConnectionBusyError(f"{used.id} changes all the time", id=used.id)
