"""API Gateway's side of authorization: the request it shows, the policy it wants (REST, v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.identity.tokens.access import TokenRefusedError
from tallycast.kernel.schema import Received

if TYPE_CHECKING:
    from tallycast.identity.model import Principal


class AuthorizerRequest(Received):
    """The event of a REQUEST authorizer; headers by any spelling of their names."""

    methodArn: str  # noqa: N815 - API Gateway's name
    headers: dict[str, str] | None = None
    multiValueHeaders: dict[str, list[str]] | None = None  # noqa: N815 - as above


def credential_of(request: AuthorizerRequest) -> str:
    """The token or key of a request: `Authorization: Bearer …`, or `X-Api-Key`.

    Raises:
        TokenRefusedError: there is none, or more than one.
    """
    bearer = _only(request, "authorization")
    if not bearer:
        key = _only(request, "x-api-key").strip()
        if not key:
            raise TokenRefusedError("there is no credential")
        return key
    scheme, _, credential = bearer.strip().partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise TokenRefusedError("it is no bearer credential")
    return credential.strip()


def _only(request: AuthorizerRequest, wanted: str) -> str:
    many = {
        value
        for name, values in (request.multiValueHeaders or {}).items()
        if name.lower() == wanted
        for value in values
    }
    many |= {value for name, value in (request.headers or {}).items() if name.lower() == wanted}
    if len(many) > 1:
        raise TokenRefusedError(f"there is more than one {wanted} header")
    return many.pop() if many else ""


def allowed(principal: Principal, method_arn: str) -> dict[str, Any]:
    """Let a principal through to the whole stage: what it may do there, the routes decide."""
    return _policy(
        "Allow",
        method_arn,
        principal.subject,
        {
            "tenant": principal.tenant,
            "subject": principal.subject,
            "kind": principal.kind,
            "role": principal.role.value,
            "scopes": " ".join(sorted(principal.scopes)),
            "plan": principal.plan,
            "sponsor_id": principal.sponsor_id or "",
        },
    )


def denied(method_arn: str) -> dict[str, Any]:
    """Let somebody through to nothing."""
    return _policy("Deny", method_arn, "nobody", {})


def _policy(effect: str, method_arn: str, subject: str, context: dict[str, str]) -> dict[str, Any]:
    # The gateway keeps the answer for every request with the same credential, whatever its path.
    api, stage, *_ = method_arn.split("/")
    return {
        "principalId": subject,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": effect,
                    "Resource": f"{api}/{stage}/*",
                }
            ],
        },
        "context": context,
    }
