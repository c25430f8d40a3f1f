"""Lists of address ranges as their makers write them, read strictly: one bad line refuses all.

A list that lost its middle, or that calls half the world a data centre, would silently drop real
listeners; so whatever cannot be right is an error that names its line.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.networks.ranges import Range
from tallycast.measurement.privacy.addresses import AddressError, packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallycast.measurement.networks.tables import Version

KINDS: Final = ("household", "commercial", "cellular", "data_centre", "vpn", "relay", "unknown")
LAST_ASN: Final = 2**32 - 1
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
# What stands for no country: unassigned, unknown, and codes that name a region of the world.
_NOWHERE: Final = frozenset({"", "-", "ZZ", "XX", "EU", "AP", "NONE"})
_IPV4_BYTES: Final = 4
_LONGEST: Final = {4: 32, 6: 128}
# No single line may speak of more than a /6 of IPv4 or a /16 of IPv6, nor a list of kinds of more
# than a quarter of IPv4: the largest clouds hold an eighth of it together.
_WIDEST: Final = {4: 2**26, 6: 2**48}
_MOST_OF_IPV4: Final = 2**30
_MIN_LOCATED: Final = 3
_IPTOASN_FIELDS: Final = 5


class BadListError(PermanentError):
    """A list of ranges that cannot be right; the message names the line."""


class Located(NamedTuple):
    """What is known of a range; empty or 0 where it is not."""

    country: str = ""
    region: str = ""
    asn: int = 0
    kind: str = ""


Found = dict["Version", list[Range[Located]]]


def kinds_by_asn(data: bytes) -> dict[int, str]:
    """Kinds of connection by autonomous system: lines of `asn,kind,operator`.

    Raises:
        BadListError: a line without a number, or with a kind that is none.
    """
    found: dict[int, str] = {}
    for line, row in _rows(data):
        if line_is_head(row, "asn"):
            continue
        if len(row) < 2 or row[1] not in KINDS:  # noqa: PLR2004 - a number and a kind
            raise BadListError(f"line {line}: expected asn,kind with a kind out of {KINDS}")
        found[_asn(row[0].upper().removeprefix("AS"), line)] = row[1]
    if not found:
        raise BadListError("the list of networks is empty")
    return found


def ranges_of_kind(data: bytes, kind: str, *, rank: int = 0) -> Found:
    """A list of ranges of one kind: lines of `start,end,name,url` or of `prefix,…`.

    Raises:
        BadListError: a line that is neither, or ranges too wide to be true.
    """
    found = _empty()
    for line, row in _rows(data):
        if line_is_head(row, "start", "prefix", "network", "cidr"):
            continue
        version, first, last, _ = _bounds(row, line)
        found[version].append(Range(first, last, Located(kind=kind), rank))
    _check_not_the_world(found)
    return found


def ranges_with_kinds(data: bytes, *, rank: int = 0) -> Found:
    """Ranges of any kind: lines of `start,end,kind,…` or of `prefix,kind,…`.

    Raises:
        BadListError: a line that is neither, or ranges too wide to be true.
    """
    found = _empty()
    for line, row in _rows(data):
        if line_is_head(row, "start", "prefix", "network", "cidr"):
            continue
        version, first, last, rest = _bounds(row, line)
        if not rest or rest[0].strip() not in KINDS:
            raise BadListError(f"line {line}: expected a kind out of {', '.join(KINDS)}")
        found[version].append(Range(first, last, Located(kind=rest[0].strip()), rank))
    _check_not_the_world(found)
    return found


def relay_ranges(data: bytes, *, rank: int = 0) -> Found:
    """The exits of a relay: lines of `prefix,country,region,city,…`; the region as `US-CA`.

    Raises:
        BadListError: a line that is no prefix, or ranges too wide to be true.
    """
    found = _empty()
    for line, row in _rows(data):
        if line_is_head(row, "prefix", "network", "cidr"):
            continue
        version, first, last, rest = _bounds(row, line)
        country = _country(rest[0], line) if rest else ""
        region = rest[1].strip() if len(rest) > 1 else ""
        found[version].append(Range(first, last, Located(country, region, kind="relay"), rank))
    _check_not_the_world(found)
    return found


def located_ranges(data: bytes) -> Found:
    """Countries and autonomous systems: `start,end,country[,asn]`, or tab-separated as
    `start, end, asn, country, name`. Start and end are addresses, or plain numbers of one family.

    Raises:
        BadListError: a line that is neither.
    """  # noqa: D205 - the shapes belong together
    found = _empty()
    for line, row in _rows(data):
        if line_is_head(row, "start", "first", "ip_range_start", "network"):
            continue
        if len(row) < _MIN_LOCATED:
            raise BadListError(f"line {line}: expected start,end,country[,asn]")
        version, first, last, rest = _bounds(row, line)
        if len(row) >= _IPTOASN_FIELDS and rest[0].isdigit():
            asn, country = rest[0], rest[1]
        else:
            country, asn = rest[0], rest[1] if len(rest) > 1 else ""
        number = _asn(asn.upper().removeprefix("AS"), line) if asn.strip() else 0
        found[version].append(Range(first, last, Located(_country(country, line), asn=number)))
    return found


def line_is_head(row: Sequence[str], *names: str) -> bool:
    """Whether a line holds the names of the columns."""
    return row[0].strip().lower() in names


def _empty() -> Found:
    return {4: [], 6: []}


def _rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Lines with their numbers; tabs or commas; blank ones and those that begin with # are left."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadListError(f"not UTF-8 text: byte {error.start}") from None
    head = text[:4096]
    reader = csv.reader(io.StringIO(text), delimiter="\t" if "\t" in head else ",", strict=True)
    try:
        for row in reader:
            if row and row[0].strip() and not row[0].startswith("#"):
                yield reader.line_num, row
    except csv.Error as error:
        raise BadListError(f"line {reader.line_num}: {error}") from None


def _bounds(row: Sequence[str], line: int) -> tuple[Version, int, int, Sequence[str]]:
    """The family, the first and last number, and the cells behind them."""
    start = row[0].strip()
    try:
        if "/" in start:
            return (*_prefix(start), row[1:])
        low, high, rest = packed(start), packed(row[1].strip()), row[2:]
    except (AddressError, IndexError, ValueError):
        raise BadListError(f"line {line}: expected start,end or a prefix: {start[:40]!r}") from None
    version: Version = 4 if len(low) == _IPV4_BYTES else 6
    first, last = int.from_bytes(low, "big"), int.from_bytes(high, "big")
    if len(low) != len(high) or first > last:
        raise BadListError(f"line {line}: the range ends before it begins, or in another family")
    return version, first, last, rest


def _prefix(text: str) -> tuple[Version, int, int]:
    """The family, the first and last number; a prefix inside a /64 is that /64.

    `ipaddress` would do, and takes twenty times as long: lists of exits have 300,000 lines.
    """
    address, _, digits = text.partition("/")
    base = packed(address)
    bits = len(base) * 8
    version: Version = 4 if bits == _LONGEST[4] else 6
    if not (digits.isascii() and digits.isdigit()) or int(digits) > _LONGEST[version]:
        raise ValueError("no length of a prefix")
    free = max(0, bits - int(digits))
    first = int.from_bytes(base, "big") >> free << free
    return version, first, first + (1 << free) - 1


def _check_not_the_world(found: Found) -> None:
    for version, ranges in found.items():
        widest = max((each.last - each.first + 1 for each in ranges), default=0)
        if widest > _WIDEST[version]:
            raise BadListError(f"a range of {widest:,} addresses cannot be of one kind")
    if sum(each.last - each.first + 1 for each in found[4]) > _MOST_OF_IPV4:
        raise BadListError("the list covers more than a quarter of all IPv4 addresses")
    if not any(found.values()):
        raise BadListError("the list of ranges is empty")


def _country(text: str, line: int) -> str:
    code = text.strip().upper()
    if code in _NOWHERE:
        return ""
    if not _COUNTRY.fullmatch(code):
        raise BadListError(f"line {line}: {text[:20]!r} is no country of ISO 3166-1")
    return code


def _asn(text: str, line: int) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_ASN):
        raise BadListError(f"line {line}: {text[:20]!r} is no number of an autonomous system")
    return int(text)
