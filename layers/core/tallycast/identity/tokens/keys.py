"""The keys that the user pool signs with, kept for a while."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tallycast.aws.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

ALGORITHM: Final = "RS256"
_SECONDS_BETWEEN_FETCHES: Final = 60
_GOOD_FOR_SECONDS: Final = 3600
_PATIENCE_SECONDS: Final = 3
_LARGEST: Final = 100_000


class KeyStore:
    """Our own keys by their ids, fetched when they are needed and once an hour.

    Whoever sends tokens with made-up key ids causes one fetch a minute, no more.

    Args:
        fetch: gives the user pool's JWKS document.
    """

    def __init__(self, fetch: Callable[[], bytes]) -> None:
        self._fetch = fetch
        self._keys: dict[str, RSAKey] = {}
        self._asked: float | None = None
        self._read: float | None = None

    def get(self, key_id: str, now: datetime) -> RSAKey | None:
        """The key of this id, None when the user pool has none.

        Raises:
            ServiceUnavailableError: no key has ever been read, and none can be.
        """
        moment = now.timestamp()
        fresh = self._read is not None and moment - self._read < _GOOD_FOR_SECONDS
        if (key_id in self._keys and fresh) or not self._may_ask(moment):
            return self._keys.get(key_id)
        self._asked = moment
        try:
            self._keys = signing_keys(self._fetch())
        except ServiceUnavailableError:
            if self._read is None:
                self._asked = None  # the next request tries again
                raise
        else:
            self._read = moment
        return self._keys.get(key_id)

    def _may_ask(self, moment: float) -> bool:
        return self._asked is None or moment - self._asked >= _SECONDS_BETWEEN_FETCHES


def signing_keys(document: bytes) -> dict[str, RSAKey]:
    """The RS256 signing keys of a JWKS document; keys of other kinds are passed over.

    Raises:
        ServiceUnavailableError: it is no JWKS document.
    """
    try:
        listed = json.loads(document)["keys"]
        return {str(key["kid"]): RSAKey.import_key(_public(key)) for key in listed if _signs(key)}
    except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
        raise ServiceUnavailableError("the user pool's keys cannot be read") from error


def _signs(key: Mapping[str, Any]) -> bool:
    return (key.get("kty"), key.get("alg"), key.get("use")) == ("RSA", ALGORITHM, "sig")


def _public(key: Mapping[str, Any]) -> dict[str, str | list[str]]:
    return {name: str(key[name]) for name in ("kty", "n", "e", "kid")}


def jwks_of(issuer: str, endpoint: str | None = None) -> Callable[[], bytes]:
    """Fetch the keys of an issuer; from `endpoint` where the local cloud stands in for AWS."""
    base = issuer if endpoint is None else f"{endpoint.rstrip('/')}/{issuer.rpartition('/')[2]}"
    url = f"{base}/.well-known/jwks.json"
    # No proxy: whoever could set one would choose our keys.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch() -> bytes:
        try:
            with opener.open(url, timeout=_PATIENCE_SECONDS) as reply:
                body: bytes = reply.read(_LARGEST)
        except OSError as error:
            raise ServiceUnavailableError(f"{url} does not answer: {error}") from error
        return body

    return fetch
