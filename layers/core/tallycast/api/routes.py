"""Routes, declared once: for the app, the gateway, the access table and the OpenAPI file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from tallycast.identity.access import GRANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import BaseModel

    from tallycast.kernel.errors import TallycastError

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
V = TypeVar("V", bound="Callable[..., Any]")
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Attributes:
        scope: what the caller's credential must carry; None for a route that authenticates
            otherwise (a provider's signature, an OAuth state) or shows nothing of anybody.
        body: model of the JSON body; `bytes` for routes that read the raw body themselves.
        query: model of the query string.
        returns: model of the reply; None for 204; `str` for other types than JSON.
        status: of success.
        raises: errors of its own that a caller can meet, beside those that every route has.
        versioned: the reply carries an ETag; a change needs `If-Match`.
        idempotent: a POST that needs no `Idempotency-Key`, as repeating it changes nothing.
        content_type: of the reply.
    """

    method: Method
    path: str
    view: Callable[..., Any]
    tag: str
    scope: str | None
    body: type[BaseModel | bytes] | None = None
    query: type[BaseModel] | None = None
    returns: type[BaseModel | str] | None = None
    status: int = 200
    raises: tuple[type[TallycastError], ...] = ()
    versioned: bool = False
    idempotent: bool = False
    content_type: str = "application/json"
    deprecated: str | None = None  # date of `Sunset`, for a route that is going to end

    @property
    def name(self) -> str:
        """The operation's id: the name of its view."""
        return str(self.view.__name__)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path's parameters."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def needs_key(self) -> bool:
        """Whether a request must carry an `Idempotency-Key`."""
        return self.method == "POST" and self.scope is not None and not self.idempotent


@dataclass(slots=True)
class Routes:
    """The routes of one resource: `campaigns = Routes("campaigns")`, then `@campaigns.get(…)`."""

    tag: str
    description: str = ""
    _routes: list[Route] = field(default_factory=list)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def get(self, path: str, *, scope: str | None, **what: Any) -> Callable[[V], V]:  # noqa: ANN401 - the fields of Route
        """A read."""
        return self._add("GET", path, scope, **what)

    def post(self, path: str, *, scope: str | None, **what: Any) -> Callable[[V], V]:  # noqa: ANN401 - the fields of Route
        """A creation (201 unless `status` says otherwise) or a command."""
        return self._add("POST", path, scope, **{"status": 201, **what})

    def put(self, path: str, *, scope: str | None, **what: Any) -> Callable[[V], V]:  # noqa: ANN401 - the fields of Route
        """A replacement of the whole."""
        return self._add("PUT", path, scope, **what)

    def patch(self, path: str, *, scope: str | None, **what: Any) -> Callable[[V], V]:  # noqa: ANN401 - the fields of Route
        """A change of what the body names (RFC 7396): read it with `exclude_unset`."""
        return self._add("PATCH", path, scope, **what)

    def delete(self, path: str, *, scope: str | None, **what: Any) -> Callable[[V], V]:  # noqa: ANN401 - the fields of Route
        """A removal; 204 unless `status` says otherwise."""
        return self._add("DELETE", path, scope, **{"status": 204, **what})

    def _add(self, method: Method, path: str, scope: str | None, **what: Any) -> Callable[[V], V]:  # noqa: ANN401 - as above
        if scope is not None and scope not in GRANTS:
            raise LookupError(f"{method} {path}: no such scope in the access table: {scope}")

        def added(view: V) -> V:
            self._routes.append(
                Route(method=method, path=path, view=view, tag=self.tag, scope=scope, **what)
            )
            return view

        return added
