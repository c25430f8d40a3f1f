"""What every route goes through: who asks, how often, what, once; then the reply or the problem."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chalice.app import Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from tallycast.api.call import Call, Reply, etag
from tallycast.api.idempotency import key_of
from tallycast.api.problems import (
    CONTENT_TYPE,
    BadRequestError,
    RateLimitExceededError,
    RequestTooLargeError,
    UnauthenticatedError,
    UnsupportedMediaTypeError,
    fields_invalid,
    problem_of,
)
from tallycast.aws.observability import MetricUnit, logger, metrics
from tallycast.identity.access import check
from tallycast.identity.model import Principal, Role
from tallycast.identity.plans import plan_of
from tallycast.kernel.errors import NotFoundError, TallycastError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tallycast.api.idempotency import Idempotency
    from tallycast.api.limits import RateLimiter
    from tallycast.api.routes import Route

LARGEST_BODY: Final = 1_000_000
_LARGEST_WHOLE: Final = 2**53  # beyond it a number with a fraction is not exact
JSON_TYPES: Final = ("application/json", "application/merge-patch+json")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,199}")
SERVER_ERROR: Final = 500
_ALWAYS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_SHOWN_TO_BROWSERS: Final = (
    "ETag, Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, "
    "X-Request-Id, Idempotency-Replayed, Deprecation, Sunset"
)


class PathNotFoundError(NotFoundError):
    """An id in the path that none of ours looks like."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What requests are measured against.

    Attributes:
        for_partners: whether machines of partners call, whose times are watched by themselves.
    """

    limiter: RateLimiter
    idempotency: Idempotency
    clock: Callable[[], datetime]
    origins: frozenset[str]
    for_partners: bool


def respond(route: Route, request: Request, gate: Gate) -> Response:
    """Answer one request of one route; whatever happens, the answer is one of ours."""
    started = time.perf_counter()
    request_id = _request_id(request)
    headers = {**_ALWAYS, "X-Request-Id": request_id, **_cors(request, gate.origins)}
    try:
        made = _answer(route, request, gate, request_id, headers)
    except Exception as error:  # noqa: BLE001 - the last one that can answer
        made = _refusal(error, request_id, headers)
    elapsed = (time.perf_counter() - started) * 1000
    failed = made.status_code >= SERVER_ERROR
    if gate.for_partners:
        metrics.add_metric("partner_api_latency", MetricUnit.Milliseconds, elapsed)
    else:
        metrics.add_metric("api_latency", MetricUnit.Milliseconds, elapsed)
    metrics.add_metric("operation_duration", MetricUnit.Milliseconds, elapsed)
    metrics.add_metric("throughput", MetricUnit.Count, 1)
    metrics.add_metric("task_duration", MetricUnit.Milliseconds, elapsed)
    metrics.add_metric("task_success_rate", MetricUnit.Percent, 0.0 if failed else 100.0)
    metrics.add_metric("error_rate", MetricUnit.Percent, 100.0 if failed else 0.0)
    metrics.add_metadata("operation", route.name)
    logger.info("answered", extra={"operation": route.name, "status": made.status_code})
    return made


def preflight(request: Request, gate: Gate, methods: str) -> Response:
    """What a browser asks before it calls from another origin."""
    headers = {**_ALWAYS, **_cors(request, gate.origins), "Allow": methods}
    if "Access-Control-Allow-Origin" in headers:
        headers |= {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, "
            "If-Match, If-None-Match",
            "Access-Control-Max-Age": "600",
        }
    return _response("", 204, headers)


def principal_of(authorizer: Mapping[str, Any] | None) -> Principal:
    """Who asks, from what the authorizer passed on.

    Raises:
        UnauthenticatedError: it passed nothing on.
    """
    try:
        found = authorizer or {}
        return Principal(
            tenant=str(found["tenant"]),
            subject=str(found["subject"]),
            kind=found["kind"],
            role=Role(found["role"]),
            scopes=frozenset(str(found.get("scopes", "")).split()),
            plan=str(found.get("plan", "")),
            sponsor_id=str(found.get("sponsor_id", "")) or None,
        )
    except (KeyError, ValueError) as error:
        raise UnauthenticatedError("sign in, or send an access token or an API key") from error


def _answer(
    route: Route, request: Request, gate: Gate, request_id: str, headers: dict[str, str]
) -> Response:
    now = gate.clock()
    context = request.context
    if route.scope is None:
        principal = _NOBODY
    else:
        principal = principal_of(context.get("authorizer"))
        logger.append_keys(tenant=principal.tenant, subject=principal.subject)
        allowance = gate.limiter.take(
            f"{principal.tenant}#{principal.subject}", plan_of(principal.plan), now
        )
        headers |= allowance.headers()
        if not allowance.allowed:
            metrics.add_metric("rate_limit_hits", MetricUnit.Count, 1)
            what = "requests for today" if allowance.quota else "requests at once"
            raise RateLimitExceededError(
                f"the plan {allowance.plan.name} allows no more {what}: wait as Retry-After says"
            )
        check(principal, route.scope)
    call = Call(
        principal=principal,
        request_id=request_id,
        now=now,
        headers={name.lower(): value for name, value in request.headers.items()},
        raw_body=_body(request),
        base_url=_base_url(request),
    )
    arguments = _arguments(route, request, call)
    if not route.needs_key:
        reply = _done(route, call, arguments)
    else:
        place = f"{principal.tenant}#{principal.subject}#{request.method} {context.get('path', '')}"
        reply = gate.idempotency.once(
            f"{place}#{key_of(call.headers)}",
            call.raw_body,
            request.lambda_context,
            lambda: _done(route, call, arguments),
        )
    headers |= reply["headers"]
    if route.deprecated:
        headers |= {"Deprecation": "true", "Sunset": route.deprecated}
    tag = headers.get("ETag")
    if route.method == "GET" and tag and call.headers.get("if-none-match") == tag:
        return _response("", 304, headers)
    return _response(reply["body"], reply["status"], headers)


def _arguments(route: Route, request: Request, call: Call) -> dict[str, Any]:
    """What the view is called with: path parameters by name, `query`, `body`."""
    given = request.uri_params or {}
    arguments: dict[str, Any] = {}
    for name in route.parameters:
        if not _ID.fullmatch(given[name]):
            raise PathNotFoundError(f"nothing here is called {given[name][:80]!r}")
        arguments[name] = given[name]
    query = _query(request)
    if route.query is not None:
        try:
            arguments["query"] = route.query.model_validate(_lists(query, route.query))
        except ValidationError as error:
            raise fields_invalid(error, "query") from error
    elif query:
        raise BadRequestError(f"this route has no query parameters: {', '.join(sorted(query))}")
    if route.body is bytes:
        arguments["body"] = call.raw_body
    elif route.body is not None:
        arguments["body"] = _read(route.body, call)
    return arguments


def _read(model: Any, call: Call) -> BaseModel:  # noqa: ANN401 - a model's class
    kind = call.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in JSON_TYPES:
        raise UnsupportedMediaTypeError(f"send the body as application/json, not as {kind[:80]}")
    try:
        made: BaseModel = _valid(model, call.raw_body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise BadRequestError(f"the body is no JSON: {first['msg']}") from error
        raise fields_invalid(error, "body") from error
    return made


def _valid(model: Any, body: bytes) -> Any:  # noqa: ANN401 - a model's class, and one of it
    """What a body says; `10.0` is a whole number there, as JSON Schema has it."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        if all(each["type"] != "int_type" for each in error.errors(include_url=False)):
            raise
        spelt = to_json(_whole(from_json(body)))
        return model.model_validate_json(spelt, strict=True)


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same with whole numbers as such."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_WHOLE:
        return int(value)
    return value


