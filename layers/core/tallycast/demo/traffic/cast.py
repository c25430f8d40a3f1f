"""The tables of who listens, from where, with what and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.demo.traffic import agents, habits, places, roles
from tallycast.demo.traffic.tables import SLOTS, spread, table, variables

if TYPE_CHECKING:
    import duckdb


def people(world: duckdb.DuckDBPyConnection) -> None:
    """Roles, places, networks, referrers."""
    table(
        world,
        "roles",
        "role VARCHAR, who VARCHAR, human BOOLEAN, agents_of VARCHAR, network_of VARCHAR, "
        "own_style VARCHAR, subs_least BIGINT, subs_most BIGINT, p_new DOUBLE, p_old DOUBLE, "
        "scrapes BOOLEAN",
        (
            role._asdict() | {"subs_least": role.subs[0], "subs_most": role.subs[1]}
            for role in roles.ROLES
        ),
    )
    shares = spread([role.share for role in roles.ROLES], roles.ACTORS)
    table(
        world,
        "role_slots",
        "slot BIGINT, role VARCHAR",
        [{"slot": slot, "role": roles.ROLES[index].role} for slot, index in enumerate(shares)]
        + [{"slot": -1 - n, "role": role.role} for n, role in enumerate(roles.ROLES)],
    )
    zones = sorted({place.zone for place in places.PLACES})
    table(
        world,
        "places",
        "place_no BIGINT, country VARCHAR, region VARCHAR, zone_no BIGINT, home BIGINT, "
        "cell BIGINT, office BIGINT, prefix6 VARCHAR",
        (
            place._asdict() | {"place_no": n, "zone_no": zones.index(place.zone)}
            for n, place in enumerate(places.PLACES)
        ),
    )
    shares = spread([place.weight for place in places.PLACES], SLOTS)
    table(
        world,
        "place_slots",
        "slot BIGINT, place_no BIGINT",
        ({"slot": slot, "place_no": index} for slot, index in enumerate(shares)),
    )
    table(
        world,
        "networks",
        "network_no BIGINT, kind VARCHAR, network VARCHAR, six BOOLEAN",
        (
            {"network_no": n, "kind": kind, "network": network, "six": six}
            for n, (kind, network, six) in enumerate(places.NETWORKS)
        ),
    )
    table(
        world,
        "referrers",
        "slot BIGINT, bad BOOLEAN, referrer VARCHAR",
        (
            {"slot": slot, "bad": bad, "referrer": list(chosen)[index]}
            for bad, chosen in ((False, roles.REFERRERS), (True, roles.BAD_REFERRERS))
            for slot, index in enumerate(spread(chosen.values(), 100))
        ),
    )


def clients(world: duckdb.DuckDBPyConnection) -> None:
    """User agents, and which role takes which."""
    families_of = {
        "listener": agents.LISTENERS,
        "watch": (agents.Family("Apple Watch", "watch", 1, agents.WATCHES),),
        "bot": (agents.Family("bots", "crawl", 1, agents.BOTS),),
        "garbled": (agents.Family("garbled", "crawl", 1, agents.GARBLED),),
        "blank": (agents.Family("blank", "download", 1, agents.BLANK),),
    }
    rows: list[dict[str, Any]] = []
    first: dict[str, int] = {}
    for families in families_of.values():
        for family in families:
            first[family.name] = len(rows)
            rows += [
                {"agent_no": len(rows) + n, "family": family.name, "style": family.style,
                 "user_agent": agent}
                for n, agent in enumerate(family.agents)
            ]  # fmt: skip
    table(
        world,
        "agents",
        "agent_no BIGINT, family VARCHAR, style VARCHAR, user_agent VARCHAR",
        rows,
    )
    families_of["browser"] = tuple(family for family in agents.LISTENERS if family.style == "web")
    table(
        world,
        "family_slots",
        "of_role VARCHAR, slot BIGINT, first_agent BIGINT, agents BIGINT",
        (
            {"of_role": of_role, "slot": slot, "first_agent": first[families[index].name],
             "agents": len(families[index].agents)}
            for of_role, families in families_of.items()
            for slot, index in enumerate(spread([one.weight for one in families], SLOTS))
        ),
    )  # fmt: skip
    variables(world, first_watch=first["Apple Watch"], watches=len(agents.WATCHES))


def habits_of_styles(world: duckdb.DuckDBPyConnection) -> None:
    """The steps of each habit, and which style has which."""
    table(
        world,
        "steps",
        "habit VARCHAR, step BIGINT, what VARCHAR, form VARCHAR, begin_at DOUBLE, end_at DOUBLE, "
        "wait DOUBLE, pace DOUBLE, status BIGINT, method VARCHAR",
        (
            step._asdict() | {"habit": habit, "step": n, "begin_at": step.begin, "end_at": step.end}
            for habit, steps in habits.HABITS.items()
            for n, step in enumerate(steps)
        ),
    )
    table(
        world,
        "style_slots",
        "style VARCHAR, slot BIGINT, habit VARCHAR",
        (
            {"style": style, "slot": slot, "habit": list(shares)[index]}
            for style, shares in habits.STYLES.items()
            for slot, index in enumerate(spread(shares.values(), 100))
        ),
    )
