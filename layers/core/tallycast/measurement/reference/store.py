"""Reference data in S3: documents that never change, and one pointer to those in use.

    reference/active.json                      what is in use, replaced by a conditional write
    reference/{name}/{version}/{name}          a document, as it came
    reference/{name}/{version}/document.json   what is known of it
    reference/tables/{kind}/{digest}.bin       a table built of documents

A document is written before the pointer names it, so a reader never meets half of anything.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError
from pydantic import ValidationError

from tallycast.aws.errors import translated
from tallycast.kernel.errors import PermanentError, RetryableError
from tallycast.measurement.reference.model import Document, Manifest

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

ACTIVE: Final = "reference/active.json"
_CONFLICTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


class ReferenceChangedError(RetryableError):
    """Somebody else activated a document in between; look again."""


class ReferenceMissingError(PermanentError):
    """The bucket has no such document."""


class ReferenceDamagedError(PermanentError):
    """An object in the bucket is not what was written there."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What is in use, and the ETag of the pointer that says so; None: there is no pointer yet."""

    manifest: Manifest
    etag: str | None


def document_key(name: str, version: str) -> str:
    """Where a document lies."""
    return f"reference/{name}/{version}/{name}"


def table_key(kind: str, digest: str) -> str:
    """Where a table lies."""
    return f"reference/tables/{kind}/{digest}.bin"


class ReferenceStore:
    """Access to the reference data in a bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def pointer(self, known: Pointer | None = None) -> Pointer:
        """What is in use; `known` itself when that has not changed.

        Raises:
            ReferenceDamagedError: the pointer cannot be read.
        """
        with translated(f"read {ACTIVE}"):
            try:
                if known is not None and known.etag is not None:
                    answer = self._client.get_object(
                        Bucket=self._bucket, Key=ACTIVE, IfNoneMatch=known.etag
                    )
                else:
                    answer = self._client.get_object(Bucket=self._bucket, Key=ACTIVE)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if known is not None and code in {"304", "NotModified"}:
                    return known
                if code in {"404", "NoSuchKey"}:
                    return Pointer(Manifest(), None)
                raise
            body = answer["Body"].read()
        try:
            return Pointer(Manifest.model_validate_json(body), answer["ETag"])
        except ValidationError as error:
            raise ReferenceDamagedError(
                f"{ACTIVE} is damaged: {error.error_count()} errors"
            ) from None

    def activate(self, manifest: Manifest, before: Pointer) -> None:
        """Make a manifest the one in use, if `before` still is.

        Raises:
            ReferenceChangedError: it is not.
        """
        body = manifest.model_dump_json(indent=1).encode()
        with translated(f"write {ACTIVE}"):
            try:
                if before.etag is None:
                    self._client.put_object(
                        Bucket=self._bucket, Key=ACTIVE, Body=body, IfNoneMatch="*"
                    )
                else:
                    self._client.put_object(
                        Bucket=self._bucket, Key=ACTIVE, Body=body, IfMatch=before.etag
                    )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _CONFLICTS:
                    raise ReferenceChangedError(
                        "another document was activated meanwhile"
                    ) from error
                raise

    def put(self, document: Document, body: bytes) -> None:
        """Keep a document; the same one again changes nothing."""
        key = document_key(document.name, document.version)
        self._put(key, body)
        described = document.model_dump_json(indent=1).encode()
        self._put(f"{key.rpartition('/')[0]}/document.json", described)

    def document(self, name: str, version: str) -> Document:
        """What is known of a kept document.

        Raises:
            ReferenceMissingError: there is none of that version.
        """
        key = f"reference/{name}/{version}/document.json"
        try:
            return Document.model_validate_json(self.read(key))
        except ValidationError:
            raise ReferenceDamagedError(f"{key} is damaged") from None

    def body(self, document: Document) -> bytes:
        """A kept document's bytes.

        Raises:
            ReferenceDamagedError: they are not those that were kept.
        """
        key = document_key(document.name, document.version)
        found = self.read(key)
        if hashlib.sha256(found).hexdigest() != document.digest:
            raise ReferenceDamagedError(f"{key} is not what was put there", key=key)
        return found

    def put_table(self, kind: str, digest: str, data: bytes) -> None:
        """Keep a table under the digest of what it was built of."""
        self._put(table_key(kind, digest), data)

    def read(self, key: str) -> bytes:
        """An object.

        Raises:
            ReferenceMissingError: there is none.
        """
        with translated(f"read {key}"):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except self._client.exceptions.NoSuchKey as error:
                raise ReferenceMissingError(f"{key} is not there", key=key) from error

    def _put(self, key: str, body: bytes) -> None:
        with translated(f"write {key}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
