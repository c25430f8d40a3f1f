"""Taking a document into use: kept, tables built, and the pointer moved, or nothing at all."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from tallycast.kernel.times import to_text
from tallycast.measurement.networks.building import base_table
from tallycast.measurement.networks.lookup import built_in_file
from tallycast.measurement.networks.readers import located_ranges
from tallycast.measurement.reference import names
from tallycast.measurement.reference.bundle import READING, kinds_of
from tallycast.measurement.reference.examining import (
    Examined,
    check_size,
    entries_built_in,
    examine,
)
from tallycast.measurement.reference.model import Active, Document, Manifest
from tallycast.measurement.reference.store import ReferenceChangedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tallycast.measurement.reference.model import Origin
    from tallycast.measurement.reference.store import ReferenceStore

Taken = Literal["activated", "unchanged", "held"]
_TRIES: Final = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a document is to be taken.

    Attributes:
        by_hand: a person asks; a held document is replaced.
        hold: the refresher must leave it alone from then on.
        may_shrink: fewer than half the entries are fine.
    """

    by_hand: bool = False
    hold: bool = False
    may_shrink: bool = False


@dataclass(frozen=True, slots=True)
class Activation:
    """What came of it: the document in use, and the version that was before; None: built in."""

    taken: Taken
    document: Document
    before: str | None


class Activator:
    """Takes documents into use, one at a time, against any number of others doing the same."""

    def __init__(self, store: ReferenceStore) -> None:
        self._store = store

    def take(
        self, name: str, body: bytes, origin: Origin, now: datetime, wish: Wish | None = None
    ) -> Activation:
        """Examine a document and take it into use.

        Everything is decided again when somebody else was quicker: against what is in use then.

        Raises:
            PermanentError: it cannot be used, or is suspiciously short; what was in use stays.
            ReferenceChangedError: others were quicker every time.
        """
        names.known(name)
        wish = wish or Wish()
        digest = hashlib.sha256(body).hexdigest()
        examined: Examined | None = None
        for attempt in range(_TRIES):
            before = self._store.pointer()
            active = before.manifest.documents.get(name)
            if active is not None and active.held and not wish.by_hand:
                return Activation("held", active.document, active.document.version)
            if active is not None and active.document.digest == digest and active.held == wish.hold:
                return Activation("unchanged", active.document, active.document.version)
            if examined is None or attempt:
                examined = examine(name, body, self._beside(name, before.manifest))
            if not wish.may_shrink:
                in_use = entries_built_in(name) if active is None else active.document.entries
                check_size(examined, in_use)
            document = Document(
                name=name,
                version=f"{now:%Y-%m-%d}-{digest[:12]}",
                digest=digest,
                added_at=to_text(now),
                entries=examined.entries,
                bytes=len(body),
                origin=origin,
            )
            self._store.put(document, body)
            changed = {**before.manifest.documents, name: Active(document=document, held=wish.hold)}
            manifest = self._with_tables(before.manifest, changed, {name: body})
            try:
                self._store.activate(manifest, before)
            except ReferenceChangedError:
                _log.info("another document was activated meanwhile", extra={"document": name})
                continue
            replaced = None if active is None else active.document.version
            return Activation("activated", document, replaced)
        raise ReferenceChangedError(f"{name} could not be activated: others were always quicker")

    def rebuild(self) -> bool:
        """Build the tables anew where a release of ours reads the same lists in another way.

        Raises:
            ReferenceChangedError: somebody activates a document meanwhile, which builds them too.
        """
        before = self._store.pointer()
        manifest = self._with_tables(before.manifest, before.manifest.documents, {})
        if manifest == before.manifest:
            return False
        self._store.activate(manifest, before)
        return True

    def release(self, name: str) -> Activation:
        """Let the refresher replace a held document again.

        Raises:
            UnknownDocumentError: no such name, or the document is the built-in one.
        """
        return self._changed(name, drop=False)

    def drop(self, name: str) -> Activation:
        """Go back to the built-in document.

        Raises:
            UnknownDocumentError: no such name, or the document is the built-in one already.
        """
        return self._changed(name, drop=True)

    def _changed(self, name: str, *, drop: bool) -> Activation:
        names.known(name)
        for _ in range(_TRIES):
            before = self._store.pointer()
            active = before.manifest.documents.get(name)
            if active is None:
                raise names.UnknownDocumentError(f"{name} is the built-in one", name=name)
            documents = dict(before.manifest.documents)
            if drop:
                del documents[name]
            else:
                documents[name] = Active(document=active.document, held=False)
            try:
                self._store.activate(self._with_tables(before.manifest, documents, {}), before)
            except ReferenceChangedError:
                continue
            return Activation("activated", active.document, active.document.version)
        raise ReferenceChangedError(f"{name} could not be changed: others were always quicker")

    def _beside(self, name: str, manifest: Manifest) -> dict[str, bytes]:
        """The agent lists in use beside a new one, since they are compiled together."""
        if name not in names.AGENTS:
            return {}
        return {
            other: self._store.body(active.document)
            for other, active in manifest.documents.items()
            if other in names.AGENTS and other != name
        }

    def _with_tables(
        self, before: Manifest, documents: Mapping[str, Active], bodies: Mapping[str, bytes]
    ) -> Manifest:
        """A manifest of these documents, with its tables built unless they lie ready."""
        digests = {name: active.document.digest for name, active in documents.items()}
        places = _digest([digests[names.PLACES]]) if names.PLACES in digests else None
        lists = [name for name in names.RANKS if name in digests]
        own = built_in_file("known_ranges.csv")
        kinds = _digest([*(digests[name] for name in lists), str(lists), own.decode()])
        kinds_digest = kinds if lists else None

        def body(name: str) -> bytes:
            return bodies.get(name) or self._store.body(documents[name].document)

        if places is not None and places != before.places:
            table = base_table(located_ranges(body(names.PLACES)), {"of": digests[names.PLACES]})
            self._store.put_table("places", places, table.to_bytes())
        if kinds_digest is not None and kinds_digest != before.kinds:
            table = kinds_of({name: body(name) for name in lists})
            self._store.put_table("kinds", kinds_digest, table.to_bytes())
        return Manifest(documents=dict(documents), places=places, kinds=kinds_digest)


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join([READING, *parts]).encode()).hexdigest()[:32]
