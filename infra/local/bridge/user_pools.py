"""Sign-ins go on, change and end as at Cognito.

AWS: an app client with refresh-token rotation gives a new refresh token at every refresh, and the
one before is good for the grace period only; `/oauth2/revoke` ends a refresh token and what came
from it; `auth_time` stays that of the sign-in; the token trigger is told of the user at a refresh
too, and when it fails, no token is issued.

MiniStack: refresh tokens stay as they are; there is no `/oauth2/revoke`; `auth_time` is that of the
token; at a refresh the trigger is told of nobody; when it fails, tokens are issued without it.
"""

# ruff: noqa: SLF001, ANN401 - mending MiniStack means reaching into it

from __future__ import annotations

import inspect
import json
import os
import time
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.services import cognito
from ministack.services.cloudformation import provisioners

from infra.local.errors import EmulatorChangedError

_PLACE = "user pools"
_ROTATION = "RefreshTokenRotation"
_GONE_AT = "tallycast_gone_at"  # in the record of a refresh token that was rotated
_STRICT = "MINISTACK_COGNITO_PRETOKEN_STRICT"
_JSON = {"Content-Type": "application/json"}
_BAD_REQUEST = 400

Answer = tuple[int, dict[str, str], bytes]
_signed_in: dict[str, int] = {}
"""`auth_time` of each sign-in, by the `origin_jti` that its tokens share; lost at a restart."""


def check() -> None:
    """Refuse a MiniStack in which the places look otherwise.

    Raises:
        EmulatorChangedError: one of them is not as it was.
    """
    wanted = {
        cognito._create_user_pool_client: ("data",),
        cognito._update_user_pool_client: ("data",),
        cognito._oauth2_token: ("data", "query_params", "raw_body", "headers"),
        cognito._signed_jwt: ("claims", "pool_id", "use"),
        app._handle_cognito_body_request: ("method", "path", "headers", "body", "query_params"),
    }
    for function, parameters in wanted.items():
        if tuple(inspect.signature(function).parameters) != parameters:
            raise EmulatorChangedError(_PLACE)
    names = inspect.signature(cognito._build_pretoken_event).parameters
    if not {"pool_id", "username", "user_attrs"} <= set(names):
        raise EmulatorChangedError(_PLACE)
    if _ROTATION in provisioners._COGNITO_USER_POOL_CLIENT_UPDATABLE:
        raise EmulatorChangedError(_PLACE)


def apply() -> None:
    """Mend user pools."""
    check()
    os.environ[_STRICT] = "1"
    provisioners._COGNITO_USER_POOL_CLIENT_UPDATABLE[_ROTATION] = {}
    _keep_rotation("_create_user_pool_client")
    _keep_rotation("_update_user_pool_client")
    _keep_time_of_sign_in()
    _tell_trigger_of_user()
    _rotate()
    _serve_revocation()


def _keep_rotation(name: str) -> None:
    """Remember the one setting of an app client that MiniStack drops."""
    write = getattr(cognito, name)

    def _write(data: dict[str, Any]) -> Answer:
        answer: Answer = write(data)
        if answer[0] < _BAD_REQUEST and _ROTATION in data:
            written = json.loads(answer[2])["UserPoolClient"]
            client = cognito._user_pools[written["UserPoolId"]]["_clients"][written["ClientId"]]
            client[_ROTATION] = data[_ROTATION]
        return answer

    setattr(cognito, name, _write)


def _keep_time_of_sign_in() -> None:
    sign = cognito._signed_jwt

    def _sign(claims: dict[str, Any], pool_id: str = "", use: str = "") -> str:
        if "auth_time" in claims and "origin_jti" in claims:
            began = _signed_in.setdefault(claims["origin_jti"], claims["auth_time"])
            claims = {**claims, "auth_time": began}
        token: str = sign(claims, pool_id, use)
        return token

    cognito._signed_jwt = _sign


def _tell_trigger_of_user() -> None:
    build = cognito._build_pretoken_event

    def _build(**named: Any) -> dict[str, Any]:
        user = (
            (cognito._get_pool_unscoped(named["pool_id"]) or {})
            .get("_users", {})
            .get(named["username"])
        )
        if user and not named["user_attrs"]:
            named["user_attrs"] = cognito._attr_list_to_dict(user.get("Attributes", []))
        event: dict[str, Any] = build(**named)
        return event

    cognito._build_pretoken_event = _build


def _rotate() -> None:
    issue = cognito._oauth2_token

    def _issue(data: Any, query_params: Any, raw_body: bytes = b"", headers: Any = None) -> Answer:
        form = _form(raw_body)
        old = form.get("refresh_token", "")
        entry = cognito._refresh_tokens.get(old)
        if form.get("grant_type") != "refresh_token" or entry is None:
            answer: Answer = issue(data, query_params, raw_body, headers)
            return answer
        asking, _ = cognito._authenticate_client(headers or {}, form)
        if asking != entry["client_id"] or entry.get(_GONE_AT, time.time() + 1) < time.time():
            return _refused("invalid_grant")
        answer = issue(data, query_params, raw_body, headers)
        client = cognito._find_pool_by_client_id(asking)[2] or {}
        rotation = client.get(_ROTATION) or {}
        if answer[0] >= _BAD_REQUEST or rotation.get("Feature") != "ENABLED":
            return answer
        fresh = _successor(old, entry)
        entry.setdefault(_GONE_AT, time.time() + int(rotation.get("RetryGracePeriodSeconds", 0)))
        body = {**json.loads(answer[2]), "refresh_token": fresh}
        return answer[0], answer[1], json.dumps(body).encode()

    cognito._oauth2_token = _issue


def _successor(old: str, entry: dict[str, Any]) -> str:
    """A new refresh token of the same sign-in, in MiniStack's books."""
    claims = cognito._token_claims(old)
    fresh: str = cognito._fake_token(
        claims["sub"],
        entry["pool_id"],
        entry["client_id"],
        "refresh",
        origin_jti=claims.get("origin_jti", ""),
        scope=claims.get("scope"),
    )
    cognito._refresh_tokens[fresh] = {k: v for k, v in entry.items() if k != _GONE_AT}
    return fresh


def _serve_revocation() -> None:
    serve = app._handle_cognito_body_request

    async def _serve(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: Any
    ) -> Any:
        if path == "/oauth2/revoke" and method == "POST":
            return revoked(_form(body), headers)
        return await serve(method, path, headers, body, query_params)

    app._handle_cognito_body_request = _serve


def revoked(form: dict[str, str], headers: dict[str, str]) -> Answer:
    """Answer a request to `/oauth2/revoke` (RFC 7009): a token that is none is no error."""
    asking, secret = cognito._authenticate_client(headers, form)
    client = cognito._find_pool_by_client_id(asking)[2]
    if client is None or secret != (client.get("ClientSecret") or ""):
        return _refused("invalid_client")
    token = form.get("token", "")
    if not token:
        return _refused("invalid_request")
    claims = cognito._token_claims(token)
    if claims.get("token_use") not in {None, "refresh"}:
        return _refused("unsupported_token_type")
    if claims.get("client_id") == asking:
        cognito._revoke_token({"Token": token})
    return 200, dict(_JSON), b""


def _form(body: bytes) -> dict[str, str]:
    asked = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in asked.items()}


def _refused(error: str) -> Answer:
    return _BAD_REQUEST, dict(_JSON), json.dumps({"error": error}).encode()
