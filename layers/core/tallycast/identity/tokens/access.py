"""Whether an access token is one of ours.

The token says nothing about how it is checked: the algorithm is fixed, and the key is one of our
own user pool's. A header that points elsewhere (`jku`, `x5u`, `jwk`) makes it a stranger's.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from tallycast.identity.access import RESOURCE_SERVER
from tallycast.identity.tokens.keys import ALGORITHM
from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from datetime import datetime

    from tallycast.identity.tokens.keys import KeyStore

LONGEST: Final = 8192
_HEADERS: Final = frozenset({"alg", "kid", "typ"})
_LEEWAY_SECONDS: Final = 5  # clocks differ; `exp` gets none


class TokenRefusedError(PermanentError):
    """The token is not one of ours, or is not good now."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a verified access token says.

    Attributes:
        subject: `sub`: a person's, or the client's own id for a machine.
        client_id: of the app client that it was given to.
        signed_in_at: seconds since 1970 at which the sign-in was that it came from, for a person.
        tenant: that it is for; a person's has it from our own trigger.
        scopes: of our resource server, without its name.
    """

    subject: str
    client_id: str
    signed_in_at: float | None
    tenant: str | None
    scopes: frozenset[str]


def verified(token: str, keys: KeyStore, issuer: str, now: datetime) -> AccessToken:
    """What a token says, if it is one of ours and good now.

    Raises:
        TokenRefusedError: it is not; the message is for our log alone.
        ServiceUnavailableError: the user pool's keys cannot be had.
    """
    if len(token) > LONGEST:
        raise TokenRefusedError("it is too long")
    key = keys.get(_key_id(token), now)
    if key is None:
        raise TokenRefusedError("its key is none of ours")
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        _expected(issuer, now).validate(claims)
    except (JoseError, ValueError) as error:
        raise TokenRefusedError(f"{type(error).__name__}: {error}") from error
    return _read(claims, now)


def _key_id(token: str) -> str:
    """The key that a token says it is signed with."""
    head = token.partition(".")[0]
    try:
        text = base64.b64decode(head + "=" * (-len(head) % 4), altchars=b"-_", validate=True)
        header = json.loads(text)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise TokenRefusedError("it has no header") from error
    if not isinstance(header, dict) or not set(header) <= _HEADERS:
        raise TokenRefusedError("its header holds more than an algorithm and a key id")
    if header.get("alg") != ALGORITHM or not isinstance(header.get("kid"), str):
        raise TokenRefusedError("it is signed in another way than ours")
    return str(header["kid"])


def _expected(issuer: str, now: datetime) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=_LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        token_use={"essential": True, "value": "access"},
        client_id={"essential": True},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )


def _read(claims: dict[str, Any], now: datetime) -> AccessToken:
    # joserfc's leeway prolongs `exp` too, and a list of values passes where one of them is right.
    if claims["exp"] <= now.timestamp():
        raise TokenRefusedError("it has ended")
    for name in ("iss", "token_use", "client_id", "sub"):
        if not isinstance(claims[name], str):
            raise TokenRefusedError(f"its {name} is no text")
    signed_in, tenant, scope = (claims.get(name) for name in ("auth_time", "tenant", "scope"))
    granted = scope.split() if isinstance(scope, str) else []
    prefix = f"{RESOURCE_SERVER}/"
    return AccessToken(
        subject=claims["sub"],
        client_id=claims["client_id"],
        signed_in_at=signed_in if type(signed_in) in {int, float} else None,
        tenant=tenant if isinstance(tenant, str) else None,
        scopes=frozenset(each.removeprefix(prefix) for each in granted if each.startswith(prefix)),
    )
