"""Secrets at rest: sealed and opened by a KMS key, bound to whom they belong."""

from __future__ import annotations

import base64
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from tallycast.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

_REMEMBERED: Final = 500  # opened secrets that a container keeps in memory


class Sealer:
    """Seals secrets of at most 4 kB.

    What was sealed for one owner opens for that owner alone: its names are the encryption
    context, which KMS checks and CloudTrail shows. An opened secret is remembered in the container,
    as its sealed form never changes its meaning.

    Args:
        client: of KMS.
        key: ARN of the key that seals; what it sealed before its rotation opens all the same.
    """

    def __init__(self, client: KMSClient, key: str) -> None:
        self._client = client
        self._key = key
        self._opened: OrderedDict[tuple[str, tuple[str, ...]], bytes] = OrderedDict()

    def seal(self, secret: bytes, tenant: str, of: str) -> str:
        """The secret as text to store; `of` is the id of the thing that it belongs to.

        Raises:
            ServiceUnavailableError: KMS does not answer.
        """
        with translated("seal a secret"):
            sealed = self._client.encrypt(
                KeyId=self._key, Plaintext=secret, EncryptionContext={"tenant": tenant, "of": of}
            )
        return base64.b64encode(sealed["CiphertextBlob"]).decode()

    def open(self, sealed: str, tenant: str, of: str) -> bytes:
        """The secret again.

        Raises:
            RequestRefusedError: it was sealed for another, by another key, or is broken.
            ServiceUnavailableError: KMS does not answer.
        """
        name = (sealed, (tenant, of))
        if name not in self._opened:
            with translated("open a secret"):
                opened = self._client.decrypt(
                    KeyId=self._key,
                    CiphertextBlob=base64.b64decode(sealed),
                    EncryptionContext={"tenant": tenant, "of": of},
                )
            if len(self._opened) >= _REMEMBERED:
                self._opened.popitem(last=False)
            self._opened[name] = opened["Plaintext"]
        return self._opened[name]
