"""The keys of the months, and the hash of an address under them.

A row carries the hash under the key of its own month and under that of the month before, so two
rows in neighbouring months can be told to be of one household: the later one's `ip_hash_previous`
is the earlier one's `ip_hash`. No single key ever covers more than two months. Once a key is
destroyed, its hashes can neither be made again nor be matched with an address.
"""

from __future__ import annotations

import secrets
from datetime import UTC
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.privacy.addresses import packed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    _Hash = Callable[[bytes], bytes]

KEY_BYTES: Final = 32
HASH_BYTES: Final = 16  # of HMAC-SHA-256's 32: no two of 10^12 addresses will ever meet
_IPV4_BYTES: Final = 4
# The same bytes as an IPv4 address and as a /64 must not have the same hash, and a key that were
# ever used for something else must not give hashes of addresses there.
_DOMAIN_4: Final = b"tallycast ip4\0"
_DOMAIN_6: Final = b"tallycast ip6/64\0"
_BLOCK_BYTES: Final = 64  # of SHA-256; a key is never longer
_MONTHS: Final = 12


class KeyMissingError(PermanentError):
    """There is no key for a month: it was destroyed, or the month is too old to have had one."""


class Pseudonym(NamedTuple):
    """What stands for an address: the key's month, and hex hashes of 32 characters.

    Attributes:
        ip_key: the month whose key made `ip_hash`, as `2026-11`.
        ip_hash: under that month's key.
        ip_hash_previous: under the key of the month before.
    """

    ip_key: str
    ip_hash: str
    ip_hash_previous: str


class KeyRing:
    """The keys of some months, each of 32 bytes, by month (`2026-11`)."""

    __slots__ = ("_keys", "_pairs")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        for month, key in keys.items():
            if len(key) != KEY_BYTES:
                raise ValueError(f"the key of {month} has {len(key)} bytes, not {KEY_BYTES}")
        self._keys = dict(keys)
        self._pairs: dict[tuple[int, int], tuple[str, _Hash, _Hash]] = {}

    @classmethod
    def from_secret(cls, secret: bytes) -> Self:
        """A ring that has a key for every month, derived from one secret: for files and tests."""
        return _DerivedRing(secret)  # type: ignore[return-value]

    @classmethod
    def ephemeral(cls) -> Self:
        """A ring with a key for every month that nobody can ever have again."""
        return cls.from_secret(secrets.token_bytes(KEY_BYTES))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.months()) or 'no months'})"

    def months(self) -> list[str]:
        """The months it has keys of, in order."""
        return sorted(self._keys)

    def key(self, month: str) -> bytes:
        """The key of one month.

        Raises:
            KeyMissingError: the ring has none.
        """
        try:
            return self._keys[month]
        except KeyError:
            raise KeyMissingError(
                f"no key for {month}: destroyed, or never made; the row cannot be kept",
                month=month,
            ) from None

    def pseudonym(self, ip: str, moment: datetime) -> Pseudonym:
        """What stands for an address in a row of that time; a time without zone is UTC.

        Raises:
            AddressError: the text is no IP address.
            KeyMissingError: no key for the time's month or the month before.
        """
        address = packed(ip)
        domain = _DOMAIN_4 if len(address) == _IPV4_BYTES else _DOMAIN_6
        message = domain + address
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
        pair = self._pairs.get((moment.year, moment.month)) or self._pair(moment)
        return Pseudonym(
            pair[0],
            pair[1](message)[:HASH_BYTES].hex(),
            pair[2](message)[:HASH_BYTES].hex(),
        )

    def _pair(self, moment: datetime) -> tuple[str, _Hash, _Hash]:
        month = month_of(moment)
        pair = (month, _hmac(self.key(month)), _hmac(self.key(month_before(month))))
        self._pairs[moment.year, moment.month] = pair
        return pair


class _DerivedRing(KeyRing):
    """Each month's key is an HMAC of its name under one secret, made when first asked for."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) < KEY_BYTES:
            raise ValueError(f"a secret of {len(secret)} bytes is too short: {KEY_BYTES} at least")
        super().__init__({})
        self._secret = secret

    def key(self, month: str) -> bytes:
        known = self._keys.get(month)
        if known is None:
            known = digest(self._secret, b"tallycast month key\0" + month.encode(), "sha256")
            self._keys[month] = known
        return known


def _hmac(key: bytes) -> _Hash:
    """HMAC-SHA-256 under one key (RFC 2104), with the key's two blocks hashed beforehand.

    `hmac.digest` hashes them again for every message, which makes it two and a half times slower.
    """
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block))
    outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def of(message: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(message)
        second.update(first.digest())
        return second.digest()

    return of


def month_of(moment: datetime) -> str:
    """The month of a time, `2026-11`, in UTC; a time without zone is UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{moment.year:04d}-{moment.month:02d}"


def month_before(month: str, count: int = 1) -> str:
    """The month so many months before; after, when `count` is negative."""
    year, number = divmod(int(month[:4]) * _MONTHS + int(month[5:]) - 1 - count, _MONTHS)
    return f"{year:04d}-{number + 1:02d}"


def months_around(moment: datetime) -> list[str]:
    """The month before, this one and the next: what a process that goes on for hours needs."""
    month = month_of(moment)
    return [month_before(month), month, month_before(month, -1)]


def needed(months: Iterable[str]) -> set[str]:
    """The months whose keys the rows of these months take: each, and the one before it."""
    wanted = set(months)
    return wanted | {month_before(month) for month in wanted}
