"""Is a document what it says it is? Read by the very code that will use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.kernel.errors import PermanentError
from tallycast.measurement import agents
from tallycast.measurement.agents.documents import read_document, read_prefix_hosts
from tallycast.measurement.networks.lookup import built_in_kinds, built_in_places
from tallycast.measurement.networks.readers import (
    kinds_by_asn,
    located_ranges,
    ranges_of_kind,
    ranges_with_kinds,
    relay_ranges,
)
from tallycast.measurement.reference import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallycast.measurement.networks.readers import Found

MOST_BYTES = 64 * 1024 * 1024


class RefusedDocumentError(PermanentError):
    """A document is not taken; what was in use stays."""


class ShrunkDocumentError(RefusedDocumentError):
    """A document has lost more than half of its entries, or all."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A document that can be used, and how much it holds."""

    name: str
    body: bytes
    entries: int


def examine(name: str, body: bytes, beside: Mapping[str, bytes]) -> Examined:
    """Read a document by the code that will use it.

    Args:
        name: one of `DOCUMENTS`.
        body: its bytes.
        beside: the agent lists in use, by name: a list must work together with the others.

    Raises:
        PermanentError: it cannot be used; the message says where.
    """
    names.known(name)
    if not body.strip():
        raise ShrunkDocumentError(f"{name} is empty")
    if len(body) > MOST_BYTES:
        raise RefusedDocumentError(f"{name} is larger than {MOST_BYTES:,} bytes")
    entries = _entries(name, body, beside)
    if entries == 0:
        raise ShrunkDocumentError(f"{name} has no entries")
    return Examined(name, body, entries)


def check_size(examined: Examined, entries_in_use: int) -> None:
    """A list that halves is far likelier cut off than cleaned up.

    Raises:
        ShrunkDocumentError: fewer than half the entries of the one in use.
    """
    if examined.entries * 2 < entries_in_use:
        raise ShrunkDocumentError(
            f"{examined.name} has {examined.entries:,} entries where the one in use has "
            f"{entries_in_use:,}; put it by hand, allowing it to shrink, if that is right",
            name=examined.name,
        )


def entries_built_in(name: str) -> int:
    """How much the built-in document holds; 0 where there is none."""
    if name in names.AGENTS:
        return len(read_document(name, agents.built_in_documents()[name]).entries)
    if name == names.PLACES:
        return len(built_in_places())
    if name == names.SYSTEMS:
        return len(built_in_kinds())
    return 0


def ranges_in(name: str, body: bytes) -> Found:
    """The ranges of a list of kinds, ranked as such lists are.

    Raises:
        BadListError: a line that cannot be right.
    """
    rank = names.RANKS[name]
    if name == names.RELAYS:
        return relay_ranges(body, rank=rank)
    if name == names.RANGES:
        return ranges_with_kinds(body, rank=rank)
    kind = "vpn" if name == names.VPNS else "data_centre"
    return ranges_of_kind(body, kind, rank=rank)


def _entries(name: str, body: bytes, beside: Mapping[str, bytes]) -> int:
    if name in names.AGENTS:
        agents.load_documents({**agents.built_in_documents(), **beside, name: body})
        return len(read_document(name, body).entries)
    if name == names.PREFIXES:
        return len(read_prefix_hosts(name, body))
    if name == names.SYSTEMS:
        return len(kinds_by_asn(body))
    found = located_ranges(body) if name == names.PLACES else ranges_in(name, body)
    return sum(len(ranges) for ranges in found.values())
