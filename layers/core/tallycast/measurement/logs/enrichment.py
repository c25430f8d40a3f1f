"""What intake is given to make of an address something that may be kept."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from socket import AF_INET, inet_pton
from typing import TYPE_CHECKING, NamedTuple

from tallycast.feeds.files import file_key
from tallycast.measurement.privacy import KeyMissingError, Pseudonym

if TYPE_CHECKING:
    from tallycast.measurement.privacy import KeyRing


class NetworkFacts(NamedTuple):
    """Where an address is: any of them None when not known; `network` as in REQUESTS."""

    country: str | None = None
    region: str | None = None
    asn: int | None = None
    network: str | None = None


Pseudonyms = Callable[[Sequence[tuple[str, date]]], Sequence[Pseudonym | None]]
"""Addresses, each with the first day of a month, to what stands for them; None: no key."""

Facts = Callable[[Sequence[str]], Sequence[NetworkFacts]]
"""Addresses to what is known of them. Anything with the four attributes will do."""


Kinds = Callable[[Sequence[int]], Sequence[str | None]]
"""Numbers of autonomous systems to the kind of network that each is."""


def no_kinds(systems: Sequence[int]) -> list[str | None]:
    """The kinds of whoever has no network data."""
    return [None] * len(systems)


def nothing_known(addresses: Sequence[str]) -> list[NetworkFacts]:
    """The look-up of whoever has no network data."""
    return [NetworkFacts()] * len(addresses)


def pseudonyms_under(ring: KeyRing) -> Pseudonyms:
    """Hashes under the keys of a ring; None for the months it has no keys of."""

    def of(asked: Sequence[tuple[str, date]]) -> list[Pseudonym | None]:
        return [_pseudonym(ring, address, day) for address, day in asked]

    return of


def _pseudonym(ring: KeyRing, address: str, day: date) -> Pseudonym | None:
    try:
        return ring.pseudonym(address, datetime.combine(day, time(), UTC))
    except KeyMissingError:
        return None


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The questions intake asks, each about distinct values only.

    Attributes:
        pseudonyms: what stands for an address in a month.
        facts: where an address is.
        media: an address → what tells its file from others (`feeds.files.file_key`).
        kinds: what an autonomous system is, for rows that come without an address.
    """

    pseudonyms: Pseudonyms
    facts: Facts = nothing_known
    media: Callable[[str], str] = file_key
    kinds: Kinds = no_kinds


def plain_address(text: str) -> str | None:
    """The address in what logs write for one, or None.

    `203.0.113.7:443`, `[2001:db8::1]:443`, `fe80::1%eth0` and the first of a proxy's list are
    understood; an IPv4 address written as IPv6 comes back as IPv4.
    """
    try:
        inet_pton(AF_INET, text)
    except (OSError, ValueError):
        return _unwrapped(text)
    return text


def _unwrapped(text: str) -> str | None:
    first = text.partition(",")[0].strip().strip('"')
    if first.startswith("["):
        first = first[1:].partition("]")[0]
    elif first.count(":") == 1:
        first = first.partition(":")[0]
    try:
        address = ipaddress.ip_address(first.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
