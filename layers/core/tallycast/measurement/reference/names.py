"""The documents there can be, by file name, and what each is for."""

from __future__ import annotations

from typing import Final

from tallycast.kernel.errors import PermanentError

AGENTS: Final = (
    "apps.json",
    "bots.json",
    "browsers.json",
    "devices.json",
    "libraries.json",
    "referrers.json",
)
PREFIXES: Final = "prefixes.json"
PLACES: Final = "places.csv"
SYSTEMS: Final = "networks.csv"
DATA_CENTRES: Final = "datacenters.csv"
VPNS: Final = "vpns.csv"
RELAYS: Final = "relays.csv"
RANGES: Final = "ranges.csv"

# What is said of a range goes in this order: the operator's own word first, and an exit of a relay
# is a listener though it stands in a data centre.
RANKS: Final = {DATA_CENTRES: 1, VPNS: 2, RELAYS: 3, RANGES: 4}
BUILT_IN_RANK: Final = RANKS[RELAYS]

DOCUMENTS: Final = tuple(sorted((*AGENTS, PREFIXES, PLACES, SYSTEMS, *RANKS)))


class UnknownDocumentError(PermanentError):
    """There is no document of that name."""


def known(name: str) -> str:
    """The name, if it is one.

    Raises:
        UnknownDocumentError: it is none; the message lists those there are.
    """
    if name not in DOCUMENTS:
        raise UnknownDocumentError(
            f"no document is called {name[:60]!r}; there are {', '.join(DOCUMENTS)}", name=name
        )
    return name
