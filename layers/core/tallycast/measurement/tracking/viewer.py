"""Who asks: address, country, region and network number of a request.

CloudFront says it in `CloudFront-Viewer-*` headers. Anybody can send such headers to the function
directly, so they are believed only together with the secret that the distribution adds to its
requests; without it the address is that of the connection, and the rest is not known.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

EDGE_HEADER: Final = "x-tallycast-edge"
_LONGEST_CODE: Final = 8
_LARGEST_ASN: Final = 2_147_483_647  # what the column holds; numbers above are reserved


class Viewer(NamedTuple):
    """Where a request comes from; None is not known."""

    address: str
    country: str | None
    region: str | None
    asn: int | None


def viewer(headers: Mapping[str, str], source_ip: str, edge_secret: bytes) -> Viewer:
    """Who asks.

    Args:
        headers: with names in lower case.
        source_ip: of whoever is connected to the function.
        edge_secret: what CloudFront proves itself with; empty: there is no CloudFront.
    """
    given = headers.get(EDGE_HEADER)
    if not edge_secret or given is None or not hmac.compare_digest(given.encode(), edge_secret):
        return Viewer(source_ip, None, None, None)
    address = headers.get("cloudfront-viewer-address", "")
    return Viewer(
        _without_port(address) if address else source_ip,
        _code(headers.get("cloudfront-viewer-country")),
        _code(headers.get("cloudfront-viewer-country-region")),
        _number(headers.get("cloudfront-viewer-asn")),
    )


def _without_port(address: str) -> str:
    """`198.51.100.10:46532` and `2001:db8::1:46532` (no brackets) both end in a port."""
    return address.rpartition(":")[0].strip("[]")


def _code(text: str | None) -> str | None:
    return text if text and len(text) <= _LONGEST_CODE else None


def _number(text: str | None) -> int | None:
    if not text or not text.isascii() or not text.isdigit():
        return None
    number = int(text[: len(str(_LARGEST_ASN)) + 1])
    return number if 0 < number <= _LARGEST_ASN else None
