"""The redirect itself: an event of the function's URL in, an answer out, one line written.

The order is: where to, then the record, then the answer; and whatever goes wrong with the record
the answer stays. See `docs/tracking.md`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tallycast.measurement.tracking.address import (
    AddressRefusedError,
    Asked,
    is_public_name,
    read,
)
from tallycast.measurement.tracking.directory import LookupFailedError
from tallycast.measurement.tracking.hit import HIT, UNRESOLVED, hit_line
from tallycast.measurement.tracking.keys import key_digest
from tallycast.measurement.tracking.shows import ACTIVE, BANNED
from tallycast.measurement.tracking.signing import is_signed
from tallycast.measurement.tracking.viewer import viewer

if TYPE_CHECKING:
    from tallycast.measurement.tracking.directory import Directory
    from tallycast.measurement.tracking.hit import HashAddress
    from tallycast.measurement.tracking.shows import TrackedShow

Answer = dict[str, Any]
Event = Mapping[str, Any]

_FOUND: Final = 302
_CORS: Final = {"access-control-allow-origin": "*"}
_REDIRECT_HEADERS: Final = {"cache-control": "private, no-cache", **_CORS}
_PREFLIGHT: Final[Answer] = {
    "statusCode": 204,
    "headers": {
        **_CORS,
        "access-control-allow-methods": "GET, HEAD, OPTIONS",
        "access-control-allow-headers": "*",
        "access-control-max-age": "86400",
    },
}
_REFUSAL_HEADERS: Final = {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "private, no-cache",
    "x-content-type-options": "nosniff",
    **_CORS,
}


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answers every request for `/e/…`.

    Attributes:
        directory: what show keys stand for.
        hashed: turns an address into its hashes.
        write: takes one line of the log, without its line feed.
        clock: milliseconds since the epoch, for an event that does not say when it was.
        edge_secret: what CloudFront proves itself with; empty: there is no CloudFront.
        unique: makes ids that nobody else makes.
    """

    directory: Directory
    hashed: HashAddress
    write: Callable[[str], object]
    clock: Callable[[], int]
    edge_secret: bytes = b""
    unique: Callable[[], str] = lambda: os.urandom(16).hex()

    def answer(self, event: Event) -> Answer:
        """Answer one request, an event in payload format 2.0."""
        try:
            context = event["requestContext"]
            http = context["http"]
            method = http["method"]
            headers = event["headers"]
            path, query = event["rawPath"], event.get("rawQueryString") or ""
        except (KeyError, TypeError):
            return self._refused(400, "no HTTP request")
        if method == "OPTIONS":
            return _PREFLIGHT
        if method not in ("GET", "HEAD"):
            return self._refused(405, "only GET, HEAD and OPTIONS", {"allow": "GET, HEAD, OPTIONS"})
        try:
            asked = read(path, query)
            show = self._allowed(asked)
        except AddressRefusedError as error:
            return self._refused(error.status, error.reason)
        try:
            self._record(asked, show, method, headers, context)
        except Exception as error:  # noqa: BLE001 - the listener goes on, whatever it was
            self._note("hit_lost", type(error).__name__)
        return {
            "statusCode": _FOUND,
            "headers": {"location": asked.destination, **_REDIRECT_HEADERS},
        }

    def _allowed(self, asked: Asked) -> TrackedShow | None:
        """The show whose hit this is; None when that cannot be looked up.

        Raises:
            AddressRefusedError: this key must not lead there.
        """
        directory = self.directory
        try:
            show = directory.find(asked.key)
        except LookupFailedError:
            self._check_unknown(asked)
            return None
        if not directory.policy.redirecting:
            raise AddressRefusedError(503, "redirecting is switched off")
        if show is None:
            raise AddressRefusedError(404, "no such show key")
        if show.state == BANNED:
            raise AddressRefusedError(403, "this show key is banned")
        if directory.policy.bans(asked.authority):
            raise AddressRefusedError(403, "this host is banned")
        if asked.authority in show.hosts:
            return show
        if asked.signature is None:
            raise AddressRefusedError(
                403, "this host is not in the show's feed, and the path is not signed"
            )
        if not is_signed(show.secrets, asked.key, asked.scheme, asked.rest, asked.signature):
            raise AddressRefusedError(403, "the signature does not belong to this address")
        if not is_public_name(asked.authority):
            raise AddressRefusedError(403, "ports and IP addresses have to be in the show's feed")
        return show

    def _check_unknown(self, asked: Asked) -> None:
        """Nothing is known of the key: let the listener through to any public host name.

        Raises:
            AddressRefusedError: a banned host, or no plain host name.
        """
        policy = self.directory.policy
        if not policy.redirecting:
            raise AddressRefusedError(503, "redirecting is switched off")
        if policy.bans(asked.authority):
            raise AddressRefusedError(403, "this host is banned")
        if not is_public_name(asked.authority):
            raise AddressRefusedError(503, "the show cannot be looked up right now; try again")

    def _record(
        self,
        asked: Asked,
        show: TrackedShow | None,
        method: str,
        headers: Mapping[str, str],
        context: Mapping[str, Any],
    ) -> None:
        if not self.directory.policy.recording or (show is not None and show.state != ACTIVE):
            return
        moment = datetime.fromtimestamp((context.get("timeEpoch") or self.clock()) / 1000, UTC)
        who = viewer(headers, context["http"].get("sourceIp", ""), self.edge_secret)
        try:
            hashed = self.hashed(who.address, moment)
        except Exception as error:  # noqa: BLE001 - a hit without an address is still a hit
            hashed = None
            self._note("address_not_hashed", type(error).__name__)
        line = hit_line(
            owner=f'"key":"{key_digest(asked.key)}"' if show is None else show.stamp,
            kind=UNRESOLVED if show is None else HIT,
            request_id=self.unique(),
            moment=moment,
            method=method,
            status=_FOUND,
            url=asked.destination,
            headers=headers,
            viewer=who,
            hashed=hashed,
        )
        self.write(line)

    def _refused(self, status: int, reason: str, more: Mapping[str, str] | None = None) -> Answer:
        self._note("refused", reason, status)
        return {
            "statusCode": status,
            "headers": {**_REFUSAL_HEADERS, **(more or {})},
            "body": reason + "\n",
        }

    def _note(self, kind: str, reason: str, status: int | None = None) -> None:
        """Write a line that metric filters count. It holds nothing that a stranger chose."""
        said = f',"status":{status}' if status is not None else ""
        try:
            self.write(f'{{"v":1,"kind":"{kind}"{said},"reason":"{reason}"}}')
        except OSError:
            return
