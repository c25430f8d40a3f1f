"""One spelling of an address's parts: RFC 3986 §6.2.2 for paths and values, IDNA for hosts."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

# A byte that is encoded, or that cannot stand in an address as it is.
_ENCODED = re.compile(rb"%[0-9A-Fa-f]{2}|[^A-Za-z0-9/._~!$&'()*+,;=:@-]")
_NEEDS_NO_SPELLING = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@-]*")
_OF_NO_MEANING: Final = (".", ":", ":80", ":443")
_NO_HOST = re.compile(r"[\x00-\x20\x7f/?#@%\\]")
_NO_NAME = re.compile(r"[\x00-\x20\x7f/?#@%\\:]")


def spelled(text: str, delimiters: frozenset[int]) -> str:
    """Percent-encoded where it must be and nowhere else; encoded delimiters stay encoded."""
    if _NEEDS_NO_SPELLING.fullmatch(text):
        return text

    def one(found: re.Match[bytes]) -> bytes:
        byte = int(found[0][1:], 16) if len(found[0]) > 1 else found[0][0]
        plain = bytes((byte,))
        is_plain = byte not in delimiters and not _ENCODED.fullmatch(plain)
        return plain if is_plain else b"%%%02X" % byte

    return _ENCODED.sub(one, text.encode("utf-8", "surrogatepass")).decode("ascii")


def spelled_host(authority: str) -> str:
    """In ASCII (IDNA) and lower case, without user, the ports 80 and 443, and the root's dot."""
    host = _bare(authority.rpartition("@")[2].lower())
    decoded = unquote(host, errors="strict") if _is_utf8(host) else host
    if decoded != host and _NO_HOST.search(decoded):
        return host
    if decoded.isascii():
        return decoded.lower()
    name, colon, port = decoded.partition(":")
    ascii_name = _ascii(name)
    return host if ascii_name is None else _bare(ascii_name + colon + port)


def _bare(host: str) -> str:
    """Without what says nothing at its end."""
    end = len(host)
    while ending := next((e for e in _OF_NO_MEANING if host.endswith(e, 0, end)), ""):
        end -= len(ending)
    return host[:end]


def _ascii(name: str) -> str | None:
    """A name with letters beyond ASCII as it is in the DNS; None when it cannot be."""
    import idna  # noqa: PLC0415 - rare, and its tables take a while to load

    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        pass
    try:
        # Emoji and underscores, which the DNS has all the same: as the standard before had it.
        found = name.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return None if _NO_NAME.search(found) else found


def _is_utf8(host: str) -> bool:
    try:
        unquote(host, errors="strict")
    except UnicodeDecodeError:
        return False
    return True
