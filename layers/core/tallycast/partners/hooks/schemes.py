"""How providers sign what they send: four schemes, each read strictly and compared in fixed time.

The signature is over the raw body; nothing is parsed before it holds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tallycast.kernel.errors import PermanentError
from tallycast.partners.webhooks import signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

TOLERANCE_SECONDS: Final = 300
_MOST_SIGNATURES: Final = 20  # in one header; an honest sender has one per live secret
_LONGEST_HEADER: Final = 4096
_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_HEX: Final = re.compile(r"[0-9a-f]{64}")


class SignatureMalformedError(PermanentError):
    """The headers that a provider signs with are missing or cannot be read."""


class SignatureWrongError(PermanentError):
    """The signature is of another secret or of another body, or it is too old."""


class Scheme(StrEnum):
    """Who signs how."""

    STANDARD = "standard"
    GITHUB = "github"
    STRIPE = "stripe"
    SHOPIFY = "shopify"


@dataclass(frozen=True, slots=True)
class Verified:
    """A message whose signature holds.

    Attributes:
        provider_id: what the provider calls the message; None when it does not say.
        type: the kind of message, where a header says so.
    """

    provider_id: str | None
    type: str | None


def verify(
    scheme: Scheme,
    keys: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> Verified:
    """Let pass what was signed with one of the keys.

    Args:
        scheme: of the hook.
        keys: as `key_of` gives them; every one that is live.
        headers: by lower-case name.
        body: as it came.
        now: what a timestamp is held against, where the scheme has one: at most 5 minutes off.

    Raises:
        SignatureMalformedError: a header is missing or no such header.
        SignatureWrongError: no key made the signature, or it was made too long ago.
    """
    return _VERIFIERS[scheme](keys, headers, body, now)


def key_of(scheme: Scheme, secret: str) -> bytes:
    """The key of the HMAC behind a secret, as a provider shows it.

    Raises:
        BadSecretError: it is none for this scheme.
    """
    if scheme is Scheme.STANDARD:
        return signing.key_of(secret)
    return secret.encode()


def _standard(
    keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime
) -> Verified:
    message_id = _visible(headers, "webhook-id")
    timestamp = _fresh(_header(headers, "webhook-timestamp"), now)
    given = []
    for each in _header(headers, "webhook-signature").split(" "):
        version, comma, encoded = each.partition(",")
        if not comma:
            raise SignatureMalformedError("webhook-signature is a list of `v1,` and base64")
        if version == signing.VERSION:
            given.append(_base64(encoded, "webhook-signature"))
    _compare(given, (signing.digest(key, message_id, timestamp, body) for key in keys))
    return Verified(message_id, None)


def _github(
    keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, _: datetime
) -> Verified:
    name, equals, digits = _header(headers, "x-hub-signature-256").partition("=")
    if name != "sha256" or not equals:
        raise SignatureMalformedError("x-hub-signature-256 is `sha256=` and 64 hex digits")
    _compare([_hex(digits, "x-hub-signature-256")], (_hmac(key, body) for key in keys))
    return Verified(_optional(headers, "x-github-delivery"), _optional(headers, "x-github-event"))


def _stripe(
    keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime
) -> Verified:
    timestamps: list[str] = []
    given: list[bytes] = []
    for part in _header(headers, "stripe-signature").split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise SignatureMalformedError("stripe-signature is `t=…,v1=…`")
        if name == "t":
            timestamps.append(value)
        elif name == "v1":
            given.append(_hex(value, "stripe-signature"))
    if len(timestamps) != 1:
        raise SignatureMalformedError("stripe-signature has one `t=`")
    timestamp = _fresh(timestamps[0], now)
    _compare(given, (_hmac(key, f"{timestamp}.".encode() + body) for key in keys))
    return Verified(None, None)  # both stand in the body


def _shopify(
    keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, _: datetime
) -> Verified:
    given = _base64(_header(headers, "x-shopify-hmac-sha256"), "x-shopify-hmac-sha256")
    _compare([given], (_hmac(key, body) for key in keys))
    return Verified(
        _optional(headers, "x-shopify-webhook-id"), _optional(headers, "x-shopify-topic")
    )


_VERIFIERS: Final[
    Mapping[Scheme, Callable[[Sequence[bytes], Mapping[str, str], bytes, datetime], Verified]]
] = {
    Scheme.STANDARD: _standard,
    Scheme.GITHUB: _github,
    Scheme.STRIPE: _stripe,
    Scheme.SHOPIFY: _shopify,
}


def _compare(given: Sequence[bytes], made: Iterable[bytes]) -> None:
    """Every given signature against every key's, whatever was found before."""
    if not given:
        raise SignatureMalformedError("there is no signature of a version that is known here")
    if len(given) > _MOST_SIGNATURES:
        raise SignatureMalformedError(f"more than {_MOST_SIGNATURES} signatures")
    wanted = list(made)
    matches = [hmac.compare_digest(one, other) for one in given for other in wanted]
    if not any(matches):
        raise SignatureWrongError("the signature is not of this body and a live secret")


def _hmac(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        raise SignatureMalformedError(f"the header {name} is missing")
    if len(value) > _LONGEST_HEADER or not value.isascii():
        raise SignatureMalformedError(f"the header {name} cannot be read")
    return value


def _visible(headers: Mapping[str, str], name: str) -> str:
    value = _header(headers, name)
    if not _ID.fullmatch(value):
        raise SignatureMalformedError(f"{name} is 1 to 200 visible characters")
    return value


def _optional(headers: Mapping[str, str], name: str) -> str | None:
    """A header that is not signed: used when it looks like one, else as if it were not there."""
    value = headers.get(name, "").strip()
    return value if _ID.fullmatch(value) else None


def _fresh(text: str, now: datetime) -> int:
    if not _SECONDS.fullmatch(text):
        raise SignatureMalformedError("the timestamp is no number of seconds since 1970")
    timestamp = int(text)
    if abs(now.timestamp() - timestamp) > TOLERANCE_SECONDS:
        raise SignatureWrongError("the timestamp is more than 5 minutes off: check your clock")
    return timestamp


def _base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureMalformedError(f"{name} holds what is no base64") from error


def _hex(text: str, name: str) -> bytes:
    if not _HEX.fullmatch(text.lower()):
        raise SignatureMalformedError(f"{name} holds what are no 64 hex digits")
    return bytes.fromhex(text)
