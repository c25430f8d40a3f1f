"""Raw addresses for generated logs: of the right country and kind, as the built-in data has them.

Only log files have raw addresses. Nobody's address is meant: within a network that fits, numbers
are given out in an order drawn from the seed.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tallycast.demo.dice import dice_for
from tallycast.demo.traffic.tables import statement, table
from tallycast.measurement.networks import built_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

    from tallycast.measurement.networks import Networks

# A need is for a country and a kind of network; these are the same everywhere.
_ANYWHERE = frozenset({"data_centre", "vpn", "relay"})
_BLOCK = 254  # of a /24, without the first and the last
_LOOKS = 60_000
_LAST_FIRST_OCTET = 223
_NEVER = frozenset({10, 127, 169, 172, 192, 198, 203})  # have private or reserved parts

Need = tuple[str, str]


def name_addresses(world: duckdb.DuckDBPyConnection, seed: int) -> None:
    """Make the table `addresses` (ip, address) for every address in the table `requests`.

    The address of an IPv6 household is that of its /64; the rest is drawn per client and day.
    """
    world.execute(statement("needs"))
    wanted = {
        (country, network): -(-number // _BLOCK)
        for country, network, number in world.execute(
            "SELECT country, network, count(*) FROM needs GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    }
    table(
        world,
        "blocks",
        "country VARCHAR, network VARCHAR, block BIGINT, prefix VARCHAR",
        (
            {"country": country, "network": network, "block": block, "prefix": prefix}
            for (country, network), prefixes in blocks_for(wanted, built_in(), seed).items()
            for block, prefix in enumerate(prefixes)
        ),
    )
    world.execute(statement("addresses"))


def blocks_for(wanted: Mapping[Need, int], networks: Networks, seed: int) -> dict[Need, list[str]]:
    """As many /24 blocks for each need as wanted (`81.2.69`), no block twice.

    A need that the data cannot meet in its country is met from elsewhere: first of the same kind,
    then of any kind that is not filtered.
    """
    found: dict[Need, list[str]] = defaultdict(list)
    spare: dict[str, list[str]] = defaultdict(list)
    for prefix in _prefixes(seed):
        first, last = networks.look_up(f"{prefix}.0"), networks.look_up(f"{prefix}.255")
        if first != last:
            continue
        need = ("" if first.network in _ANYWHERE else first.country or "", first.network)
        if len(found[need]) < wanted.get(need, 0):
            found[need].append(prefix)
        else:
            spare[first.network].append(prefix)
    for need, number in sorted(wanted.items()):
        of_kind = (need[1],) if need[1] in _ANYWHERE else (need[1], "commercial", "household")
        for kind in (*of_kind, "unknown"):
            while len(found[need]) < number and spare[kind]:
                found[need].append(spare[kind].pop())
    return {need: found[need] for need in wanted}


def _prefixes(seed: int) -> Iterator[str]:
    dice = dice_for(seed, "traffic", "addresses")
    seen: set[int] = set()
    while len(seen) < _LOOKS:
        number = dice.randrange(1 << 16, (_LAST_FIRST_OCTET + 1) << 16)
        if number >> 16 in _NEVER or number in seen:
            continue
        seen.add(number)
        yield f"{number >> 16}.{number >> 8 & 255}.{number & 255}"
