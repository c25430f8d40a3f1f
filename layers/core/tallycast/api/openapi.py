"""The OpenAPI 3.1 document of an app, generated from the routes and models that it runs on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from tallycast.api.call import IfMatchRequiredError
from tallycast.api.idempotency import IdempotencyKeyReusedError, RequestInProgressError
from tallycast.api.numbers import CSV, TableQuery
from tallycast.api.paging import CursorInvalidError, PageQuery
from tallycast.api.problems import (
    CONTENT_TYPE,
    TITLES,
    BadRequestError,
    FieldsInvalidError,
    Problem,
    RateLimitExceededError,
    RequestTooLargeError,
    UnauthenticatedError,
    UnsupportedMediaTypeError,
    slug,
    status_of,
)
from tallycast.api.typed import PathNotFoundError
from tallycast.identity.access import GRANTS, RoleNotAllowedError, ScopeMissingError
from tallycast.kernel.errors import NotFoundError, StaleError, TallycastError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallycast.api.routes import Route, Routes

VERSION: Final = "1.0.0"
_REF: Final = "#/components/schemas/{model}"
_GENERIC: Final = re.compile(r"^PageOf_(\w+)_$")
_ID_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,199}$"
_CHANGES: Final = ("PUT", "PATCH", "DELETE")
# Headings over the tags, for pages that show the document.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Organisation": ("me", "tenant", "people", "invitations", "clients", "api-keys", "audit"),
    "Numbers": ("shows", "downloads", "audience", "reports", "exports"),
    "Sponsorship": (
        "sponsors",
        "agencies",
        "orders",
        "rates",
        "campaigns",
        "spots",
        "creatives",
        "codes",
        "delivery",
        "conversions",
        "inventory",
        "invoices",
    ),
    "Other systems": ("webhooks", "webhook deliveries", "hooks", "receiving", "connections"),
}
Json = dict[str, Any]
Names = dict[tuple[object, str], str]  # component by model and use


class _Untitled(GenerateJsonSchema):
    """A field's name says what it would be called: no `title` beside it."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's
        return False


def document(title: str, description: str, resources: Iterable[Routes]) -> Json:
    """The whole document, as plain JSON; the same every time.

    Args:
        title: of the API.
        description: in Markdown.
        resources: its routes.
    """
    resources = list(resources)
    routes = [route for each in resources for route in each]
    names, schemas = _schemas(routes)
    paths: dict[str, Json] = {}
    for route in sorted(routes, key=lambda each: each.path):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": VERSION,
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "contact": {"name": "Tallycast", "url": "https://github.com/tallycast/tallycast"},
        },
        "servers": [
            {
                "url": "https://{host}/live",
                "description": "Where your operator runs it",
                "variables": {"host": {"default": "api.example.com"}},
            }
        ],
        "tags": [
            {"name": tag, "x-displayName": _shown(tag), "description": text or tag}
            for tag, text in {each.tag: each.description for each in resources}.items()
        ],
        "x-tagGroups": _groups([*dict.fromkeys(each.tag for each in resources)]),
        "security": [{"oauth2": []}, {"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": _security_schemes(),
            "headers": _HEADERS,
            "parameters": _PARAMETERS,
            "responses": _common_responses(),
            "schemas": schemas,
        },
    }


def _shown(tag: str) -> str:
    """`api-keys` → `API keys`, as a heading."""
    words = tag.replace("-", " ")
    return (words[0].upper() + words[1:]).replace("Api ", "API ")


def _groups(tags: list[str]) -> list[Json]:
    """The tags under headings, each once; a page that knows headings shows nothing beside them."""
    grouped = {tag for group in GROUPS.values() for tag in group}
    groups = {**GROUPS, "More": tuple(tag for tag in tags if tag not in grouped)}
    found = {name: [tag for tag in group if tag in tags] for name, group in groups.items()}
    return [{"name": name, "tags": group} for name, group in found.items() if group]


def errors_of(route: Route) -> list[type[TallycastError]]:
    """Every kind of error that a caller of a route can meet, but for those that are ours."""
    found: list[type[TallycastError]] = []
    if route.scope is not None:
        found += [
            UnauthenticatedError,
            ScopeMissingError,
            RoleNotAllowedError,
            RateLimitExceededError,
        ]
    found.append(BadRequestError)
    if route.parameters:
        found += [PathNotFoundError, NotFoundError]
    if route.query is not None:
        found.append(FieldsInvalidError)
        if issubclass(route.query, PageQuery):
            found.append(CursorInvalidError)
    if route.body is not None:
        found.append(RequestTooLargeError)
        if route.body is not bytes:
            found += [FieldsInvalidError, UnsupportedMediaTypeError]
    if route.needs_key:
        found += [IdempotencyKeyReusedError, RequestInProgressError]
    if route.versioned and route.method in _CHANGES:
        found += [StaleError, IfMatchRequiredError]
    return [*dict.fromkeys([*found, *route.raises])]


