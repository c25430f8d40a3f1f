"""An IP address as the bytes that identify who is behind it: all of IPv4, the /64 of IPv6."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

from tallycast.kernel.errors import PermanentError

_MAPPED: Final = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, an IPv4 address written as IPv6


class AddressError(PermanentError, ValueError):
    """The text is no IP address. The message never repeats it, as it may hold one."""


def packed(ip: str) -> bytes:
    """The 4 bytes of an IPv4 address, or the first 8 (its /64) of an IPv6 address.

    An IPv4 address written as IPv6 (`::ffff:203.0.113.7`) is the IPv4 address. IPv6 is cut since
    one household holds a whole /64 and its devices change addresses daily (IAB v2.3, uniques).

    Raises:
        AddressError: a port, a zone (`%eth0`), brackets, white space, leading zeros, or no
            address at all.
    """
    try:
        if ":" not in ip:
            return inet_pton(AF_INET, ip)
        whole = inet_pton(AF_INET6, ip)
    except (OSError, ValueError, TypeError):
        raise AddressError(
            "not an IP address: expected plain IPv4 or IPv6, without port, zone or brackets"
        ) from None
    return whole[12:] if whole.startswith(_MAPPED) else whole[:8]
