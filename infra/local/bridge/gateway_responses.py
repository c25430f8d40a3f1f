"""An API's definition may say how the gateway words its own refusals.

AWS: `x-amazon-apigateway-gateway-responses` in an imported definition sets the gateway responses.

MiniStack: imports paths, integrations and authorizers, and passes over this part.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from ministack.services import apigateway_v1

from infra.local.errors import EmulatorChangedError

if TYPE_CHECKING:
    from collections.abc import Callable

_PLACE: Final = "importing of API definitions"
_EXTENSION: Final = "x-amazon-apigateway-gateway-responses"
_PARTS: Final = {
    "statusCode": "statusCode",
    "responseParameters": "responseParameters",
    "responseTemplates": "responseTemplates",
}


def check() -> None:
    """Refuse a MiniStack that imports definitions otherwise.

    Raises:
        EmulatorChangedError: the place is not as it was, or it is mended there by now.
    """
    source = inspect.getsource(apigateway_v1)
    if "def _import_rest_api(spec, base_data=None):" not in source or _EXTENSION in source:
        raise EmulatorChangedError(_PLACE)


def apply() -> None:
    """Set the gateway responses of every definition that is imported."""
    check()
    apigateway_v1._import_rest_api = completed(apigateway_v1._import_rest_api)  # noqa: SLF001 - that is the place


def completed(imported: Callable[..., str]) -> Callable[..., str]:
    """MiniStack's import, and the part that it passes over."""

    @wraps(imported)
    def complete(spec: dict[str, Any], base_data: dict[str, Any] | None = None) -> str:
        api_id = imported(spec, base_data)
        for kind, response in (spec.get(_EXTENSION) or {}).items():
            data = {_PARTS[name]: value for name, value in response.items()}
            apigateway_v1._put_gateway_response(api_id, kind, data)  # noqa: SLF001 - as above
        return api_id

    return complete
