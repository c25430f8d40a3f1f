"""Tokens at rest: sealed by a data key that KMS makes for them and opens for nobody else.

The data key is fetched *before* a refresh token is exchanged: once the provider has answered,
nothing but this process and one write to the table stands between the new tokens and safety.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tallycast.aws.errors import translated
from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

_NONCE_BYTES: Final = 12


class SealBrokenError(PermanentError):
    """What is stored was not sealed for this connection, or is damaged."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What opens an account; never shown, not even by `repr`."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A data key, ready to seal once without asking anybody."""

    context: dict[str, str]
    key: bytes = field(repr=False)
    wrapped_key: bytes = field(repr=False)

    def seal(self, content: bytes) -> str:
        """The content as text to store."""
        nonce = os.urandom(_NONCE_BYTES)
        data = AESGCM(self.key).encrypt(nonce, content, _bound(self.context))
        parts = {"key": self.wrapped_key, "nonce": nonce, "data": data}
        return json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()})

    def seal_tokens(self, tokens: Tokens) -> str:
        """Tokens as text to store."""
        return self.seal(json.dumps([tokens.access, tokens.refresh]).encode())


class Vault:
    """Seals for one connection of one tenant: both are KMS's encryption context.

    Args:
        client: of KMS.
        key: ARN of the key that wraps data keys.
    """

    def __init__(self, client: KMSClient, key: str) -> None:
        self._client = client
        self._key = key

    def envelope(self, tenant: str, connection: str) -> Envelope:
        """A fresh data key.

        Raises:
            ServiceUnavailableError: KMS does not answer.
        """
        context = {"tenant": tenant, "connection": connection}
        with translated("make a data key"):
            made = self._client.generate_data_key(
                KeyId=self._key, KeySpec="AES_256", EncryptionContext=context
            )
        return Envelope(context, made["Plaintext"], made["CiphertextBlob"])

    def open(self, sealed: str, tenant: str, connection: str) -> bytes:
        """What was sealed.

        Raises:
            SealBrokenError: it was sealed for another connection, or is damaged.
            RequestRefusedError: KMS refuses: another context or key.
            ServiceUnavailableError: KMS does not answer.
        """
        context = {"tenant": tenant, "connection": connection}
        try:
            parts = {name: base64.b64decode(text) for name, text in json.loads(sealed).items()}
            wrapped, nonce, data = parts["key"], parts["nonce"], parts["data"]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise SealBrokenError("what is stored is not sealed") from error
        with translated("open a data key"):
            key = self._client.decrypt(
                KeyId=self._key, CiphertextBlob=wrapped, EncryptionContext=context
            )["Plaintext"]
        try:
            return AESGCM(key).decrypt(nonce, data, _bound(context))
        except InvalidTag as error:
            raise SealBrokenError("what is stored was changed") from error

    def open_tokens(self, sealed: str, tenant: str, connection: str) -> Tokens:
        """The tokens that were sealed; raises as `open`."""
        access, refresh = json.loads(self.open(sealed, tenant, connection))
        return Tokens(access, refresh)


def _bound(context: dict[str, str]) -> bytes:
    return json.dumps(context, sort_keys=True).encode()
