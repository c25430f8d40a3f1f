"""Raw documents, catalogues, quarantine and import lists in the feeds bucket."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import TYPE_CHECKING

from tallycast.aws.errors import translated
from tallycast.feeds.catalogue import Catalogue, CatalogueUnreadableError
from tallycast.kernel import keys
from tallycast.kernel.errors import PermanentError, TallycastError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from tallycast.feeds.feed import Feed


class ObjectMissingError(PermanentError):
    """The bucket has no such object."""


class DocumentStore:
    """The feeds room's access to its bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_raw(self, feed: Feed, body_hash: str, body: bytes) -> None:
        """Keep a document as it came, gzipped, under the hash of its bytes."""
        key = keys.raw_document(feed.tenant, feed.feed_id, body_hash)
        self._put(key, gzip.compress(body, compresslevel=5, mtime=0))

    def raw(self, feed: Feed, body_hash: str) -> bytes:
        """A kept document."""
        return gzip.decompress(self._get(keys.raw_document(feed.tenant, feed.feed_id, body_hash)))

    def put_catalogue(self, feed: Feed, body_hash: str, catalogue: Catalogue) -> str:
        """Keep a catalogue; returns its key."""
        key = keys.catalogue(feed.tenant, feed.feed_id, body_hash)
        self._put(key, catalogue.to_bytes())
        return key

    def catalogue(self, key: str | None) -> Catalogue:
        """The catalogue under a key; an empty one for a feed never read.

        A lost or damaged catalogue counts as empty too: every episode is then put again, which
        changes nothing that was there, and the next catalogue is whole again.
        """
        if key is None:
            return Catalogue()
        try:
            return Catalogue.from_bytes(self._get(key))
        except (ObjectMissingError, CatalogueUnreadableError):
            return Catalogue()

    def drop(self, key: str) -> None:
        """Delete a superseded catalogue, as far as the bucket lets us: nobody reads it again."""
        with contextlib.suppress(TallycastError), translated(f"delete {key}"):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def quarantine(self, feed: Feed, name: str, reason: str, raw: str) -> None:
        """Keep what could not be taken in, with its reason; the same thing twice is kept once."""
        record = {"tenant": feed.tenant, "feed_id": feed.feed_id, "reason": reason, "raw": raw}
        self._put(
            keys.quarantine(feed.tenant, feed.feed_id, name),
            json.dumps(record).encode("utf-8", "surrogatepass"),
        )

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self._put(key, data)

    def _put(self, key: str, data: bytes) -> None:
        with translated(f"write {key}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data)

    def _get(self, key: str) -> bytes:
        with translated(f"read {key}"):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except self._client.exceptions.NoSuchKey as error:
                raise ObjectMissingError(f"{key} is not there", key=key) from error
