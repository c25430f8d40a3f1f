"""The working rows of a count: one narrow row per request, in numbers instead of words.

`count_rows` has, beside the columns named in `columns`:

- ip: 64 bits of the listener's IP identity; NULL when a rule on single requests dropped the row.
- item: the user agent (or, of a dropped row, the bits of the rules it breaks), the episode and
  the source, packed (`plan`). Together, ip and item are the listener and what it asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.measurement import ranges, threshold, uniqueness
from tallycast.measurement.engine.plan import LOW_BITS

if TYPE_CHECKING:
    from tallycast.measurement.engine.plan import Plan

# A whole answer of a file whose size nobody knows: taken for the whole file when it began. An
# answer 206 is a part, also where the log does not say which.
_UNSIZED = """NOT segmented AND COALESCE(bytes_sent, 1) > 0
    AND (whole AND status IS DISTINCT FROM 206 OR (range_start = 0 AND range_end IS NULL))"""
# Heavier than the shares of all requests that one listener can make; a float holds it exactly.
ENOUGH = 1 << 40
_CREDIT = "CASE WHEN blind THEN 0 ELSE c END"


def _enough(plan: Plan) -> str:
    """Whether one request alone makes a download."""
    return {
        "one_minute": f"""CASE WHEN c >= t THEN TRUE WHEN blind THEN TRUE
            WHEN t IS NULL THEN {_UNSIZED} ELSE FALSE END""",
        "any_bytes": """(range_start IS NULL OR range_end IS NULL OR range_end <> range_start
            OR COALESCE(more_ranges, '') <> '')""",
        "none": "TRUE",
    }[plan.rules.threshold]


# Conditions and columns that the requests at hand do not need are left out: most logs tell no
# total size, hold no streams and come from one source, and then half the work falls away.
def _size(plan: Plan) -> str:
    """The size of the whole file."""
    return ranges.SIZE if plan.has_totals or plan.has_slots else "length"


def _needed(plan: Plan) -> str:
    """What a download needs of the file."""
    return threshold.NEEDED if plan.has_totals or plan.has_slots else "needed"


def _blind(plan: Plan) -> str:
    """Whether bytes cannot be seen: a redirect, or a log that tells neither status nor bytes."""
    silent = "(status IS NULL AND bytes_sent IS NULL)"
    return silent if plan.sources == ("log",) else f"(source <> 'log' OR {silent})"


def _low(plan: Plan) -> str:
    """Episode and source in the low bits of `item`."""
    if plan.sources == ("log",):
        return "2 * e"
    return "(2 * e + CASE WHEN source = 'log' THEN 0 ELSE 1 END)"


def columns(plan: Plan) -> dict[str, str]:
    """The columns of `count_rows` after ip and item, each with its SQL expression."""
    found: dict[str, str] = {}
    if plan.dated:
        found["day"] = "day"
    if plan.timed:
        found["time"] = "time"
    found |= _credit_columns(plan) if plan.measured else _plain_columns(plan)
    if plan.limited:
        found["x"] = _exempt(plan)
    if plan.limited_by != "ip":
        found[plan.limited_by] = f"CASE WHEN mask = 0 THEN hash({identity(plan)}) END"
    if plan.rules.keeps_probe:
        found["probe"] = "COALESCE(range_start = 0 AND range_end = 1, FALSE)"
    if plan.carried:
        found["opened"] = "opened"
    if plan.traced:
        found["f"] = "f"
        found["line"] = "line"
    return found


def _plain_columns(plan: Plan) -> dict[str, str]:
    """Where bytes do not decide: whether the request is enough, and what it got."""
    found = {"w": f"CASE WHEN ok THEN {ENOUGH} ELSE 0 END::FLOAT"}
    return found | ({"c": _CREDIT} if plan.detail else {})


def _credit_columns(plan: Plan) -> dict[str, str]:
    """The first byte, how many from there on, what is needed (`t`), and the weight `w`.

    The weight is `ENOUGH` for a request that is enough by itself, else the share of what is
    needed. Other requests may tell (`told`) that the file is smaller than a request knows: its
    weight is then the share of the least that any of them tells, and 1 at most. With them, where
    it takes more than one range to say: the file and its part.
    """
    several = "spans IS NOT NULL" if plan.has_spans else "FALSE"
    found = {"a": "a", "c": _CREDIT}
    if plan.has_totals or plan.has_slots:
        found["t"] = "t"
    share = "c / t"
    if plan.has_totals:
        found["told"] = "COALESCE(total_bytes, 0) > 0"
        share = f"CASE WHEN {found['told']} THEN c / t ELSE LEAST(1, c / LEAST(t, least_told)) END"
    found["w"] = f"""CASE WHEN ok THEN {ENOUGH} WHEN t IS NULL OR {several} THEN 1
        ELSE {share} END::FLOAT"""
    if plan.has_slots:
        found |= {"m": "m", "slot": "hash(m, COALESCE(part, ''))"}
    if plan.has_spans:
        found["spans"] = "spans"
    return found


def _exempt(plan: Plan) -> str:
    """Whether the IP is known to be shared by many."""
    networks = ", ".join("'" + name.replace("'", "''") + "'" for name in plan.rules.exempt_networks)
    shared = f"COALESCE(network IN ({networks}), FALSE)" if networks else "FALSE"
    if not plan.rules.safe_ips:
        return shared
    day = "day" if plan.dated else f"DATE '{plan.day}'"
    safe = " OR ".join(
        f"""('{entry.ip_hash.replace("'", "''")}' IN (ip_hash, ip_hash_previous)
            AND {day} >= DATE '{entry.validated}' AND {day} < DATE '{entry.validated}' + 90)"""
        for entry in plan.rules.safe_ips
    )
    return f"({shared} OR COALESCE({safe}, FALSE))"


def _day(plan: Plan) -> str:
    """The reporting day of a row."""
    if plan.day is not None:
        if not plan.windowed:
            return f"DATE '{plan.day}'"
        before, day, after = plan.days
        return (
            f"CASE WHEN time >= day_until THEN DATE '{after}' WHEN time >= day_from "
            f"THEN DATE '{day}' ELSE DATE '{before}' END"
        )
    return "CASE WHEN time >= from_2 THEN day_2 WHEN time >= from_1 THEN day_1 ELSE day_0 END"


def _base(plan: Plan) -> str | None:
    """The IP key under which rows are compared, as SQL; None when they all have the same one.

    All days at once: the older of two keys compares them all, so that shards are the same on all
    days. Under three keys and more, each day has its own.
    """
    if len(plan.keys) < 2:  # noqa: PLR2004 - two keys are what a comparison needs
        return None
    if plan.day is None:
        if len(plan.keys) == 2:  # noqa: PLR2004 - as above
            return "'" + plan.keys[0].replace("'", "''") + "'"
        return f"strftime(({_day(plan)})::DATE - 1, '%Y-%m')"
    if plan.windowed:
        return f"'{uniqueness.base_of_run(plan.day)}'"
    return f"'{uniqueness.base_of_day(plan.day)}'"


def identity(plan: Plan) -> str:
    """The hash of the IP under the key of comparison, as SQL on a joined row."""
    base = _base(plan)
    return "ip_hash" if base is None else f"({uniqueness.identity_sql(base)})"


def of_the_shard(plan: Plan) -> str:
    """Whether a request is one of this run's shard, as SQL on a joined row."""
    return uniqueness.shard_sql(identity(plan), plan.shard, plan.shards)


