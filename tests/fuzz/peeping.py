"""A second tenant, who sends again what the first one was answered."""

from __future__ import annotations

from typing import Final

import requests
from schemathesis import Case
from schemathesis.core.transport import Response

from tests.fuzz.stock import Stock

TIMEOUT_SECONDS: Final = 60
_BOUND: Final = ("authorization", "content-length", "host", "connection", "accept-encoding")
_REFUSED: Final = (403, 404)
_ANSWERED: Final = range(200, 400)


class Neighbour:
    """Somebody of another tenant with every scope.

    Whatever request of the first tenant names a thing of that tenant and is answered well is sent
    again with the neighbour's credential; a removal is sent before its owner's, as afterwards there
    is nothing to be found. A request whose address names the thing must be refused as if there was
    no such thing (404, or 403); one that names it in its body must not be carried out. No answer may
    show anything of the first tenant that the request did not name itself.

    Args:
        credential: of the other tenant.
        stock: what the first one has.

    Attributes:
        asked: how many requests were sent again.
        wrong: what was answered that should not have been.
    """

    def __init__(self, credential: str, stock: Stock) -> None:
        self._credential = credential
        self._stock = stock
        self._session = requests.Session()
        self._session.trust_env = False
        self.asked = 0
        self.wrong: list[str] = []

    def go_first(self, case: Case, url: str) -> None:
        """Before something is removed."""
        if any(each in url for each in self._stock.ids()):
            headers = {"If-Match": "*"}
            self._try(f"DELETE {case.operation.path}", "DELETE", url, "", headers=headers)

    def follow(self, case: Case, response: Response) -> None:
        """Send a request again, if it was answered well and named something of the first tenant."""
        request = response.request
        if response.status_code not in _ANSWERED or request.method in {"DELETE", "OPTIONS"}:
            return
        headers = {n: v for n, v in request.headers.items() if n.lower() not in _BOUND}
        if len(headers) == len(request.headers):
            return
        where = f"{request.method} {case.operation.path}"
        self._try(
            where, str(request.method), str(request.url), _text(request.body),
            headers=headers, body=request.body,
        )  # fmt: skip

    def _try(
        self,
        where: str,
        method: str,
        url: str,
        text: str,
        *,
        headers: dict[str, str],
        body: bytes | str | None = None,
    ) -> None:
        ids = self._stock.ids()
        named = {each for each in ids if each in url or each in text}
        if not named:
            return
        answer = self._session.request(
            method,
            url,
            headers={**headers, "Authorization": f"Bearer {self._credential}"},
            data=body,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        self.asked += 1
        path = url.partition("?")[0]
        in_path = any(each in path for each in named)
        if in_path and answer.status_code not in _REFUSED:
            self.wrong.append(f"{where}: the neighbour was answered {answer.status_code}")
        if not in_path and answer.status_code in _ANSWERED and method != "GET":
            self.wrong.append(f"{where}: the neighbour could name {sorted(named)}")
        shown = {each for each in (ids | self._stock.secrets) - named if each in answer.text}
        if shown:
            self.wrong.append(f"{where}: the neighbour was shown {sorted(shown)}")


def _text(body: bytes | str | None) -> str:
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
