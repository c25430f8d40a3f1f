"""Which IP addresses are the public web, and which are somebody's inside.

The blocks are written out, after the special-purpose registries of IANA, because the standard
library's own judgement differs between Python versions. An IPv6 address that carries an IPv4
one inside is refused, but for NAT64's well-known prefix: IPv6-only networks reach the whole
IPv4 web through it, so there the address inside decides.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_V4_INSIDE = tuple(
    (IPv4Network(block), kind)
    for block, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "metadata"),  # a cloud's own service on a public number
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6_PUBLIC = IPv6Network("2000::/3")
_V6_INSIDE = tuple(
    (IPv6Network(block), kind)
    for block, kind in (
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
    )
)
# Outside 2000::/3 nothing is public; these only give the refusal its name.
_V6_OUTSIDE = tuple(
    (IPv6Network(block), kind)
    for block, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::/96", "IPv4-compatible"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
_V4_BYTES = 4
_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER_OPENED: tuple[IPNetwork, ...] = (
    IPv4Network("169.254.0.0/16"),
    IPv4Network("168.63.129.16/32"),
    IPv6Network("fd00:ec2::/32"),
    IPv6Network("fe80::/10"),
)


def inside(address: IPAddress) -> str | None:
    """What kind of inside address this is (`loopback`, `private` …); None when it is public."""
    if isinstance(address, IPv4Address):
        return next((kind for block, kind in _V4_INSIDE if address in block), None)
    if address in _NAT64:
        return inside(IPv4Address(address.packed[-4:]))
    blocks = _V6_INSIDE if address in _V6_PUBLIC else _V6_OUTSIDE
    kind = next((kind for block, kind in blocks if address in block), None)
    return kind if kind or address in _V6_PUBLIC else "reserved"


def is_never_opened(address: IPAddress) -> bool:
    """Whether no allow-list may open it: a machine's credentials are served on link-local."""
    return any(address in block for block in _NEVER_OPENED)


def number_form(host: str) -> IPv4Address | None:
    """The IPv4 address a host of numbers means, as browsers and C libraries read it.

    One to four parts, each decimal, octal (`0177`) or hexadecimal (`0x7f`), the last filling
    what is left: `2130706433`, `0x7f.1` and `0177.0.0.1` are all 127.0.0.1. None when the last
    part is no number, so that the host is a name.

    Raises:
        ValueError: it ends in a number and yet is no address.
    """
    parts = host.split(".")
    if not _is_number(parts[-1]):
        return None
    if len(parts) > _V4_BYTES:
        raise ValueError("too many numbers for an IP address")
    *leading, last = [_number(part) for part in parts]
    if any(number >= 1 << 8 for number in leading) or last >= 1 << 8 * (_V4_BYTES - len(leading)):
        raise ValueError("a number too large for an IP address")
    value = last + sum(
        number << 8 * (_V4_BYTES - 1 - place) for place, number in enumerate(leading)
    )
    return IPv4Address(value)


def _is_number(part: str) -> bool:
    if not part.isascii():
        return False
    return part.isdigit() or (
        part[:2].lower() == "0x" and all(char in "0123456789abcdefABCDEF" for char in part[2:])
    )


def _number(part: str) -> int:
    if not _is_number(part):
        raise ValueError("an IP address with something that is no number")
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    if part.startswith("0") and set(part) & {"8", "9"}:
        raise ValueError("an octal number with an 8 or a 9")
    return int(part, 8) if part.startswith("0") else int(part)
