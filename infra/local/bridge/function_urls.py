"""A function's URL hands on path and query as they were asked for.

AWS: `rawPath` and `rawQueryString` of a function URL's event are what stood in the request line,
percent-encodings included. MiniStack: the path is decoded, and the query is put together again
from its decoded parts, so that an address with an encoded slash arrives as another one.
"""

# ruff: noqa: SLF001, ANN401 - mending MiniStack means reaching into it

from __future__ import annotations

import inspect
from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.services import lambda_svc

from infra.local.errors import EmulatorChangedError

_PLACE = "function URLs"
_PREFIX = "/_aws/lambda-url/"

_asked: ContextVar[tuple[str, str] | None] = ContextVar("tallycast_asked", default=None)
"""Path and query of the request line that is being served."""


def raw(path: str, query: str) -> tuple[str, str]:
    """What the function sees of a request line: without the part that names it here."""
    if path.startswith(_PREFIX):
        path = "/" + path.removeprefix(_PREFIX).partition("/")[2]
    return path, query


def check() -> None:
    """Refuse a MiniStack in which the two places look otherwise.

    Raises:
        EmulatorChangedError: one of them is not as it was.
    """
    build = getattr(lambda_svc, "_build_function_url_event", None)
    if build is None or '"rawPath": path' not in inspect.getsource(build):
        raise EmulatorChangedError(_PLACE)
    serve = getattr(app, "_handle_special_data_plane_request", None)
    if serve is None or not {"raw_path", "raw_query_string"} <= set(
        inspect.signature(serve).parameters
    ):
        raise EmulatorChangedError(_PLACE)


def apply() -> None:
    """Keep the request line, and put it into the event."""
    check()
    serve = app._handle_special_data_plane_request
    build = lambda_svc._build_function_url_event

    async def _serve(*arguments: Any, **named: Any) -> Any:
        path, query = named.get("raw_path"), named.get("raw_query_string")
        token = _asked.set(None if path is None else raw(path, query or ""))
        try:
            return await serve(*arguments, **named)
        finally:
            _asked.reset(token)

    def _build(*arguments: Any, **named: Any) -> dict[str, Any]:
        event: dict[str, Any] = build(*arguments, **named)
        if (asked := _asked.get()) is not None:
            event["rawPath"], event["rawQueryString"] = asked
            event["requestContext"]["http"]["path"] = asked[0]
        return event

    app._handle_special_data_plane_request = _serve
    lambda_svc._build_function_url_event = _build
