"""What is written down of a document, and which of them are active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tallycast.kernel.schema import Produced, Received

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILT_IN = "built-in"


class Origin(Produced):
    """Where a document came from and what its owner asks for.

    `url`, `etag` and `last_modified` are of the last fetch; a document put by hand has none. The
    validators belong to `validators_url`, the address that answered.
    """

    source: str = Field(max_length=1000)
    licence: str = Field(default="", max_length=500)
    url: str | None = None
    validators_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class Document(Produced):
    """One state of one document: `version` is its date and the beginning of its digest."""

    name: str
    version: str
    digest: str
    added_at: str
    entries: int
    bytes: int
    origin: Origin


class Active(Produced):
    """A document in use. `held`: put by hand, the refresher leaves it alone."""

    document: Document
    held: bool = False


class Manifest(Produced):
    """`reference/active.json`: which documents are in use, and the tables built of them.

    `places` and `kinds` are digests of what the tables were built of; a document that is not
    named here is the built-in one.
    """

    format: Literal["1"] = "1"
    documents: dict[str, Active] = Field(default_factory=dict)
    places: str | None = None
    kinds: str | None = None

    def digests(self) -> Mapping[str, str]:
        """The digest of each active document, by name."""
        return {name: active.document.digest for name, active in self.documents.items()}


class Source(Received):
    """Where the refresher finds a document."""

    url: str = Field(min_length=8, max_length=4000)
    licence: str = Field(default="", max_length=500)
