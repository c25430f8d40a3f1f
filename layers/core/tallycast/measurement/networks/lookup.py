"""From an IP address to where it is and what stands behind it."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tallycast.measurement.networks.building import kinds_table
from tallycast.measurement.networks.readers import KINDS, kinds_by_asn, ranges_with_kinds
from tallycast.measurement.networks.tables import RangeTable
from tallycast.measurement.privacy.addresses import AddressError, packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallycast.measurement.networks.readers import Found
    from tallycast.measurement.networks.tables import Version

__all__ = ["KINDS", "Network", "Networks"]

_IPV4_BYTES: Final = 4
_DATA: Final = Path(__file__).parent / "data"
_MOST_REMEMBERED: Final = 50_000  # answers, of about 200 bytes each


class Network(NamedTuple):
    """What is known of an address; None where nothing is.

    Attributes:
        country: ISO 3166-1 alpha-2.
        region: as the source writes it, mostly ISO 3166-2 (`US-CA`).
        asn: number of the autonomous system that announces the address.
        network: one of `KINDS`.
    """

    country: str | None
    region: str | None
    asn: int | None
    network: str


UNKNOWN: Final = Network(None, None, None, "unknown")


class _Side:
    """Everything about one family of addresses, at hand for the search."""

    __slots__ = ("_asn", "_base", "_country", "_kinds", "_listed", "_of_asn", "_region", "_seen")

    def __init__(
        self, base: RangeTable, kinds: RangeTable, of_asn: Mapping[int, str], v: Version
    ) -> None:
        self._base = base.family(v).starts
        self._kinds = kinds.family(v).starts
        self._country, self._region = (_words(base, v, name) for name in ("country", "region"))
        self._asn = base.family(v).columns.get("asn") or array("I", bytes(4 * len(self._base)))
        said = (_words(kinds, v, name) for name in ("country", "region", "kind"))
        columns = [[words[at] for at in numbers] for numbers, words in said]
        self._listed = list(zip(*columns, strict=True))
        self._of_asn = of_asn
        self._seen: dict[tuple[int, int], Network] = {}

    def look_up(self, number: int) -> Network:
        rows = (bisect_right(self._base, number) - 1, bisect_right(self._kinds, number) - 1)
        found = self._seen.get(rows)
        if found is None:
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            found = self._seen[rows] = self._joined(*rows)
        return found

    def _joined(self, base_row: int, kinds_row: int) -> Network:
        asn = self._asn[base_row] or None
        country, region, listed = self._listed[kinds_row]
        kind = self._of_asn.get(asn or 0)
        if listed is not None and kind != "relay":
            # Exits of a relay stand in data centres and are listeners all the same.
            kind = listed
        if country is None:  # else the listener's own, where the exit itself may be anywhere
            numbers, words = self._country
            country = words[numbers[base_row]]
            numbers, words = self._region
            region = words[numbers[base_row]]
        return Network(country, region, asn, kind or "unknown")


def _words(
    table: RangeTable, version: Version, name: str
) -> tuple[Sequence[int], tuple[str | None, ...]]:
    """A column's numbers, and what they stand for; nothing for a column that is not there."""
    family = table.family(version)
    numbers = family.columns.get(name) or bytes(len(family.starts))
    return numbers, tuple(word or None for word in table.words.get(name, ("",)))


class Networks:
    """Looks addresses up in a table of places, a table of kinds, and kinds by system.

    The kind of a connection is, in this order: what a list of ranges says of the address, what is
    known of its autonomous system, `unknown`. Exits of a relay are never called data centres or
    VPNs (IAB v2.3, filtering): where a system as a whole is called a relay, no list of data centres
    is asked.

    Args:
        base: country, region and system by address.
        kinds: kind of connection by address.
        of_asn: kind of connection by system.
        exits_listed: whether `kinds` names the exits of relays one by one. Then any other address
            of a relay's system is a data centre's; a system of which no address is known stays a
            relay, since a listener must not be dropped for a bot beside him.
    """

    def __init__(
        self,
        base: RangeTable,
        kinds: RangeTable,
        of_asn: Mapping[int, str] | None = None,
        *,
        exits_listed: bool = False,
    ) -> None:
        self._tables = (base, kinds)
        self._of_asn = dict(of_asn or {})
        self._of_asn_of_address = {
            asn: "data_centre" if exits_listed and kind == "relay" else kind
            for asn, kind in self._of_asn.items()
        }
        self._sides: dict[int, _Side] = {}

    def look_up(self, ip: str) -> Network:
        """What is known of one address.

        Raises:
            AddressError: the text is no IP address.
        """
        address = packed(ip)
        size = len(address)
        side = self._sides.get(size) or self._side(size)
        return side.look_up(int.from_bytes(address, "big"))

    def look_up_all(self, ips: Iterable[str]) -> list[Network]:
        """What is known of each address, in order: nothing, for what is no address."""
        found: list[Network] = []
        sides, number_of = self._sides, int.from_bytes
        for ip in ips:
            try:
                address = packed(ip)
            except AddressError:
                found.append(UNKNOWN)
                continue
            size = len(address)
            side = sides.get(size) or self._side(size)
            found.append(side.look_up(number_of(address, "big")))
        return found

    def kinds_of(self, systems: Iterable[int]) -> list[str]:
        """The kind of connection of each autonomous system as a whole, in order.

        For requests of which only the system is known, and not the address.
        """
        return [self._of_asn.get(system, UNKNOWN.network) for system in systems]

    def _side(self, size: int) -> _Side:
        made = _Side(*self._tables, self._of_asn_of_address, 4 if size == _IPV4_BYTES else 6)
        self._sides[size] = made
        return made


def built_in_file(name: str) -> bytes:
    """A file that ships with this package."""
    return (_DATA / name).read_bytes()


def built_in_places() -> RangeTable:
    """The table of places that ships with the project."""
    return RangeTable.from_bytes(built_in_file("places.bin"))


def built_in_ranges(*, rank: int = 0) -> Found:
    """Ranges whose kind is well known, beside whole systems: exits of relays."""
    return ranges_with_kinds(built_in_file("known_ranges.csv"), rank=rank)


def built_in_kinds() -> dict[int, str]:
    """Kinds of connection by autonomous system."""
    return kinds_by_asn(built_in_file("known_networks.csv"))


@cache
def built_in() -> Networks:
    """Networks as the project ships them."""
    return Networks(built_in_places(), kinds_table([built_in_ranges()]), built_in_kinds())
