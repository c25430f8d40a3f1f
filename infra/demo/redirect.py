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
class _Request:
    method: str
    path: str
    headers: Mapping[str, bytes]
    wanted: str


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
        asked = [self._request(hit, prefixes[hit.show_id], enclosures[hit.url]) for hit in hits]
        parts = [asked[start::_LISTENERS] for start in range(_LISTENERS)]
        with ThreadPoolExecutor(_LISTENERS) as pool:
            return [wrong for part in pool.map(self._send, parts) for wrong in part]

    def _send(self, requests: Sequence[_Request]) -> list[Wrong]:
        where = urlsplit(self.endpoint)
        line = HTTPConnection(where.hostname or "", where.port, timeout=_TIMEOUT_SECONDS)
        wrong = []
        try:
            for request in requests:
                answer = self._answer(line, request)
                if answer != f"{_FOUND} {request.wanted}":
                    wrong.append(Wrong(request.path, request.wanted, answer))
        finally:
            line.close()
        return wrong

    def _answer(self, line: HTTPConnection, request: _Request) -> str:
        try:
            line.request(request.method, request.path, headers=request.headers)
            answer = line.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            line.close()
            return repr(error)
        return f"{answer.status} {answer.headers.get('location', '')}"

    def _request(self, hit: Hit, prefix: str, enclosure: str) -> _Request:
        headers = {**hit.headers, **self._edge(hit.viewer)}
        return _Request(
            hit.method,
            f"{prefix}https/{enclosure}",
            {name: value.encode() for name, value in headers.items()},
            f"https://{enclosure}",
        )

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
