"""A function behind a gateway is told the address that it was asked by.

AWS: `requestContext.path` is the path as the client sent it, with the stage before it, and
`X-Forwarded-Proto` the scheme, so that a function can make links to itself.

MiniStack: answers at `/_aws/execute-api/{api}/{stage}/…` too, and tells the function of
`/{stage}/…` and of no scheme. A link made from that leads nowhere.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from ministack.services import apigateway_v1

from infra.local.errors import EmulatorChangedError

if TYPE_CHECKING:
    from collections.abc import Callable

_PLACE: Final = "events of API gateways"
_MADE: Final = '"path": f"/{stage_name}{request_path}",'
_BY_HOST: Final = ".execute-api."
_PREFIX: Final = "/_aws/execute-api"


def check() -> None:
    """Refuse a MiniStack that makes these events otherwise.

    Raises:
        EmulatorChangedError: the place is not as it was.
    """
    if _MADE not in inspect.getsource(apigateway_v1._build_lambda_event_v1):  # noqa: SLF001 - that is the place
        raise EmulatorChangedError(_PLACE)


def apply() -> None:
    """Have every event name its address."""
    check()
    apigateway_v1._build_lambda_event_v1 = addressed(apigateway_v1._build_lambda_event_v1)  # noqa: SLF001 - as above


def addressed(build: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """MiniStack's event, with the address that its request was sent to."""

    @wraps(build)
    def made(*arguments: Any, **named: Any) -> dict[str, Any]:  # noqa: ANN401 - MiniStack's
        event = build(*arguments, **named)
        headers, context = event["headers"], event["requestContext"]
        asked = {name.lower(): value for name, value in headers.items()}
        if "x-forwarded-proto" not in asked:
            headers["X-Forwarded-Proto"] = "http"
            event["multiValueHeaders"]["X-Forwarded-Proto"] = ["http"]
        if _BY_HOST not in asked.get("host", ""):
            context["path"] = f"{_PREFIX}/{context['apiId']}{context['path']}"
        return event

    return made
