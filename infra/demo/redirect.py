"""Listeners who come through the tracking prefix: real requests to the function's URL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tallycast.measurement.networks import built_in
from tallycast.measurement.tracking.viewer import EDGE_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallycast.demo.traffic.live import Hit

_FOUND = 302
_LISTENERS = 4  # who ask at the same time
_TIMEOUT_SECONDS = 30
_PORT = 40_000  # of the viewer's connection to the edge


@dataclass(frozen=True, slots=True)
class Wrong:
    """A request that was not sent where it should be."""

    asked: str
    wanted: str
    answer: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """The tracking address, as players behind the edge reach it on the local cloud.

    Attributes:
        endpoint: where the local cloud listens.
        host: the name of the function's URL; the local cloud serves it by its Host header.
        edge_secret: what the edge proves itself with.
    """

    endpoint: str
    host: str
    edge_secret: str

    def send(
        self, hits: Sequence[Hit], prefixes: Mapping[str, str], enclosures: Mapping[str, str]
    ) -> list[Wrong]:
        """Send every hit; those that were not redirected to the feed's own address.

        Args:
            hits: what to send.
            prefixes: path of the show's prefix (`/e/shk_…/`) by show id.
            enclosures: the address in the feed, without scheme, by the hit's URL.
        """
        parts = [hits[start::_LISTENERS] for start in range(_LISTENERS)]
        with ThreadPoolExecutor(_LISTENERS) as pool:
            found = pool.map(lambda part: self._send(part, prefixes, enclosures), parts)
            return [wrong for part in found for wrong in part]

    def _send(
        self, hits: Sequence[Hit], prefixes: Mapping[str, str], enclosures: Mapping[str, str]
    ) -> list[Wrong]:
        where = urlsplit(self.endpoint)
        line = HTTPConnection(where.hostname or "", where.port, timeout=_TIMEOUT_SECONDS)
        wrong = []
        try:
            for hit in hits:
                enclosure = enclosures[hit.url]
                path = f"{prefixes[hit.show_id]}https/{enclosure}"
                answer = self._answer(line, hit, path)
                if answer != f"{_FOUND} https://{enclosure}":
                    wrong.append(Wrong(path, f"https://{enclosure}", answer))
        finally:
            line.close()
        return wrong

    def _answer(self, line: HTTPConnection, hit: Hit, path: str) -> str:
        try:
            headers = {**hit.headers, **self._edge(hit.viewer)}
            line.request(hit.method, path, headers={n: v.encode() for n, v in headers.items()})
            answer = line.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            line.close()
            return repr(error)
        return f"{answer.status} {answer.headers.get('location', '')}"

    def _edge(self, viewer: str) -> dict[str, str]:
        """The headers that CloudFront would add."""
        known = built_in().look_up(viewer)
        said = {
            "cloudfront-viewer-country": known.country,
            "cloudfront-viewer-country-region": known.region,
            "cloudfront-viewer-asn": None if known.asn is None else str(known.asn),
        }
        return {
            "host": self.host,
            EDGE_HEADER: self.edge_secret,
            "cloudfront-viewer-address": f"{viewer}:{_PORT}",
            **{name: value for name, value in said.items() if value},
        }
