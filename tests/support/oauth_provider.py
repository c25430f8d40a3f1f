"""An OAuth 2.0 provider on loopback: PKCE, refresh tokens good for one use, RFC 7009, and moods.

A refresh token that is used a second time ends the whole family, as RFC 9700 §4.14.2 has it.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge

CLIENT_ID, CLIENT_SECRET = "a client/of ours", "s3cret:&="


@dataclass
class Family:
    """Everything that came of one consent."""

    refresh: str
    access: list[str]
    generation: int = 1
    ended: bool = False


@dataclass(frozen=True)
class Said:
    """An answer out of the ordinary."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class OAuthProvider:
    """What it was asked, and what it gave; `moods` are answers used up one by one."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.families: list[Family] = []
        self.asked: list[dict[str, str]] = []
        self.revoked: list[str] = []
        self.moods: list[Said | Callable[[], None]] = []
        self.rotates = True
        self.auth = "basic"
        self.answer: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3600, "scope": "read"}
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
                said = provider.post(self.path, form, self.headers.get("authorization"))
                self.send_response(said.status)
                for name, value in {"Content-Type": "application/json", **said.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                try:
                    self.wfile.write(said.body)
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def entry(self, **more: Any) -> dict[str, Any]:
        """What the secret says of it."""
        return {
            "title": "Loopback",
            "authorize_url": self.url("/authorize"),
            "token_url": self.url("/token"),
            "revoke_url": self.url("/revoke"),
            "scopes": ["read"],
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "client_auth": self.auth,
            **more,
        }

    def consent(self, authorization_url: str) -> dict[str, str]:
        """A person says yes: what it brings back to us."""
        asked = {
            name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()
        }
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    # ── its endpoints ──

    def post(self, path: str, form: dict[str, str], authorization: str | None) -> Said:
        with self._lock:
            self.asked.append({"path": path, **form})
            mood = self.moods.pop(0) if self.moods else None
            if isinstance(mood, Said):
                return mood
            client = self._client(form, authorization)
            if client != (CLIENT_ID, CLIENT_SECRET):
                made = _error("invalid_client", 401)
            elif path == "/revoke":
                made = self._revoke(form)
            elif form.get("grant_type") == "authorization_code":
                made = self._code(form)
            else:
                made = self._refresh(form)
        if mood is not None:
            mood()  # between what it gave and its answer
        return made

    def _client(self, form: dict[str, str], authorization: str | None) -> tuple[str, str]:
        if self.auth == "post":
            return form.get("client_id", ""), form.get("client_secret", "")
        given = base64.b64decode((authorization or "").removeprefix("Basic ")).decode()
        name, _, secret = given.partition(":")
        return unquote(name), unquote(secret)

    def _code(self, form: dict[str, str]) -> Said:
        asked = self.codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return _error("invalid_grant")
        if "code_challenge" in asked:
            assert asked["code_challenge_method"] == "S256"
            if create_s256_code_challenge(form.get("code_verifier", "")) != asked["code_challenge"]:
                return _error("invalid_grant")
        family = Family(secrets.token_urlsafe(16), [])
        self.families.append(family)
        return self._gave(family)

    def _refresh(self, form: dict[str, str]) -> Said:
        given = form.get("refresh_token", "")
        for family in self.families:
            if family.refresh == given and not family.ended:
                family.generation += 1
                if self.rotates:
                    family.refresh = f"{family.refresh.partition('.')[0]}.{family.generation}"
                return self._gave(family)
            if given.partition(".")[0] == family.refresh.partition(".")[0]:
                family.ended = True  # used a second time: somebody has stolen it
        return _error("invalid_grant")

    def _revoke(self, form: dict[str, str]) -> Said:
        self.revoked.append(form["token"])
        for family in self.families:
            if form["token"] == family.refresh or form["token"] in family.access:
                family.ended = True
        return Said()

    def _gave(self, family: Family) -> Said:
        family.access.append(secrets.token_urlsafe(16))
        made = {"access_token": family.access[-1], **self.answer}
        if self.rotates or family.generation == 1:
            made["refresh_token"] = family.refresh
        return Said(body=json.dumps(made).encode())


def _error(code: str, status: int = 400) -> Said:
    return Said(status, json.dumps({"error": code, "error_description": "no"}).encode())


@contextmanager
def oauth_provider() -> Iterator[OAuthProvider]:
    made = OAuthProvider()
    try:
        yield made
    finally:
        made.close()
