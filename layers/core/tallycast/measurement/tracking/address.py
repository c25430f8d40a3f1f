"""Reading the path of a redirect: `/e/{show key}/{https|http}/[~{signature}/]{host/path}`.

Stricter than a browser where two programs could read an address differently (user info,
backslashes, control characters), and otherwise a copyist: what goes in comes out byte for byte,
percent-encodings included. A character that cannot stand in an address at all (a space, a raw
umlaut: some fronts decode paths) is percent-encoded, as a browser would have done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from tallycast.measurement.lengths import LONGEST_URL

_PATH = re.compile(
    r"/e/(shk_[A-Za-z0-9_-]{43})/(https?)/(?:~([A-Za-z0-9_-]{22})/)?([^/]+)(/.*)?", re.ASCII
)
_KEY = re.compile(r"/e/shk_[A-Za-z0-9_-]{43}(?:/|\Z)", re.ASCII)
_CLEAN = re.compile(r'[!"$-\[\]-~]*', re.ASCII)  # visible ASCII but `#` and `\`
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT: Final = "!\"$%&'()*+,-./:;<=>?@[]^_`{|}~"
_FIRST_VISIBLE: Final = 0x20
_DELETE: Final = 0x7F
_LONGEST_HOST: Final = 253
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
# A name that only a public name server can know: it ends in a label that begins with a letter.
_NAME = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z])[a-z0-9-]{{2,63}}(?<!-)", re.ASCII)
_AUTHORITY = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?", re.ASCII
)
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}


class AddressRefusedError(Exception):
    """The path leads nowhere. `status` and `reason` are the answer to whoever asked."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """A path as read.

    Attributes:
        key: the show key.
        scheme: `https` or `http`.
        signature: of a signed path, 22 characters; else None.
        authority: host and port in the form that hosts of a show are compared in: lower case,
            international names as ASCII (IDNA), the scheme's own port left out.
        rest: `host/path` as it stands in the address, without the query; what a signature covers.
        destination: where to, with the query.
    """

    key: str
    scheme: str
    signature: str | None
    authority: str
    rest: str
    destination: str


def read(path: str, query: str) -> Asked:
    """Read path and query as they stood in the request line, percent-encoded.

    Raises:
        AddressRefusedError: 404 when there is no show key, 400 or 414 when the rest is no address.
    """
    if len(path) + len(query) > LONGEST_URL:
        raise _too_long()
    if not _CLEAN.fullmatch(path) or "?" in path:
        path = _mended(path, _KEPT.replace("?", ""))
    if query and not _CLEAN.fullmatch(query):
        query = _mended(query, _KEPT)
    found = _PATH.fullmatch(path)
    if found is None:
        raise _refusal(path)
    key, scheme, signature, authority, rest = found.groups()
    if "%" in path and (_STRAY_PERCENT.search(path)):
        path = _STRAY_PERCENT.sub("%25", path)
        return read(path, query)
    plain = authority.lower()
    if "%" in plain or "@" in plain or ":" in plain:
        plain, authority = _unusual(plain, authority, scheme)
    rest = authority + (rest or "")
    destination = f"{scheme}://{rest}?{query}" if query else f"{scheme}://{rest}"
    if len(destination) > LONGEST_URL:  # what was percent-encoded has grown
        raise _too_long()
    return Asked(key, scheme, signature, plain, rest, destination)


def is_public_name(authority: str) -> bool:
    """Whether this is a plain host name: no port, no IP address in whatever notation."""
    return len(authority) <= _LONGEST_HOST and _NAME.fullmatch(authority) is not None


def canonical_authority(authority: str, scheme: str) -> str | None:
    """Host and port in the form they are compared in, or None when they are no such thing."""
    if "@" in authority or "\\" in authority:
        return None
    try:
        plain = _ascii_host(authority).lower()
    except AddressRefusedError:
        return None
    plain = plain.removesuffix(_DEFAULT_PORTS.get(scheme, ""))
    return plain if len(plain) <= _LONGEST_HOST and _AUTHORITY.fullmatch(plain) else None


def _unusual(plain: str, authority: str, scheme: str) -> tuple[str, str]:
    """An authority with an international name or a port: as compared, and as redirected to."""
    if "@" in plain:
        raise AddressRefusedError(400, "an address with a user name is not redirected to")
    if "%" in plain:
        authority = _ascii_host(authority)
    canonical = canonical_authority(authority, scheme)
    if canonical is None:
        raise AddressRefusedError(400, "the address names no host")
    return canonical, authority


def _ascii_host(authority: str) -> str:
    """An international name, percent-encoded or not, as ASCII. ASCII itself stays as it is."""
    if "%" in authority:
        try:
            decoded = unquote(authority, errors="strict")
        except UnicodeDecodeError:
            decoded = ""
        if not decoded or decoded.isascii():  # an encoding that only hides what a host is
            raise AddressRefusedError(400, "the address names no host")
        authority = decoded
    if authority.isascii():
        return authority
    import idna  # noqa: PLC0415 - rare, and its tables take a while to load

    host, colon, port = authority.partition(":")
    try:
        return idna.encode(host, uts46=True).decode("ascii") + colon + port
    except (idna.IDNAError, UnicodeError):
        raise AddressRefusedError(400, "the address names no host") from None


def _mended(text: str, kept: str) -> str:
    """Percent-encode what cannot stand in an address; refuse what must not."""
    for char in text:
        if char == "\\" or ord(char) < _FIRST_VISIBLE or ord(char) == _DELETE:
            raise AddressRefusedError(400, "the address has control characters or backslashes")
    return quote(text, safe=kept, errors="replace")


def _too_long() -> AddressRefusedError:
    return AddressRefusedError(414, f"the address is longer than {LONGEST_URL} characters")


def _refusal(path: str) -> AddressRefusedError:
    if not _KEY.match(path):
        return AddressRefusedError(404, "no such show key")
    return AddressRefusedError(400, "write /e/{show key}/{https or http}/{host/path}")
