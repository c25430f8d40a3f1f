"""The way to a provider and back: `state` says whose it is, and only its hash is kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tallycast.kernel.errors import InvalidError
from tallycast.partners.connections.grants import authorization_url
from tallycast.partners.connections.model import Invitation
from tallycast.partners.connections.rules import INVITED

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.partners.connections.providers import Provider
    from tallycast.partners.connections.vault import Vault

_LONGEST_STATE: Final = 400


class BadStateError(InvalidError):
    """The provider sent somebody back with a state that is none of ours, too old or used."""

    def __init__(self) -> None:
        super().__init__("this way back is not open (any more): begin to connect once again")


@dataclass(frozen=True, slots=True)
class State:
    """What goes to the provider and comes back, unseen by it."""

    tenant: str
    connection_id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """As it stands in the address."""
        content = f"{self.tenant} {self.connection_id} {self.secret}".encode()
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    def fits(self, invitation: Invitation | None, now: datetime) -> bool:
        """Whether this is the invitation's, and in time."""
        return (
            invitation is not None
            and hmac.compare_digest(invitation.state_hash, _hash(self.secret))
            and now < invitation.expires_at
        )


def read_state(text: str) -> State:
    """What came back.

    Raises:
        BadStateError: no state of ours looks like that.
    """
    if len(text) > _LONGEST_STATE:
        raise BadStateError
    try:
        padded = text + "=" * (-len(text) % 4)
        content = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        return State(*content.split(" "))
    except (ValueError, TypeError, binascii.Error):
        raise BadStateError from None


def invite(
    provider: Provider,
    vault: Vault,
    place: tuple[str, str],
    *,
    subject: str,
    redirect_uri: str,
    now: datetime,
) -> tuple[Invitation, str]:
    """An invitation, and the address that a person is sent to with it.

    Args:
        provider: where to.
        vault: seals the verifier.
        place: the tenant and the id of the connection.
        subject: who is sent.
        redirect_uri: where the provider sends people back to.
        now: the time.
    """
    state = State(*place, secrets.token_urlsafe(32))
    verifier = secrets.token_urlsafe(64) if provider.pkce else None
    sealed = None if verifier is None else vault.envelope(*place).seal(verifier.encode())
    invitation = Invitation(
        state_hash=_hash(state.secret),
        verifier=sealed,
        redirect_uri=redirect_uri,
        subject=subject,
        expires_at=now + INVITED,
    )
    url = authorization_url(
        provider, redirect_uri=redirect_uri, state=state.text, verifier=verifier
    )
    return invitation, url


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
