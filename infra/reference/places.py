"""`python -m infra.reference.places NODE_MODULES`: build the shipped table of places.

Reads two npm packages from a `node_modules` folder, `@ip-location-db/geo-whois-asn-country` and
`@ip-location-db/asn`, installed without scripts:

    npm install --ignore-scripts @ip-location-db/geo-whois-asn-country @ip-location-db/asn

The same versions of the packages give the same bytes.
"""

from __future__ import annotations

import csv
import ipaddress
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tallycast.measurement.networks.building import table_of
from tallycast.measurement.networks.ranges import Range, flattened
from tallycast.measurement.networks.readers import Located
from tallycast.measurement.networks.tables import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallycast.measurement.networks.tables import Version

TARGET = (
    Path(__file__).resolve().parents[2]
    / "layers/core/tallycast/measurement/networks/data/places.bin"
)
PLACES = "@ip-location-db/geo-whois-asn-country"
SYSTEMS = "@ip-location-db/asn"
_HALF = 64
# Addresses that nobody has on the public net; the packages say something of a few of them.
RESERVED = {
    4: (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24"
        " 192.0.2.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3"
    ),
    6: "::/8 100::/64 2001:db8::/32 3fff::/20 fc00::/7 fe80::/10 ff00::/8",
}

V = TypeVar("V")


def ranges(
    modules: Path, package: str, version: Version, value: Callable[[str], V]
) -> Iterator[Range[V]]:
    """The ranges of one family; IPv6 ones as numbers of /64, each belonging to what begins it."""
    name = package.rpartition("/")[2]
    path = modules / package / f"{name}-ipv{version}-num.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for start, end, said, *_ in csv.reader(file):
            first, last = int(start), int(end)
            if version == 6:  # noqa: PLR2004
                first, last = -(-first >> _HALF), last >> _HALF
                if first > last:
                    continue  # inside one /64: it says nothing of the whole
            yield Range(first, last, value(said))


def reserved(version: Version, nothing: V) -> Iterator[Range[V]]:
    """Ranges of which nothing is said, whatever a package says."""
    for text in RESERVED[version].split():
        network = ipaddress.ip_network(text)
        shift = 0 if version == 4 else _HALF  # noqa: PLR2004
        yield Range(int(network[0]) >> shift, int(network[-1]) >> shift, nothing, rank=1)


def joined(
    places: Sequence[tuple[int, str]], systems: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Located]]:
    """Two lines of breakpoints as one."""
    country, asn = "", 0
    at_place = at_system = 0
    last: Located | None = None
    for start in sorted({start for start, _ in places} | {start for start, _ in systems}):
        while at_place < len(places) and places[at_place][0] <= start:
            country = places[at_place][1]
            at_place += 1
        while at_system < len(systems) and systems[at_system][0] <= start:
            asn = systems[at_system][1]
            at_system += 1
        located = Located(country=country, asn=asn)
        if located != last:
            yield start, located
        last = located


def build(modules: Path) -> bytes:
    """The table's file."""
    versions = {
        package: json.loads((modules / package / "package.json").read_bytes())["version"]
        for package in (PLACES, SYSTEMS)
    }
    lines = {
        version: list(
            joined(
                flattened([*ranges(modules, PLACES, version, str), *reserved(version, "")], ""),
                flattened([*ranges(modules, SYSTEMS, version, int), *reserved(version, 0)], 0),
            )
        )
        for version in VERSIONS
    }
    facts = {"version": versions[PLACES], "sources": versions}
    return table_of(lines, facts).to_bytes()


def main() -> int:
    """Write the table and say how large it is."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.stderr.write(f"{__doc__}\n")
        return 2
    data = build(Path(sys.argv[1]))
    TARGET.write_bytes(data)
    sys.stdout.write(f"{TARGET.name}: {len(data):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
