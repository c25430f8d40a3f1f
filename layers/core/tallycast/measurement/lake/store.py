"""The lake's objects: put and fetch Parquet files; AWS errors become ours here."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of the public fields
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from tallycast.aws.errors import ServiceUnavailableError, translated
from tallycast.kernel.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_s3.client import S3Client

_FETCHERS: Final = 16
_PER_DELETE: Final = 1000  # S3 takes no more keys in one call
_COPIED_BYTES: Final = 1 << 20


class LakeObjectMissingError(RetryableError):
    """An object that was named is gone: it was compacted or replaced. Read the ledger again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it lies in the bucket; `etag` without quotes."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing shows it."""

    key: str
    size: int
    modified: datetime


class LakeStore:
    """Access to the lake's bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, path: Path, key: str) -> Stored:
        """Put a local Parquet file under a key, in one piece: it is there whole or not at all."""
        with translated(f"write {key}"), path.open("rb") as body:
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType="application/vnd.apache.parquet",
            )
        return Stored(key, answer["ETag"].strip('"'), path.stat().st_size)

    def fetch(self, keys: Sequence[str], folder: Path) -> dict[str, Path]:
        """Fetch objects into a folder, several at a time; local files by key.

        Raises:
            LakeObjectMissingError: one of them is gone.
        """
        folder.mkdir(parents=True, exist_ok=True)
        targets = {key: folder / f"{sha256(key.encode()).hexdigest()[:40]}.parquet" for key in keys}
        with ThreadPoolExecutor(_FETCHERS) as pool:
            list(pool.map(lambda pair: self._fetch(*pair), targets.items()))
        return targets

    def _fetch(self, key: str, target: Path) -> None:
        with translated(f"read {key}"):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except self._client.exceptions.NoSuchKey as error:
                raise LakeObjectMissingError(f"{key} is gone", key=key) from error
            with target.open("wb") as file:
                shutil.copyfileobj(body, file, _COPIED_BYTES)

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Every object below a prefix, by key."""
        arguments = {"Bucket": self._bucket, "Prefix": prefix}
        pages = self._client.get_paginator("list_objects_v2").paginate(**arguments)  # type: ignore[arg-type]
        with translated(f"list {prefix}"):
            for page in pages:
                for entry in page.get("Contents", []):
                    yield Listed(entry["Key"], entry["Size"], entry["LastModified"])

    def folders(self, prefix: str) -> Iterator[str]:
        """The folders right below a prefix, `requests/tenant=acme/` and so on."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        with translated(f"list {prefix}"):
            for page in pages:
                for entry in page.get("CommonPrefixes", []):
                    yield entry["Prefix"]

    def delete(self, keys: Iterable[str]) -> int:
        """Delete objects; those that are not there count as deleted. Returns how many.

        Raises:
            ServiceUnavailableError: S3 left some; call again.
        """
        every = list(keys)
        for start in range(0, len(every), _PER_DELETE):
            some = every[start : start + _PER_DELETE]
            with translated("delete objects"):
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": key} for key in some], "Quiet": True},
                )
            if errors := answer.get("Errors"):
                raise ServiceUnavailableError(
                    f"S3 kept {len(errors)} objects: {errors[0].get('Code', 'unknown')}",
                    key=errors[0].get("Key", ""),
                )
        return len(every)

    def replace(self, folder: str, files: Sequence[tuple[str, Path]]) -> list[Stored]:
        """Have a folder hold exactly these files (key and local path).

        Each object is replaced whole. What the folder held beside them goes last, so that a run
        that dies on the way leaves too much and not too little, and the next makes it good.
        """
        stored = [self.put(path, key) for key, path in files]
        keep = {key for key, _ in files}
        self.delete(entry.key for entry in self.listed(folder) if entry.key not in keep)
        return stored