def _schemas(routes: list[Route]) -> tuple[Names, Json]:
    """Component names by model and use, and the components."""
    used: dict[tuple[type[BaseModel], Any], None] = {(Problem, "serialization"): None}
    for route in routes:
        if isinstance(route.body, type) and issubclass(route.body, BaseModel):
            used[route.body, "validation"] = None
        if isinstance(route.returns, type) and issubclass(route.returns, BaseModel):
            used[route.returns, "serialization"] = None
    refs, schema = models_json_schema(list(used), ref_template=_REF, schema_generator=_Untitled)
    names = {key: str(ref["$ref"]).rpartition("/")[2] for key, ref in refs.items()}
    renamed = {name: _readable(name) for name in schema.get("$defs", {})}
    schemas = {renamed[name]: _with_names(part, renamed) for name, part in schema["$defs"].items()}
    for route in routes:
        if route.method == "PATCH" and (route.body, "validation") in names:
            _without_defaults(schemas[renamed[names[route.body, "validation"]]])  # type: ignore[index]  # as above
    readable: Names = {key: renamed[name] for key, name in names.items()}
    return readable, dict(sorted(schemas.items()))


def _without_defaults(schema: Json) -> None:
    """What a PATCH does not name stays as it is: nothing of it has a default."""
    for part in schema.get("properties", {}).values():
        part.pop("default", None)


def _readable(name: str) -> str:
    """`PageOf_CampaignView_` → `CampaignViewPage`."""
    found = _GENERIC.match(name)
    return f"{found[1]}Page" if found else name


def _with_names(part: Any, renamed: dict[str, str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(part, list):
        return [_with_names(each, renamed) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _with_names(value, renamed) for name, value in part.items()}
    if isinstance(made.get("$ref"), str):
        start, slash, name = made["$ref"].rpartition("/")
        made["$ref"] = f"{start}{slash}{renamed.get(name, name)}"
    if isinstance(made.get("title"), str) and "[" in made["title"]:
        made["title"] = re.sub(r"^PageOf\[(\w+)\]$", r"\1Page", made["title"])
    return made


def _operation(route: Route, names: Names) -> Json:
    summary, _, rest = (route.view.__doc__ or route.name).strip().partition("\n")
    description = "\n".join(line.strip() for line in rest.strip().splitlines())
    operation: Json = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": summary.rstrip("."),
        "description": _described(route, description) or summary,
        "parameters": _parameters(route),
        "responses": _responses(route, names),
        "security": _security(route),
    }
    if route.deprecated:
        operation["deprecated"] = True
    if route.body is bytes:
        content: Json = {"application/octet-stream": {"schema": _BYTES}}  # whatever it is
        operation["requestBody"] = {"required": True, "content": content}
    elif route.body is not None:
        kind = "application/merge-patch+json" if route.method == "PATCH" else _JSON
        ref = _REF.format(model=names[route.body, "validation"])
        # One type alone, though a PATCH is taken as plain JSON as well: generators of clients
        # stumble over two of one model.
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": {"$ref": ref}}}}
    return operation


_JSON: Final = "application/json"
_BYTES: Final[Json] = {"type": "string", "format": "binary"}


def _described(route: Route, text: str) -> str:
    """What an operation does, and who may."""
    if route.scope is None:
        return text
    roles = ", ".join(sorted(role.value for role in GRANTS[route.scope]))
    return f"{text}\n\nNeeds the scope `{route.scope}`; open to the roles {roles}.".strip()


def _security(route: Route) -> list[Json]:
    if route.scope is None:
        return []
    return [{"oauth2": [f"tallycast/{route.scope}"]}, {"apiKey": []}]


def _parameters(route: Route) -> list[Json]:
    made: list[Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": f"Id of the {name.removesuffix('_id').replace('_', ' ')}",
            "schema": {"type": "string", "pattern": _ID_PATTERN},
        }
        for name in route.parameters
    ]
    if route.query is not None:
        schema = route.query.model_json_schema(ref_template=_REF, schema_generator=_Untitled)
        definitions = schema.get("$defs", {})
        made += [
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []),
                "description": part.get("description", name.replace("_", " ")),
                "schema": _inlined(
                    {k: v for k, v in part.items() if k != "description"}, definitions
                ),
            }
            for name, part in schema.get("properties", {}).items()
        ]
    if route.needs_key:
        made.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if route.versioned and route.method in _CHANGES:
        made.append({"$ref": "#/components/parameters/IfMatch"})
    if route.versioned and route.method == "GET":
        made.append({"$ref": "#/components/parameters/IfNoneMatch"})
    return made


