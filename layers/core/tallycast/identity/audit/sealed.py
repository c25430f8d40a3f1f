"""The bucket that seals are kept in: what is written there stays as it is (S3 Object Lock)."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from tallycast.aws.errors import translated
from tallycast.identity.audit.digest import sha256
from tallycast.identity.audit.findings import SealedDigest
from tallycast.kernel import keys
from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client

    from tallycast.identity.audit.digest import Digest

_IS_THERE: Final = {"PreconditionFailed", "ConditionalRequestConflict"}


class SealConflictError(PermanentError):
    """Under a seal's key lies something else: the log or the bucket was tampered with."""


class SealStore:
    """Digests and files of entries of all tenants.

    Of an object with several versions the oldest one counts: the lock keeps it, and whatever was
    put over it came later.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3 = client
        self._bucket = bucket

    def keep(self, key: str, content: bytes, content_type: str) -> None:
        """Put an object that is not there yet; the same content once more changes nothing.

        Raises:
            SealConflictError: another content lies there.
        """
        with translated(f"seal {key}"):
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=content,
                    ContentType=content_type,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in _IS_THERE:
                    raise
        if self.read(key) != content:
            raise SealConflictError(f"{key} is there already, with another content", key=key)

    def read(self, key: str) -> bytes | None:
        """What was sealed under a key; None when nothing was."""
        versions = next((found for name, found in self._versions(key) if name == key), None)
        return self._read(key, versions[0]) if versions else None

    def digests(self, tenant: str, *, after: str = "", limit: int) -> list[SealedDigest]:
        """The next digests behind that of a day, with what became of their files."""
        begin = keys.audit_digest(tenant, after) if after else ""
        prefix = keys.audit_digests(tenant)
        return [
            self._digest(tenant, key, versions)
            for key, versions in islice(self._versions(prefix, begin), limit)
        ]

    def lines(self, digest: Digest) -> list[str]:
        """The entries in the file that a digest names; none when there is no such file."""
        content = self._file(digest.tenant, digest.file)
        return [] if content is None else content.decode("utf-8", "replace").splitlines()

    def _digest(self, tenant: str, key: str, versions: list[str]) -> SealedDigest:
        content = self._read(key, versions[0])
        file = self._file(tenant, _file_named_by(content))
        return SealedDigest(
            day=key.removeprefix(keys.audit_digests(tenant)).removesuffix(".json"),
            text=content.decode("utf-8", "replace"),
            versions=len(versions),
            file_sha256=None if file is None else sha256(file),
        )

    def _file(self, tenant: str, key: str) -> bytes | None:
        """A file of the tenant's own; a digest that was tampered with may name any."""
        return self.read(key) if key.startswith(keys.audit_files(tenant)) else None

    def _versions(self, prefix: str, after: str = "") -> Iterator[tuple[str, list[str]]]:
        """Every object with its versions, the oldest first; a deletion counts as a version."""
        found: dict[str, list[dict[str, Any]]] = {}
        arguments: dict[str, Any] = {"Bucket": self._bucket, "Prefix": prefix}
        if after:
            arguments["KeyMarker"] = after
        for page in self._pages(arguments):
            for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                found.setdefault(str(each["Key"]), []).append(each)
        for key, versions in sorted(found.items()):
            # S3 lists the newest first, and knows times to the second only.
            oldest_first = versions[::-1]
            oldest_first.sort(key=lambda each: (each["LastModified"], "ETag" not in each))
            yield key, [str(each["VersionId"]) for each in oldest_first]

    def _pages(self, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
        while True:
            with translated("list what is sealed"):
                page: Any = self._s3.list_object_versions(**arguments)
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["KeyMarker"] = page["NextKeyMarker"]
            arguments["VersionIdMarker"] = page["NextVersionIdMarker"]

    def _read(self, key: str, version: str) -> bytes:
        with translated(f"read {key}"):
            answer = self._s3.get_object(Bucket=self._bucket, Key=key, VersionId=version)
            content: bytes = answer["Body"].read()
            return content


def _file_named_by(content: bytes) -> str:
    try:
        return str(json.loads(content)["file"])
    except (ValueError, TypeError, KeyError):
        return ""
