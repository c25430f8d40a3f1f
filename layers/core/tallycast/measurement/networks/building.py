"""Tables out of lists: joins what several lists say into one line of breakpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.measurement.networks.ranges import flattened
from tallycast.measurement.networks.readers import BadListError, Located
from tallycast.measurement.networks.tables import VERSIONS, RangeTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallycast.measurement.networks.readers import Found
    from tallycast.measurement.networks.tables import Version

_MOST_WORDS = 65535


def base_table(found: Found, facts: Mapping[str, Any] | None = None) -> RangeTable:
    """Country, region and autonomous system by address: what `Networks` starts from."""
    lines: dict[Version, list[tuple[int, Located]]] = {
        version: flattened(found[version], Located()) for version in VERSIONS
    }
    return table_of(lines, facts)


def kinds_table(lists: Iterable[Found], facts: Mapping[str, Any] | None = None) -> RangeTable:
    """Kinds of connection by address, over all lists together: the highest rank is right."""
    together: Found = {4: [], 6: []}
    for found in lists:
        for version in VERSIONS:
            together[version] += found[version]
    return base_table(together, facts)


def table_of(
    lines: Mapping[Version, Sequence[tuple[int, Located]]], facts: Mapping[str, Any] | None = None
) -> RangeTable:
    """A table from breakpoints; columns that say nothing anywhere are left out."""
    every = {located for line in lines.values() for _, located in line}
    words = {
        name: ["", *sorted({getattr(each, name) for each in every} - {""})]
        for name in ("country", "region", "kind")
    }
    words = {name: found for name, found in words.items() if len(found) > 1}
    if any(len(found) > _MOST_WORDS for found in words.values()):
        raise BadListError("more than 65,535 different regions")
    columns = {name: "B" if len(found) <= 256 else "H" for name, found in words.items()}  # noqa: PLR2004
    if any(each.asn for each in every):
        columns["asn"] = "I"
    places = {name: {word: at for at, word in enumerate(found)} for name, found in words.items()}

    def numbers(located: Located) -> tuple[int, ...]:
        return tuple(
            located.asn if name == "asn" else places[name][getattr(located, name)]
            for name in columns
        )

    known = {located: numbers(located) for located in every}
    rows = {
        version: [(start, known[located]) for start, located in lines[version]]
        for version in VERSIONS
    }
    return RangeTable.build(rows, columns, words, facts)
