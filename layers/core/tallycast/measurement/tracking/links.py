"""Addresses that lead through the redirect: with a show key, and with a signature where needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.tracking.address import AddressRefusedError, Asked, is_public_name, read
from tallycast.measurement.tracking.signing import signature

if TYPE_CHECKING:
    from collections.abc import Collection


class NotRedirectableError(PermanentError):
    """The redirect would refuse this address; the message says why."""


def prefixed(base: str, show_key: str, url: str) -> str:
    """An address behind the prefix: what a podcaster puts into the feed.

    Args:
        base: `https://track.example.com`.
        show_key: of the show.
        url: of the enclosure, with or without other prefixes.

    Raises:
        NotRedirectableError: the redirect could not read it.
    """
    asked, query = _asked(show_key, url)
    return f"{base.rstrip('/')}/e/{show_key}/{asked.scheme}/{asked.rest}{query}"


def signed(
    base: str, show_key: str, secret: bytes, url: str, *, hosts: Collection[str] = ()
) -> str:
    """An address behind the prefix, signed: for hosts that the feed never names.

    Raises:
        NotRedirectableError: the redirect could not read it, or it is a port or an IP address
            that the show's feed does not name.
    """
    asked, query = _asked(show_key, url)
    if not is_public_name(asked.authority) and asked.authority not in hosts:
        raise NotRedirectableError("a port or an IP address has to be in the show's feed", url=url)
    proof = signature(secret, show_key, asked.scheme, asked.rest)
    return f"{base.rstrip('/')}/e/{show_key}/{asked.scheme}/~{proof}/{asked.rest}{query}"


def _asked(show_key: str, url: str) -> tuple[Asked, str]:
    scheme, found, rest = url.strip().partition("#")[0].partition("://")
    path, mark, query = rest.partition("?")
    if not found or scheme.lower() not in ("http", "https"):
        raise NotRedirectableError("only http:// and https:// addresses are redirected to", url=url)
    try:
        asked = read(f"/e/{show_key}/{scheme.lower()}/{path}", query)
    except AddressRefusedError as error:
        raise NotRedirectableError(error.reason, url=url) from error
    # As the redirect will see it: mended where it was no clean address.
    return asked, asked.destination[len(f"{asked.scheme}://{asked.rest}") :] if mark else ""