def _done(route: Route, call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call the view; its reply as plain JSON, so that it can be remembered."""
    result = route.view(call, **arguments)
    reply = result if isinstance(result, Reply) else Reply(result)
    headers = dict(reply.headers)
    if reply.version is not None:
        headers["ETag"] = etag(reply.version)
    if reply.location is not None:
        headers["Location"] = call.base_url + reply.location
    if reply.body is None:
        return {"status": route.status, "headers": headers, "body": ""}
    headers["Content-Type"] = reply.content_type
    text = reply.body if isinstance(reply.body, str) else reply.body.model_dump_json(by_alias=True)
    return {"status": route.status, "headers": headers, "body": text}


def _refusal(error: Exception, request_id: str, headers: dict[str, str]) -> Response:
    problem = problem_of(error, request_id)
    if problem.status >= SERVER_ERROR:
        logger.exception("failed", exc_info=error)
    elif isinstance(error, TallycastError):
        logger.info("refused", extra={"error": f"{error.code}: {error.message}"})
    if problem.status == 503:  # noqa: PLR2004 - what Retry-After is for
        headers = {"Retry-After": "2", **headers}
    if problem.status == 401:  # noqa: PLR2004 - RFC 6750
        headers = {"WWW-Authenticate": 'Bearer realm="tallycast"', **headers}
    text = problem.model_dump_json(exclude_none=True)
    return _response(text, problem.status, {**headers, "Content-Type": CONTENT_TYPE})


def _response(body: str, status: int, headers: Mapping[str, str]) -> Response:
    return Response(body=body, status_code=status, headers=dict(headers))


# ── the request ──

_NOBODY: Final = Principal(
    tenant="", subject="anonymous", kind="client", role=Role.PARTNER, scopes=frozenset()
)


def _request_id(request: Request) -> str:
    return str(request.context.get("requestId", "")) or "unknown"


def _body(request: Request) -> bytes:
    try:
        body: bytes = request.raw_body  # type: ignore[assignment]  # bytes, whatever Chalice says
    except UnicodeEncodeError as error:
        raise BadRequestError("the body is no UTF-8") from error
    if len(body) > LARGEST_BODY:
        raise RequestTooLargeError(f"a body has at most {LARGEST_BODY} bytes")
    return body


def _query(request: Request) -> dict[str, list[str]]:
    found = request.query_params
    return {} if found is None else {name: list(found.getlist(name)) for name in found}


def _lists(query: dict[str, list[str]], model: Any) -> dict[str, Any]:  # noqa: ANN401 - a class
    """Parameters that came once as they are, unless the model wants a list."""
    fields = model.model_fields
    return {
        name: values
        if len(values) > 1 or (name in fields and "list[" in str(fields[name].annotation))
        else values[0]
        for name, values in query.items()
    }


def _base_url(request: Request) -> str:
    context = request.context
    host = request.headers.get("host", context.get("domainName", ""))
    # The route is a template, with the names of its parameters in it; as many parts belong to it.
    parts = str(context.get("path", "")).split("/")
    stage = "/".join(parts[: -str(request.path).count("/")])
    return f"{request.headers.get('x-forwarded-proto', 'https')}://{host}{stage}"


def _cors(request: Request, origins: frozenset[str]) -> dict[str, str]:
    """Only for the origins that were configured; others get nothing that a browser accepts."""
    origin = request.headers.get("origin", "")
    if origin not in origins:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": _SHOWN_TO_BROWSERS,
        "Vary": "Origin",
    }
