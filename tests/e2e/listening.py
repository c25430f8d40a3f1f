"""Players that ask the deployed redirect for episodes, each from an address of its own."""

from __future__ import annotations

import http.client
import os
import signal
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tallycast.measurement.tracking.viewer import EDGE_HEADER
from tests.support.cloud import wait_until

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud


@dataclass(frozen=True)
class Said:
    """An answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def location(self) -> str | None:
        return self.headers.get("location")


@dataclass(frozen=True)
class Players:
    """Asks the URL of `track_download`; `edge` proves that the viewer's address can be believed."""

    cloud: LocalCloud
    edge: str

    def ask(
        self,
        path: str,
        viewer: str | None = "203.0.113.1",
        *,
        method: str = "GET",
        edge: str | None = None,
        **headers: str,
    ) -> Said:
        """One request for `/e/…`; `user_agent="x"` sends `user-agent: x`."""
        sent = {"user-agent": "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if viewer is not None:
            sent["cloudfront-viewer-address"] = f"{viewer}:40000"
            sent[EDGE_HEADER] = self.edge if edge is None else edge
        here = urlsplit(self.cloud.endpoint)
        connection = http.client.HTTPConnection(here.hostname or "", here.port, timeout=30)
        function = urlsplit(self.cloud.outputs["TrackDownloadUrl"]).netloc.partition(".")[0]
        try:
            connection.request(method, f"/_aws/lambda-url/{function}{path}", headers=sent)
            reply = connection.getresponse()
            names = {name.lower(): value for name, value in reply.getheaders()}
            return Said(reply.status, names, reply.read().decode())
        finally:
            connection.close()

    def forget(self) -> None:
        """End the redirect's containers, so that the next one reads the table anew."""
        for pid in self.cloud.workers("TrackDownload"):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.cloud.workers("TrackDownload"), 10, "the end of containers")
        # The emulator may still give one request to a container that has ended.
        wait_until(lambda: self.ask("/", None).status != HTTPStatus.BAD_GATEWAY, 10, "a new one")
