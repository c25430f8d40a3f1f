"""Call the two APIs of the local cloud, for the demo and the tests."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from infra.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.cloud import LocalCloud

_TIMEOUT_SECONDS: Final = 60
_GOOD: Final = range(200, 400)


class CallRefusedError(LocalCloudError):
    """An API did not do what it was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The body."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Door:
    """One of the APIs, with a credential or none."""

    url: str
    token: str | None = None

    @classmethod
    def of(cls, cloud: LocalCloud, which: Literal["Api", "PartnerApi"] = "Api") -> Door:
        """A door of a running cloud."""
        return cls(f"{cloud.endpoint}/_aws/execute-api/{cloud.outputs[f'{which}Id']}/live")

    def with_(self, token: str | None) -> Door:
        """The same with another credential."""
        return replace(self, token=token)

    def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        """Read.

        Raises:
            CallRefusedError: it was refused.
        """
        return self._good("GET", path).json()

    def post(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        """Create or command, under a key of its own; None where there is no answer's body.

        Raises:
            CallRefusedError: it was refused.
        """
        answer = self._good("POST", path, body, headers={"Idempotency-Key": uuid.uuid4().hex})
        return answer.json() if answer.text else None

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """Send a request as it is, and give back whatever comes."""
        sent = {"Accept": "application/json", **(headers or {})}
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            self.url + path, data=data, headers=sent, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_TIMEOUT_SECONDS) as reply:
                return _answer(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as refused:
            return _answer(refused.code, refused.headers, refused.read())

    def _good(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = self.send(method, path, body, headers=headers)
        if answer.status not in _GOOD:
            raise CallRefusedError(f"{method} {path}: {answer.status}: {answer.text[:500]}")
        return answer


def _answer(status: int, headers: Any, body: bytes) -> Answer:  # noqa: ANN401 - urllib's message
    shown = {name.lower(): value for name, value in headers.items()}
    return Answer(status, shown, body.decode("utf-8", "replace"))
