"""A Chalice app from routes: every path explicit, as API Gateway and Chalice must agree on them."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Request, Response

from tallycast.api.idempotency import Idempotency
from tallycast.api.limits import RateLimiter
from tallycast.api.settings import ApiSettings
from tallycast.api.typed import Gate, preflight, respond
from tallycast.aws import clients
from tallycast.aws.observability import logger
from tallycast.kernel.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallycast.api.routes import Route, Routes


def app_of(name: str, resources: Iterable[Routes], *, for_partners: bool) -> Chalice:
    """The app that answers all routes of these resources.

    Args:
        name: of the app.
        resources: with routes that do not overlap.
        for_partners: whether machines of partners call, whose times are watched by themselves.
    """
    app = Chalice(name, configure_logs=False)
    app.log = logger  # type: ignore[assignment]  # Powertools' logger does all that Chalice asks of it

    @cache
    def gate() -> Gate:
        settings = ApiSettings.from_environment()
        return Gate(
            limiter=RateLimiter(clients.table(settings.idempotency_table)),
            idempotency=Idempotency(settings.idempotency_table),
            clock=utc_now,
            origins=settings.origins,
            for_partners=for_partners,
        )

    return routed(app, resources, gate)


def routed(app: Chalice, resources: Iterable[Routes], gate: Callable[[], Gate]) -> Chalice:
    """Add the routes to an app, each with the preflight of its path."""
    methods: dict[str, list[str]] = defaultdict(list)
    for routes in resources:
        for route in routes:
            methods[route.path].append(route.method)
            app.route(route.path, methods=[route.method], content_types=[], name=route.name)(
                _view(app, route, gate)
            )
    for path, allowed in methods.items():
        app.route(path, methods=["OPTIONS"], content_types=[], name=f"preflight {path}")(
            _preflight(app, ", ".join([*sorted(allowed), "OPTIONS"]), gate)
        )
    return app


def _view(app: Chalice, route: Route, gate: Callable[[], Gate]) -> Callable[..., Response]:
    def view(**_: Any) -> Response:  # noqa: ANN401 - the path's parameters, read from the request
        return respond(route, _request(app), gate())

    return view


def _preflight(app: Chalice, methods: str, gate: Callable[[], Gate]) -> Callable[..., Response]:
    def view(**_: Any) -> Response:  # noqa: ANN401 - as above
        return preflight(_request(app), gate(), methods)

    return view


def _request(app: Chalice) -> Request:
    request = app.current_request
    if request is None:
        raise RuntimeError("a view was called outside of a request")
    return request