def _inlined(part: Any, definitions: Json) -> Any:  # noqa: ANN401 - any JSON
    """Query models have no components of their own: what they refer to stands in its place.

    A parameter that is not sent is simply absent; `null` cannot be sent in a query.
    """
    if isinstance(part, list):
        return [_inlined(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    made = {name: _inlined(value, definitions) for name, value in part.items()}
    choices = [each for each in made.get("anyOf", []) if each != {"type": "null"}]
    if "anyOf" in made and len(choices) == 1:
        made = {**{k: v for k, v in made.items() if k != "anyOf"}, **choices[0]}
    if made.get("default", "") is None:
        del made["default"]
    return made


def _responses(route: Route, names: Names) -> Json:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    good: Json = {"description": "Done", "headers": headers}
    if route.scope is not None:
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_HEADERS}
    if route.versioned:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if route.status in {201, 202, 302}:
        headers["Location"] = {"$ref": "#/components/headers/Location"}
    if route.returns is str:
        good["content"] = {route.content_type: {"schema": {"type": "string"}}}
    elif route.returns is not None:
        ref = _REF.format(model=names[route.returns, "serialization"])
        good["content"] = {_JSON: {"schema": {"$ref": ref}}}
        if route.query is not None and issubclass(route.query, TableQuery):
            good["content"][CSV] = {"schema": {"type": "string"}}
    responses: Json = {str(route.status): good}
    if route.versioned and route.method == "GET":
        responses["304"] = {"$ref": "#/components/responses/304"}
    by_status: dict[int, list[type[TallycastError]]] = {}
    for error in errors_of(route):
        by_status.setdefault(status_of(error), []).append(error)
    for status in sorted({*by_status, *_OF_OURS}):
        errors = by_status.get(status, [])
        common = set(errors) <= set(_COMMON.get(status, ()))
        responses[str(status)] = (
            {"$ref": f"#/components/responses/{status}"}
            if common
            else _problem(status, [slug(error) for error in errors])
        )
    return responses


def _problem(status: int, codes: list[str]) -> Json:
    return {
        "description": f"{TITLES[status]}: {', '.join(f'`{code}`' for code in codes)}",
        "content": {CONTENT_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
    }


def _common_responses() -> Json:
    """Refusals that read the same on every route."""
    made = {
        str(status): _problem(status, [slug(error) for error in errors])
        for status, errors in _COMMON.items()
    }
    made |= {str(status): _problem(status, [code]) for status, code in _OF_OURS.items()}
    return {"304": {"description": "Not changed since"}, **dict(sorted(made.items()))}


_OF_OURS: Final = {500: "internal", 503: "service-unavailable"}
_COMMON: Final[dict[int, tuple[type[TallycastError], ...]]] = {
    400: (BadRequestError,),
    401: (UnauthenticatedError,),
    403: (ScopeMissingError, RoleNotAllowedError),
    412: (StaleError,),
    413: (RequestTooLargeError,),
    415: (UnsupportedMediaTypeError,),
    428: (IfMatchRequiredError,),
    429: (RateLimitExceededError,),
}


def _security_schemes() -> Json:
    scopes = {f"tallycast/{scope}": f"{scope.replace(':', ', ')}" for scope in sorted(GRANTS)}
    base = "https://auth.example.com/oauth2"
    return {
        "oauth2": {
            "type": "oauth2",
            "description": "People sign in with code and PKCE; machines use client credentials. "
            "Your operator names the host.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": f"{base}/authorize",
                    "tokenUrl": f"{base}/token",
                    "refreshUrl": f"{base}/token",
                    "scopes": scopes,
                },
                "clientCredentials": {"tokenUrl": f"{base}/token", "scopes": scopes},
            },
        },
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "tc_live_…",
            "description": "A long-lived API key in the place of an access token",
        },
    }


_RATE_HEADERS: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_HEADERS: Final[Json] = {
    "X-Request-Id": {"description": "Names this request in logs", "schema": {"type": "string"}},
    "ETag": {
        "description": "Version of the thing; send it as If-Match",
        "schema": {"type": "string"},
    },
    "Location": {"description": "Address of what was created", "schema": {"type": "string"}},
    "RateLimit-Limit": {"description": "Requests at once", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "Requests left at once", "schema": {"type": "integer"}},
    "RateLimit-Reset": {
        "description": "Seconds until all of them are back",
        "schema": {"type": "integer"},
    },
}
_PARAMETERS: Final[Json] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "New for every new request; the same when a request is sent again. "
        "Kept for 24 hours.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$", "maxLength": 255},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "ETag of the version that this changes",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "ETag of the version that is known: 304 if it is still this",
        "schema": {"type": "string"},
    },
}
