"""Reading an address: what it names, in one canonical form, or why it is refused.

Stricter than a browser on purpose. Whatever two programs could read differently (user info,
backslashes, control characters, a host that is neither a name nor an address) is an error, so
that what is checked is what is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

import idna

from tallycast.feeds.fetching.addresses import number_form
from tallycast.feeds.fetching.errors import BadUrlError, shown

if TYPE_CHECKING:
    from tallycast.feeds.fetching.addresses import IPAddress

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST = 4096
_LONGEST_HOST = 253
_LAST_PORT = 65535
# Underscores are no host names by the book, and yet real feeds live under them.
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.ASCII | re.IGNORECASE)
_KEPT = "!$%&'()*+,-./:;=?@[]_~|"


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A checked http or https address.

    Attributes:
        scheme: `http` or `https`.
        host: a name in lower-case ASCII (IDNA), or an IP address as text without brackets.
        literal: the IP address, when the host is one; in whatever notation it was written.
        port: the port to connect to, 1 to 65535.
        target: path and query as sent in the request line, percent-encoded.
    """

    scheme: str
    host: str
    literal: IPAddress | None
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them: the scheme's own port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The canonical form, without fragment."""
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(url: str) -> WebAddress:
    """Read an address strictly.

    Raises:
        BadUrlError: too long; characters that do not belong; another scheme; user info; no
            host or none that could exist; a port that is no port.
    """
    if len(url) > _LONGEST:
        raise BadUrlError(f"the address is longer than {_LONGEST} characters")
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in url):
        raise BadUrlError("the address has white space, control characters or backslashes")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadUrlError(f"not an address: {shown(url)}") from None
    if parts.scheme not in _DEFAULT_PORTS or not url[len(parts.scheme) :].startswith("://"):
        raise BadUrlError(f"only http:// and https:// are fetched, not {shown(url)}")
    if "@" in parts.netloc:
        raise BadUrlError("an address with a user name or password is not fetched")
    raw_host, port = _split_port(parts.netloc)
    host, literal = _read_host(raw_host)
    query = f"?{parts.query}" if "?" in url.partition("#")[0] else ""
    return WebAddress(
        scheme=parts.scheme,
        host=host,
        literal=literal,
        port=port or _DEFAULT_PORTS[parts.scheme],
        target=quote((parts.path or "/") + query, safe=_KEPT, errors="replace"),
    )


def join(base: WebAddress, location: str) -> str:
    """Where a Location header leads, as an absolute address still to be parsed.

    Servers send raw UTF-8 and raw spaces; both are encoded, as browsers do. The fragment goes.

    Raises:
        BadUrlError: nothing a browser could follow either.
    """
    raw = location.strip(" \t").encode("latin-1")
    text = raw.decode("utf-8", "replace").replace(" ", "%20")
    if any(char in text for char in "\r\n\t\\"):
        raise BadUrlError(f"a redirect to an address with control characters: {shown(text)}")
    try:
        whole = text if _SCHEME.match(text) else urljoin(base.url, text)
        return whole.partition("#")[0]
    except ValueError:
        raise BadUrlError(f"a redirect to what is no address: {shown(text)}") from None


def _split_port(netloc: str) -> tuple[str, int | None]:
    host, colon, digits = netloc.rpartition(":")
    if not colon or "]" in digits:
        return netloc, None
    if not digits:
        return host, None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(_LAST_PORT))):
        raise BadUrlError(f"not a port: {shown(digits)}")
    if not 0 < int(digits) <= _LAST_PORT:
        raise BadUrlError(f"not a port: {shown(digits)}")
    return host, int(digits)


def _read_host(raw: str) -> tuple[str, IPAddress | None]:
    if not raw:
        raise BadUrlError("the address has no host")
    if raw.startswith("["):
        return _read_ipv6(raw)
    host = _ascii_name(raw).removesuffix(".")
    try:
        literal = number_form(host)
    except ValueError as error:
        raise BadUrlError(f"{shown(raw)} is no host: {error}") from None
    if literal is not None:
        return str(literal), literal
    if len(host) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise BadUrlError(f"{shown(raw)} is no host name")
    return host, None


def _read_ipv6(raw: str) -> tuple[str, IPAddress]:
    text = raw[1:-1] if raw.endswith("]") else ""
    try:
        # A zone ("%eth0") picks one of this machine's own networks: never the public web.
        literal = IPv6Address(text if "%" not in text else "")
    except AddressValueError:
        raise BadUrlError(f"{shown(raw)} is no IPv6 address") from None
    return str(literal), literal


def _ascii_name(raw: str) -> str:
    if raw.isascii():
        return raw.lower()
    try:
        return idna.encode(raw, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        raise BadUrlError(f"{shown(raw)} is no international host name") from None
