"""Who is the same listener: one IP (IPv6: /64) and one user agent (IAB v2.3 §5.5, unique).

IPs are known as hashes under a key of their month. A row carries its hash under its own month's
key and under that of the month before, so that over the turn of a month two rows can be compared
under the older key. The *base* is that key: rows of the month after it are taken by their
previous hash.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from datetime import date

UniqueBy = Literal["episode", "file_and_referrer"]
# How far back a window that is still open can have had its last request, in UTC days.
_REACH: Final = timedelta(days=4)


def month(day: date) -> str:
    """`2026-11`: the name of the key that is in use on a UTC date."""
    return f"{day.year:04d}-{day.month:02d}"


def base_of_day(day: date) -> str:
    """The key under which the requests of one local day are compared: that of the day before.

    A local day may begin up to a day earlier in UTC.
    """
    return month(day - timedelta(days=1))


def base_of_run(day: date) -> str:
    """The key for a count of `day` with its neighbours and with windows carried to it."""
    return month(day - _REACH)


def identity(ip_key: str, ip_hash: str, ip_hash_previous: str | None, base: str) -> str:
    """The hash by which a row is compared under the key `base`."""
    return ip_hash_previous if ip_key > base and ip_hash_previous is not None else ip_hash


def identity_sql(base: str, *, prefix: str = "") -> str:
    """`identity` as SQL; `base` is an SQL expression."""
    return (
        f"CASE WHEN {prefix}ip_key > {base} THEN COALESCE({prefix}ip_hash_previous, "
        f"{prefix}ip_hash) ELSE {prefix}ip_hash END"
    )


def shard_sql(identity: str, shard: int, of: int) -> str:
    """Whether an identity (SQL expression) belongs to shard number `shard` (from 0) of `of`.

    Identities are keyed hashes in hex, spread evenly, so that a shard is a range of them: nothing
    is hashed again. Whatever is no such hash falls into exactly one shard, too.
    """
    first, following = (f"'{(step << 32) // of:08x}'" for step in (shard, shard + 1))
    tests = []
    if shard > 0:
        tests.append(f"{identity} >= {first}")
    if shard + 1 < of:
        below = f"{identity} < {following}"
        tests.append(below if shard > 0 else f"({below} OR {identity} IS NULL)")
    return " AND ".join(tests) or "TRUE"