def rows_sql(plan: Plan, *, extra: tuple[str, ...] = (), where: str = "TRUE") -> str:
    """The query behind `count_rows`.

    Args:
        plan: the run.
        extra: more columns of REQUESTS (or of the joined tables) to keep.
        where: a further condition on the joined requests.
    """
    joins = """JOIN count_media ON media IS NOT DISTINCT FROM media_key
        JOIN count_agents ON user_agent IS NOT DISTINCT FROM agent_key"""
    conditions = [where]
    if plan.day is None:
        joins += " JOIN count_dates ON z = date_z AND time::DATE = date_utc"
    elif plan.carried:
        conditions.append("(opened IS NOT NULL OR (time >= run_from AND time < run_until))")
    else:
        conditions.append("time >= run_from AND time < run_until")
    if plan.traced:
        joins += " JOIN count_files ON file_id = file_key"
    if plan.shards > 1:
        conditions.append(of_the_shard(plan))
    who = identity(plan)
    bits = " | ".join(
        ["faults"]
        + [
            f"CASE WHEN {test} THEN {plan.bits[name]} ELSE 0 END"
            for name, test in plan.conditions.items()
        ]
    )
    joined = f"""SELECT *, {_size(plan)} AS size, {_day(plan)} AS day, {_blind(plan)} AS blind,
            {ranges.WHOLE} AS whole
        FROM {plan.source} {joins} WHERE {" AND ".join(f"({test})" for test in conditions)}"""  # noqa: S608 - our own names
    first, credit = ranges.FIRST, ranges.CREDIT
    if plan.has_spans:
        joined = f"""SELECT * FROM ({joined}) LEFT JOIN count_spans ON more_ranges = span_more
            AND source IS NOT DISTINCT FROM span_source AND status IS NOT DISTINCT FROM span_status
            AND range_start IS NOT DISTINCT FROM span_start
            AND range_end IS NOT DISTINCT FROM span_end
            AND bytes_sent IS NOT DISTINCT FROM span_sent
            AND size IS NOT DISTINCT FROM span_size"""  # noqa: S608 - our own names
        first = f"CASE WHEN spans IS NOT NULL THEN spans_first ELSE {first} END"
        credit = f"CASE WHEN spans IS NOT NULL THEN spans_credit ELSE {credit} END"
    else:
        joined = joined.replace("SELECT *", "SELECT *, NULL::BIGINT AS spans_largest", 1)
    judged = f"""SELECT *, {first} AS a, {credit} AS c, {_needed(plan)} AS t,
        ({bits}) AS mask FROM ({joined})"""  # noqa: S608 - our own names
    kept = ", ".join([*(f"{test} AS {name}" for name, test in columns(plan).items()), *extra])
    if plan.rules.unique_by == "file_and_referrer":
        who += ", COALESCE(referrer, '')"
    return f"""SELECT CASE WHEN mask = 0 THEN hash({who}) END AS ip,
        ((CASE WHEN mask = 0 THEN u ELSE mask END)::BIGINT << {LOW_BITS})
            | {_low(plan)} AS item,
        {kept}
        FROM (SELECT *, {_enough(plan)} AS ok FROM ({judged}))"""  # noqa: S608 - our own names
