"""Everything that is looked up while counting, in one state with one name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

from tallycast.feeds.identity import PREFIX_HOSTS
from tallycast.kernel.errors import PermanentError
from tallycast.measurement import agents
from tallycast.measurement.networks.building import base_table, kinds_table
from tallycast.measurement.networks.lookup import (
    Networks,
    built_in_file,
    built_in_kinds,
    built_in_places,
    built_in_ranges,
)
from tallycast.measurement.networks.readers import kinds_by_asn, located_ranges
from tallycast.measurement.reference import names
from tallycast.measurement.reference.examining import ranges_in
from tallycast.measurement.reference.model import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tallycast.measurement.agents import AgentList
    from tallycast.measurement.networks.tables import RangeTable

# Part of every digest: raised when the same lists would be read in another way.
READING: Final = "1"


class ReferenceFolderError(PermanentError):
    """A folder of reference data cannot be read."""


@dataclass(frozen=True)
class Reference:
    """Lists in use. What is expensive is made when it is first asked for.

    Attributes:
        documents: the bytes of each document in use, by file name; those not here are built in.
        versions: the version of every document, by name; ours begin with `built-in-`. A count
            records them.
        digests: the SHA-256 of every document, by name.
        places: the table of countries and systems, when it lies ready.
        kinds: the table of kinds of connection, when it lies ready.
    """

    documents: Mapping[str, bytes]
    versions: Mapping[str, str]
    digests: Mapping[str, str]
    places: RangeTable | None = None
    kinds: RangeTable | None = None

    @cached_property
    def digest(self) -> str:
        """16 hex digits that stand for every document and the way they are read."""
        parts = [READING, *(f"{name}={found}" for name, found in sorted(self.digests.items()))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def agent_digests(self) -> dict[str, str]:
        """Of the documents that `agents` is made of."""
        return {name: digest for name, digest in self.digests.items() if name.endswith(".json")}

    @cached_property
    def agents(self) -> AgentList:
        """User agents and referrers.

        Raises:
            BadAgentListError: a list cannot be used.
        """
        own = {name: body for name, body in self.documents.items() if name.endswith(".json")}
        if not own:
            return agents.built_in()
        given = {name: self.versions[name] for name in own if name in names.AGENTS}
        return agents.load_documents({**agents.built_in_documents(), **own}, versions=given)

    @cached_property
    def networks(self) -> Networks:
        """Places and kinds of connection by address.

        Raises:
            BadListError: a list cannot be used.
        """
        places = self.places
        if places is None:
            body = self.documents.get(names.PLACES)
            places = built_in_places() if body is None else base_table(located_ranges(body))
        kinds = kinds_of(self.documents) if self.kinds is None else self.kinds
        listed = self.documents.get(names.SYSTEMS)
        systems = built_in_kinds() if listed is None else kinds_by_asn(listed)
        return Networks(places, kinds, systems, exits_listed=names.RELAYS in self.versions)


def kinds_of(documents: Mapping[str, bytes]) -> RangeTable:
    """One table out of every list of ranges with kinds."""
    lists = [ranges_in(name, documents[name]) for name in names.RANKS if name in documents]
    if names.RELAYS not in documents:
        lists.append(built_in_ranges(rank=names.BUILT_IN_RANK))
    return kinds_table(lists)


def from_documents(
    documents: Mapping[str, bytes], versions: Mapping[str, str] | None = None
) -> Reference:
    """A reference out of documents by file name; those missing are the built-in ones.

    `versions` names their states; where it doesn't, the beginning of the digest does.

    Raises:
        UnknownDocumentError: a name that is none.
    """
    for name in documents:
        names.known(name)
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in documents.items()}
    short = {name: digest[:12] for name, digest in digests.items()}
    return Reference(
        dict(documents),
        {**built_in_versions(), **short, **(versions or {})},
        {**built_in_digests(), **digests},
    )


def from_folder(path: Path) -> Reference:
    """A reference out of a folder; files of other names are not looked at.

    Raises:
        ReferenceFolderError: there is no such folder, or nothing of use in it, or it can't be read.
    """
    if not path.is_dir():
        raise ReferenceFolderError(f"{path} is no folder")
    try:
        found = {
            name: (path / name).read_bytes() for name in names.DOCUMENTS if (path / name).is_file()
        }
    except OSError as error:
        raise ReferenceFolderError(f"{path} cannot be read: {error.strerror}") from error
    if not found:
        raise ReferenceFolderError(
            f"{path} holds none of the documents {', '.join(names.DOCUMENTS)}"
        )
    return from_documents(found)


@cache
def built_in_digests() -> Mapping[str, str]:
    """Of each document that ships with the project; some names have none."""
    files = {
        **agents.built_in_documents(),
        names.PREFIXES: "\n".join(sorted(PREFIX_HOSTS)).encode(),
        names.PLACES: built_in_file("places.bin"),
        names.SYSTEMS: built_in_file("known_networks.csv") + built_in_file("known_ranges.csv"),
    }
    return {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}


def built_in_versions() -> dict[str, str]:
    """Of each document that ships with the project."""
    return {name: f"{BUILT_IN}-{digest[:12]}" for name, digest in built_in_digests().items()}


@cache
def built_in() -> Reference:
    """What ships with the project, and nothing else."""
    return from_documents({})
