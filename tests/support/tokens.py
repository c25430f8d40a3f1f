"""A user pool's keys and tokens, made here, so that tests can make any token, good or bad."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey

ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_TestPool1"
APP_CLIENT = "1example23456789app"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@cache
def a_key(kid: str) -> RSAKey:
    """A key pair of this id; the same for every test, as making one takes long."""
    return RSAKey.generate_key(2048, {"kid": kid, "alg": "RS256", "use": "sig"})


def jwks(*kids: str) -> bytes:
    """A JWKS document with these keys' public halves."""
    return json.dumps({"keys": [a_key(kid).as_dict(private=False) for kid in kids]}).encode()


@dataclass
class Pool:
    """The place that keys are fetched from."""

    kids: list[str] = field(default_factory=lambda: ["ours"])
    fetches: int = 0
    error: Exception | None = None

    def fetch(self) -> bytes:
        self.fetches += 1
        if self.error:
            raise self.error
        return jwks(*self.kids)


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good access token of a person; None takes one out."""
    now = int(NOW.timestamp())
    good = {
        "sub": "3f0b5a0e-9d4c-4a39-8a37-0d4f3f8f5a11",
        "iss": ISSUER,
        "client_id": APP_CLIENT,
        "token_use": "access",
        "auth_time": now - 60,
        "iat": now - 60,
        "exp": now + 840,
        "scope": "openid email",
        "username": "3f0b5a0e-9d4c-4a39-8a37-0d4f3f8f5a11",
        "tenant": "acme",
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(said: Any = None, *, kid: str = "ours", header: dict[str, Any] | None = None) -> str:
    """A token that says this, signed by the key of this id, whatever its header says."""
    head = {"alg": "RS256", "kid": kid, **(header or {})}
    text = f"{b64(head)}.{b64(claims() if said is None else said)}"
    private = a_key(kid).private_key
    assert private is not None
    return f"{text}.{b64(private.sign(text.encode(), PKCS1v15(), SHA256()))}"


def b64(document: Any) -> str:
    """A part of a token, as it stands in it."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
