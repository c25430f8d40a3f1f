"""What is asked of a provider's endpoints, and what their answers mean: no AWS, nothing stored.

An answer is a stranger's: it is believed only in the form that RFC 6749 §5 gives it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote, urlencode

from pydantic import Field, ValidationError

from tallycast.feeds.fetching import FetchError, Parcel, retry_after
from tallycast.kernel.errors import PermanentError, RetryableError
from tallycast.kernel.schema import Received
from tallycast.partners.connections.vault import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallycast.feeds.fetching import Receipt
    from tallycast.partners.connections.providers import Provider

    Send = Callable[[Parcel], Receipt]

LONGEST_TOKEN: Final = 8192
MOST_BYTES: Final = 64 * 1024
_LONGEST_LIFE: Final = 366 * 86400
_SHOWN: Final = 60
_OK, _BAD_REQUEST, _SERVER_ERROR = 200, 400, 500
_TRY_AGAIN: Final = frozenset({408, 425, 429})
# Errors of RFC 6749 §5.2 by which the grant itself is refused: nothing but a person helps.
_GRANT_REFUSED: Final = "invalid_grant"


class GrantRefusedError(PermanentError):
    """`invalid_grant`: the provider takes this code or refresh token no more."""


class ClientRefusedError(PermanentError):
    """The provider does not know our client or does not like how it asks: ours to mend."""


class BadAnswerError(RetryableError):
    """The provider's answer is not what OAuth says it is."""


class ProviderUnavailableError(RetryableError):
    """The provider does not answer, or says that it cannot just now.

    Attributes:
        retry_after: seconds that it asks to be left alone, if it said so.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after


_Token = Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN, pattern=r"^[\x20-\x7e]+$")]


class _Answer(Received):
    access_token: _Token
    token_type: str
    expires_in: Annotated[int, Field(ge=1)] | None = None
    refresh_token: _Token | None = None
    scope: str | None = Field(default=None, max_length=4096)


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens as they came.

    Attributes:
        lifetime: of the access token.
        scopes: what was granted; None when the answer does not say, which means: as asked.
    """

    tokens: Tokens
    lifetime: timedelta
    scopes: tuple[str, ...] | None = None


def authorization_url(
    provider: Provider, *, redirect_uri: str, state: str, verifier: str | None
) -> str:
    """Where to send a person (RFC 6749 §4.1.1, RFC 7636 §4.3)."""
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": state,
        **provider.parameters,
    }
    if verifier is not None:
        asked |= {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
    separator = "&" if "?" in provider.authorize_url else "?"
    return f"{provider.authorize_url}{separator}{urlencode(asked, quote_via=quote)}"


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636 §4.2."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def exchange_code(
    provider: Provider,
    send: Send,
    *,
    code: str,
    redirect_uri: str,
    verifier: str | None,
    now: datetime,
) -> Granted:
    """Tokens for a code; raises as `refresh`."""
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if verifier is not None:
        asked["code_verifier"] = verifier
    return _granted(provider, _ask(provider, send, provider.token_url, asked, now), None)


def refresh(provider: Provider, send: Send, tokens: Tokens, *, now: datetime) -> Granted:
    """New tokens for a refresh token; when none comes back, the one that was used stays good.

    Raises:
        GrantRefusedError: the provider takes the token no more.
        ClientRefusedError: it refuses our client, or the request.
        BadAnswerError: its answer is none.
        ProviderUnavailableError: it does not answer, or cannot just now.
    """
    asked = {"grant_type": "refresh_token", "refresh_token": tokens.refresh or ""}
    return _granted(provider, _ask(provider, send, provider.token_url, asked, now), tokens.refresh)


def revoke(provider: Provider, send: Send, tokens: Tokens, *, now: datetime) -> bool:
    """Have the provider forget the tokens (RFC 7009); False where it offers no way to.

    Raises: as `refresh`.
    """
    if provider.revoke_url is None:
        return False
    token, hint = (
        tokens.refresh or tokens.access,
        "refresh_token" if tokens.refresh else ("access_token"),
    )
    asked = {"token": token, "token_type_hint": hint}
    _ask(provider, send, provider.revoke_url, asked, now)
    return True


def _ask(provider: Provider, send: Send, url: str, asked: dict[str, str], now: datetime) -> bytes:
    headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "application/json"),
    ]
    secret = provider.client_secret.get_secret_value()
    if provider.client_auth == "basic" and secret:
        pair = f"{quote(provider.client_id, safe='')}:{quote(secret, safe='')}"
        headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    else:
        asked = {**asked, "client_id": provider.client_id}
        if secret:
            asked["client_secret"] = secret
    try:
        receipt = send(Parcel(url, urlencode(asked).encode(), tuple(headers)))
    except FetchError as error:
        if isinstance(error, RetryableError):
            raise ProviderUnavailableError(f"{provider.title}: {error.code}") from None
        raise BadAnswerError(f"{provider.title}: {error.code}") from None
    if receipt.status != _OK:
        raise _refusal(provider, receipt, now)
    return receipt.body


def _refusal(provider: Provider, receipt: Receipt, now: datetime) -> Exception:
    status = receipt.status
    if status >= _SERVER_ERROR or status in _TRY_AGAIN:
        wait = retry_after.parse(receipt.headers.get("retry-after"), now)
        return ProviderUnavailableError(
            f"{provider.title} has trouble (status {status})", retry_after=wait
        )
    if status < _BAD_REQUEST:
        return BadAnswerError(f"{provider.title} answers with status {status}")
    code = _error_code(receipt.body)
    if code == _GRANT_REFUSED:
        return GrantRefusedError(f"{provider.title} takes our access no more (invalid_grant)")
    if code is None:
        return BadAnswerError(f"{provider.title} refuses without saying why (status {status})")
    return ClientRefusedError(f"{provider.title} refuses our client: {code}")


def _error_code(body: bytes) -> str | None:
    said = _object(body).get("error")
    if not isinstance(said, str) or not said.isascii() or not said.isprintable():
        return None
    return said[:_SHOWN]


def _granted(provider: Provider, body: bytes, refresh_token: str | None) -> Granted:
    try:
        answer = _Answer.model_validate(_object(body))
    except ValidationError as error:
        where = ", ".join(sorted({str(each["loc"][0]) for each in error.errors()}))
        # `from None`: the error itself holds the answer, and so, perhaps, a token.
        raise BadAnswerError(f"{provider.title}'s answer lacks or spoils {where}") from None
    if answer.token_type.lower() != "bearer":
        raise BadAnswerError(f"{provider.title} gives tokens that are no bearer tokens")
    seconds = min(answer.expires_in or provider.access_seconds, _LONGEST_LIFE)
    return Granted(
        Tokens(answer.access_token, answer.refresh_token or refresh_token),
        timedelta(seconds=seconds),
        None if answer.scope is None else tuple(answer.scope.split()),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
