"""The reference in use, kept in the process for as long as the pointer stays the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.measurement.networks.tables import RangeTable
from tallycast.measurement.reference import names
from tallycast.measurement.reference.bundle import (
    Reference,
    built_in,
    built_in_digests,
    built_in_versions,
)
from tallycast.measurement.reference.store import table_key

if TYPE_CHECKING:
    from tallycast.measurement.reference.model import Active, Manifest
    from tallycast.measurement.reference.store import Pointer, ReferenceStore


class ReferenceCache:
    """Gives the reference in use; asks for the pointer each time and reads only what changed."""

    def __init__(self, store: ReferenceStore) -> None:
        self._store = store
        self._pointer: Pointer | None = None
        self._reference = built_in()
        self._bodies: dict[str, tuple[str, bytes]] = {}

    def load_active(self) -> Reference:
        """The reference in use; the built-in one where nothing was ever activated.

        The same object as before when nothing changed, with all it has compiled.

        Raises:
            ReferenceDamagedError: an object in the bucket was altered.
            ServiceUnavailableError: S3 does not answer.
        """
        pointer = self._store.pointer(self._pointer)
        if pointer is not self._pointer:
            self._reference = self._read(pointer.manifest)
            self._pointer = pointer
        return self._reference

    def _read(self, manifest: Manifest) -> Reference:
        active = manifest.documents
        if not active:
            return built_in()
        bodies = {
            name: self._body(each)
            for name, each in active.items()
            if name not in names.RANKS and name != names.PLACES  # those lie ready as tables
        }
        found = Reference(
            bodies,
            {
                **built_in_versions(),
                **{name: each.document.version for name, each in active.items()},
            },
            {**built_in_digests(), **manifest.digests()},
            self._table("places", manifest.places),
            self._table("kinds", manifest.kinds),
        )
        before = self._reference
        compiled = before.__dict__.get("agents")
        if compiled is not None and before.agent_digests() == found.agent_digests():
            found.__dict__["agents"] = compiled  # compiling them takes longer than all the rest
        return found

    def _body(self, active: Active) -> bytes:
        document = active.document
        digest, body = self._bodies.get(document.name, ("", b""))
        if digest != document.digest:
            body = self._store.body(document)
            self._bodies[document.name] = (document.digest, body)
        return body

    def _table(self, kind: str, digest: str | None) -> RangeTable | None:
        if digest is None:
            return None
        return RangeTable.from_bytes(self._store.read(table_key(kind, digest)))
