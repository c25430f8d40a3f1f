"""What the head of an answer says: values verbatim, freshness, WebSub links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from tallycast.feeds.fetching import http_date
from tallycast.feeds.fetching.model import PushLinks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_YEAR_SECONDS = 365 * 24 * 3600
_NUMBER = re.compile(r'"?(\d{1,12})"?', re.ASCII)
_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*("[^"]*"|[^;"]*)', re.ASCII)
# A validator longer than this is not kept: it would be carried to the store and back for ever.
_VALIDATOR_LIMIT = 1024
_LINKS_LIMIT = 10


class Headers:
    """Header fields by name, whatever their case; bytes beyond ASCII are kept as Latin-1."""

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            key = name.decode("latin-1").lower()
            self._values.setdefault(key, []).append(value.decode("latin-1"))

    def get(self, name: str) -> str | None:
        """The first value under `name`; None when there is none or it is empty."""
        return next((value for value in self._values.get(name, ()) if value), None)

    def joined(self, name: str) -> str:
        """All values under `name` as one comma-separated list."""
        return ", ".join(self._values.get(name, ()))


def validator(value: str | None) -> str | None:
    """An ETag or Last-Modified worth keeping and safe to send back; verbatim, or None."""
    if not value or len(value) > _VALIDATOR_LIMIT or value != value.strip():
        return None
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        return None
    return None if any(byte < 0x20 or byte == 0x7F for byte in raw) else value  # noqa: PLR2004 - ASCII controls


def is_strong(etag: str) -> bool:
    """Whether equal ETags promise equal bytes. A weak one (`W/"…"`) promises only likeness."""
    return not etag.startswith(("W/", "w/"))


def max_age(headers: Headers, now: datetime) -> int | None:
    """Seconds this answer may be called fresh, 0 to a year; None when the server does not say.

    Cache-Control goes before Expires (RFC 9111 §4.2.1); the time already spent in caches (Age)
    is taken off. `no-cache` and `no-store` are 0.
    """
    directives = _directives(headers.joined("cache-control"))
    if "no-store" in directives or "no-cache" in directives:
        return 0
    if found := _NUMBER.fullmatch(directives.get("max-age", "")):
        age = _NUMBER.fullmatch(headers.get("age") or "")
        return _fresh(int(found[1]) - (int(age[1]) if age else 0))
    expires = headers.get("expires")
    if expires is None:
        return None
    until = http_date.parse(expires, now)
    since = http_date.parse(headers.get("date") or "", now) or now
    # An Expires that is no date ("0", "-1") means: already stale.
    return 0 if until is None else _fresh(int((until - since).total_seconds()))


def _fresh(seconds: int) -> int:
    return min(max(seconds, 0), _YEAR_SECONDS)


def _directives(value: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in value.lower().split(","))
    return {name.strip(): number.strip() for name, _, number in pairs}


def push_links(headers: Headers, base_url: str) -> PushLinks:
    """The `hub` and `self` links of the Link header (RFC 8288), made absolute."""
    hubs: list[str] = []
    self_url = None
    for target, relations in _links(headers.joined("link")):
        try:
            url = urljoin(base_url, target)
        except ValueError:
            continue
        if not url.lower().startswith(("http://", "https://")):
            continue
        if "hub" in relations and url not in hubs and len(hubs) < _LINKS_LIMIT:
            hubs.append(url)
        if "self" in relations and self_url is None:
            self_url = url
    return PushLinks(tuple(hubs), self_url)


def _links(value: str) -> Iterator[tuple[str, set[str]]]:
    """Each link's target and its relation types, scanned once from left to right."""
    position = 0
    while (start := value.find("<", position)) >= 0 and (end := value.find(">", start)) >= 0:
        stop = _end_of_link(value, end + 1)
        yield value[start + 1 : end].strip(), _relations(value[end + 1 : stop])
        position = stop + 1


def _end_of_link(value: str, position: int) -> int:
    quoted = False
    while position < len(value) and (quoted or value[position] != ","):
        if value[position] == '"':
            quoted = not quoted
        position += 1
    return position


def _relations(parameters: str) -> set[str]:
    for name, value in _PARAMETER.findall(parameters):
        if name.lower() == "rel":
            return set(value.strip('" ').lower().split())
    return set()
