"""Who asks: from a credential to a principal, or to a refusal.

The token proves who somebody is and names the tenant; what they may do there is read anew, so that
a changed role, a removed person and a revoked key count at once (and for the gateway as soon as
its cache has forgotten).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.identity.access import scopes_of
from tallycast.identity.directory import Directory, person_id_of
from tallycast.identity.model import Principal, Role
from tallycast.identity.secrets import API_KEY_PREFIX, is_secret
from tallycast.identity.tokens.access import AccessToken, TokenRefusedError, verified
from tallycast.kernel.errors import ConflictError, DeniedError, RetryableError, StaleError

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.identity.tokens.keys import KeyStore


class NoMembershipError(DeniedError):
    """Known, but in no tenant, or not in the one that the token is for."""


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Finds out who is behind a credential.

    Attributes:
        issuer: of the tokens.
        app_client_id: the app client that people sign in with.
    """

    directory: Directory
    keys: KeyStore
    issuer: str
    app_client_id: str

    def principal(self, credential: str, now: datetime) -> Principal:
        """Who that is.

        Raises:
            TokenRefusedError: it is no good credential; why is for our log alone.
            NoMembershipError: it is good, but for no tenant.
            ServiceUnavailableError: it cannot be found out just now.
        """
        if credential.startswith(API_KEY_PREFIX):
            return self._of_key(credential, now)
        token = verified(credential, self.keys, self.issuer, now)
        if token.client_id == self.app_client_id:
            return self._of_person(token)
        return self._of_machine(token)

    def _of_person(self, token: AccessToken) -> Principal:
        if token.signed_in_at is None:
            raise TokenRefusedError("it does not say when its person signed in")
        person_id = person_id_of(token.subject)
        person = self.directory.person(person_id)
        if person is None or token.tenant is None:
            raise NoMembershipError("this person is in no tenant", person_id=person_id)
        ended = person.signed_out_at
        # Sign-ins are known to the second: one within the second of the sign-out is over as well.
        if ended is not None and token.signed_in_at <= int(ended.timestamp()):
            raise TokenRefusedError("its person has signed out since")
        here = token.tenant in person.tenants
        standing = self.directory.standing(token.tenant, person_id) if here else None
        if standing is None:
            raise NoMembershipError("this person is not in the tenant", person_id=person_id)
        member = standing.member
        return Principal(
            tenant=token.tenant,
            subject=person_id,
            kind="person",
            role=member.role,
            scopes=scopes_of(member.role),
            plan=standing.plan,
            sponsor_id=member.sponsor_id,
        )

    def _of_machine(self, token: AccessToken) -> Principal:
        found = self.directory.client(token.client_id)
        if found is None or token.subject != token.client_id:
            raise TokenRefusedError("its client is none of ours")
        tenant, client = found
        return Principal(
            tenant=tenant,
            subject=token.client_id,
            kind="client",
            role=Role.PARTNER,
            scopes=token.scopes & frozenset(client.scopes),
            plan=self.directory.plan(tenant),
        )

    def _of_key(self, secret: str, now: datetime) -> Principal:
        found = self.directory.api_key(secret) if is_secret(secret, API_KEY_PREFIX) else None
        if found is None:
            raise TokenRefusedError("there is no such API key")
        key = found.document
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
            raise TokenRefusedError(f"the API key {found.id} is over")
        # A day that was not noted is no reason to refuse anybody.
        with suppress(RetryableError, ConflictError, StaleError):
            self.directory.used(found.tenant, found.id, now)
        return Principal(
            tenant=found.tenant,
            subject=found.id,
            kind="key",
            role=key.role,
            scopes=frozenset(key.scopes),
            plan=self.directory.plan(found.tenant),
            sponsor_id=key.sponsor_id,
        )
