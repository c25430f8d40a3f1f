"""Call the routes as API Gateway does, on moto: events of its shape, answers as a client sees them."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chalice.app import Chalice

from tallycast.api.app import app_of
from tallycast.api.openapi import errors_of
from tallycast.api.problems import slug, status_of
from tallycast.api.resources import API, PARTNER_API
from tallycast.identity.access import scopes_of
from tallycast.identity.model import Principal, Role
from tests.support.stacks import Stacks, aws_stacks

_requests = count(1)


def a_principal(role: Role = Role.OWNER, **facts: Any) -> Principal:
    """Somebody of a tenant, with every scope of the role."""
    known = {
        "tenant": "acme",
        "subject": f"usr_{role.value}",
        "kind": "client" if role is Role.PARTNER else "person",
        "role": role,
        "scopes": scopes_of(role),
        "plan": "network",
    }
    return Principal(**(known | facts))


@dataclass(frozen=True)
class Answer:
    """What a client sees."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def etag(self) -> str:
        return self.headers["etag"]


class Context:
    """Lambda's."""

    function_name = "api"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:api"
    aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


@dataclass(frozen=True)
class ApiClient:
    """Somebody who calls an app; `principal` None for nobody."""

    app: Chalice
    principal: Principal | None = field(default_factory=a_principal)
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_(self, principal: Principal | None) -> ApiClient:
        """Somebody else at the same app."""
        return replace(self, principal=principal)

    def get(self, url: str, **more: Any) -> Answer:
        return self.send("GET", url, **more)

    def post(self, url: str, body: Any = None, **more: Any) -> Answer:
        """With an idempotency key of its own, unless one is given (or `key=None`)."""
        more.setdefault("key", f"key-{next(_requests)}")
        return self.send("POST", url, body, **more)

    def put(self, url: str, body: Any = None, **more: Any) -> Answer:
        return self.send("PUT", url, body, **more)

    def patch(self, url: str, body: Any = None, **more: Any) -> Answer:
        return self.send("PATCH", url, body, **more)

    def delete(self, url: str, **more: Any) -> Answer:
        return self.send("DELETE", url, **more)

    def send(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        key: str | None = None,
        if_match: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        parts = urlsplit(url)
        resource, parameters = self._resource(parts.path)
        sent = {"host": "api.example", "x-forwarded-proto": "https", **self.headers}
        if body is not None:
            sent["content-type"] = "application/json"
        if key is not None:
            sent["idempotency-key"] = key
        if if_match is not None:
            sent["if-match"] = if_match
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        query = parse_qsl(parts.query, keep_blank_values=True)
        multi: dict[str, list[str]] = {}
        for name, value in query:
            multi.setdefault(name, []).append(value)
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        context: dict[str, Any] = {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/live{parts.path}",
            "stage": "live",
            "requestId": f"req-{next(_requests)}",
            "identity": {"sourceIp": "192.0.2.9"},
        }
        if self.principal is not None:
            context["authorizer"] = passed_on(self.principal)
        event = {
            "resource": resource,
            "path": parts.path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": dict(query) or None,
            "multiValueQueryStringParameters": multi or None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": context,
            **_carried(content),
        }
        found = self.app(event, Context())
        shown = {
            **{name.lower(): values[-1] for name, values in found["multiValueHeaders"].items()},
            **{name.lower(): str(value) for name, value in found["headers"].items()},
        }
        answer = Answer(found["statusCode"], shown, found["body"])
        _documented(method, resource, answer)
        return answer

    def _resource(self, path: str) -> tuple[str, dict[str, str]]:
        """The gateway's part: the most specific route that the path matches."""
        for template in sorted(self.app.routes, key=lambda each: each.count("{")):
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
            found = re.fullmatch(pattern, path)
            if found:
                return template, found.groupdict()
        raise AssertionError(f"no route for {path}")


_ROUTES = {(route.method, route.path): route for each in (*API, *PARTNER_API) for route in each}


def _documented(method: str, resource: str, answer: Answer) -> None:
    """Whatever a test is about: a refusal is one that the route's documentation names."""
    route = _ROUTES.get((method, resource))
    if route is None or not 400 <= answer.status < 500:
        return
    known = {slug(error): status_of(error) for error in errors_of(route)}
    code = answer.json()["code"]
    assert known.get(code) == answer.status, f"{route.name}: {answer.status} {code}: undocumented"


def _carried(content: bytes) -> dict[str, Any]:
    """A body as the gateway passes it on: text as it is, anything else in base64."""
    try:
        return {"body": content.decode() or None, "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}


def passed_on(principal: Principal) -> dict[str, str]:
    """What the authorizer passes on of a principal."""
    return {
        "tenant": principal.tenant,
        "subject": principal.subject,
        "kind": principal.kind,
        "role": principal.role.value,
        "scopes": " ".join(sorted(principal.scopes)),
        "plan": principal.plan,
        "sponsor_id": principal.sponsor_id or "",
    }


def environment(stacks: Stacks) -> dict[str, str]:
    """What the HTTP functions read."""
    outputs = stacks.outputs
    return {
        "CORE_TABLE": outputs["CoreTable"],
        "METRICS_TABLE": outputs["MetricsTable"],
        "PRIVACY_TABLE": outputs["PrivacyTable"],
        "KEY_RETENTION_MONTHS": "13",
        "EXPORTS_BUCKET": outputs["ExportsBucket"],
        "EXPORT_QUEUE_URL": outputs["ExportQueueUrl"],
        "IDEMPOTENCY_TABLE": outputs["IdempotencyTable"],
        "USER_POOL_ID": "eu-central-1_nobody",
        "ALLOWED_ORIGINS": "https://app.example",
        "DELIVERIES_TABLE": outputs["DeliveriesTable"],
        "SENDS_URL": outputs["SendsUrl"],
        "SECRETS_KEY": outputs["SecretsKeyArn"],
        "HOOKS_BUCKET": outputs["HooksBucket"],
        "CONNECTIONS_SECRET": outputs["ConnectionsSecret"],
        "HOOK_MESSAGES_URL": outputs["HookMessagesUrl"],
    }


@contextmanager
def api_platform(**more: str) -> Iterator[tuple[Stacks, ApiClient, ApiClient]]:
    """The stacks, the app's client and a partner's client, each as the owner of acme."""
    with aws_stacks() as stacks:
        before = dict(os.environ)
        os.environ.update(environment(stacks) | more)
        try:
            yield (
                stacks,
                ApiClient(app_of("api", API, for_partners=False)),
                ApiClient(
                    app_of("partner_api", PARTNER_API, for_partners=True),
                    a_principal(Role.PARTNER),
                ),
            )
        finally:
            os.environ.clear()
            os.environ.update(before)
