"""Which hosts an enclosure's address names: all that a listener passes on the way to the audio."""

from __future__ import annotations

import re
from typing import Final

from tallycast.feeds.identity import enclosure_key, is_prefix_host
from tallycast.measurement.tracking.address import canonical_authority

_OURS = re.compile(
    r"(?:\A|(?<=/))[^/]+/e/shk_[A-Za-z0-9_-]{43}/(https?)/(?:~[A-Za-z0-9_-]{22}/)?", re.ASCII
)
_EMBEDDED = re.compile(r"/(https?)://?", re.ASCII | re.IGNORECASE)
LONGEST_CHAIN: Final = 20
_LONGEST: Final = 8192


def hosts_of(url: str) -> frozenset[str]:
    """The hosts of an address and of every address behind a measurement prefix in it.

    Of `https://our.host/e/shk_…/https/dts.podtrac.com/redirect.mp3/host.example/a.mp3` they are
    `dts.podtrac.com` and `host.example`: a host that stands before one of our own prefixes is no
    destination of ours, and would only lead in a circle.

    Returns:
        Hosts as `Asked.authority` has them. What is no host is left out.
    """
    scheme, found, rest = url.strip().partition("://")
    if not found or scheme.lower() not in ("http", "https"):
        return frozenset()
    rest = rest.partition("#")[0].partition("?")[0]
    rest = _OURS.sub(r"/\1://", rest)
    pieces = _EMBEDDED.split(f"/{scheme.lower()}://{rest}"[:_LONGEST])
    hosts: set[str | None] = set()
    # `split` gives: what stands before, then scheme and address in turn.
    steps = list(zip(pieces[1::2], pieces[2::2], strict=True))[:LONGEST_CHAIN]
    for step, (name, address) in enumerate(steps):
        first, _, path = address.partition("/")
        if not first:  # one of our prefixes stood here, or nothing
            continue
        hosts.add(canonical_authority(first, name.lower()))
        hosts.update(
            canonical_authority(segment, name.lower())
            for segment in path.split("/")[:LONGEST_CHAIN]
            if is_prefix_host(segment.lower())
        )
        if step == len(steps) - 1:
            hosts.add(canonical_authority(enclosure_key(address).partition("/")[0], name.lower()))
    return frozenset(host for host in hosts if host)
