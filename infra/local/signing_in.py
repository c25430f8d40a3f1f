"""Sign in at the local cloud's user pool as a person does: by the hosted page, code and PKCE."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from infra.local.errors import LocalCloudError

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud

SCOPES: Final = "openid email"
_TIMEOUT_SECONDS: Final = 60
_MOST_PAGES: Final = 4
_FOUND: Final = 302


class SignInRefusedError(LocalCloudError):
    """The user pool did not let the person in; the message is its own."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in gives."""

    access_token: str
    refresh_token: str
    id_token: str


def set_password(cloud: LocalCloud, email: str, password: str) -> None:
    """Give an account a password of its own, as an operator can: no mail is waited for."""
    cloud.client("cognito-idp").admin_set_user_password(
        UserPoolId=cloud.outputs["UserPoolId"], Username=email, Password=password, Permanent=True
    )


def sign_in(cloud: LocalCloud, email: str, password: str) -> Tokens:
    """Sign a person in to the web app's client.

    Raises:
        SignInRefusedError: address or password are wrong.
    """
    client, verifier = cloud.outputs["AppClientId"], secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    redirect_uri = redirect_uris(cloud)[0]
    asked = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": redirect_uri,
        "scope": SCOPES,
        "state": secrets.token_urlsafe(16),
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    back = through_the_page(
        f"{cloud.endpoint}/oauth2/authorize?{urlencode(asked)}", email, password
    )
    said = parse_qs(urlsplit(back).query)
    if said.get("state") != [asked["state"]] or "code" not in said:
        raise SignInRefusedError(f"the sign-in came back with {back}")
    form = {
        "grant_type": "authorization_code",
        "client_id": client,
        "redirect_uri": redirect_uri,
        "code": said["code"][0],
        "code_verifier": verifier,
    }
    return _tokens(cloud, form)


def refresh(cloud: LocalCloud, tokens: Tokens) -> Tokens:
    """Tokens for the tenant that is active by now; the refresh token is a new one, too.

    Raises:
        SignInRefusedError: the refresh token is no longer good.
    """
    form = {
        "grant_type": "refresh_token",
        "client_id": cloud.outputs["AppClientId"],
        "refresh_token": tokens.refresh_token,
    }
    return _tokens(cloud, form)


def machine_token(
    cloud: LocalCloud, client_id: str, client_secret: str, scopes: tuple[str, ...] = ()
) -> str:
    """An access token of a machine client, with these scopes of ours or all it has.

    Raises:
        SignInRefusedError: the client, its secret or the scopes are not right.
    """
    form = {"grant_type": "client_credentials", "client_id": client_id}
    if scopes:
        form["scope"] = " ".join(f"tallycast/{scope}" for scope in scopes)
    return str(_token_endpoint(cloud, {**form, "client_secret": client_secret})["access_token"])


def redirect_uris(cloud: LocalCloud) -> list[str]:
    """Where the web app's sign-ins may come back to."""
    found = cloud.client("cognito-idp").describe_user_pool_client(
        UserPoolId=cloud.outputs["UserPoolId"], ClientId=cloud.outputs["AppClientId"]
    )
    return list(found["UserPoolClient"]["CallbackURLs"])


def through_the_page(url: str, email: str, password: str) -> str:
    """Fill in the hosted page as a person does; returns the address that it sends them back to.

    A page that asks for a new password is given the same once more.

    Raises:
        SignInRefusedError: the page says no.
    """
    page, body = url, None
    for _ in range(_MOST_PAGES):
        status, location, text = _ask(page, body)
        if status == _FOUND and location:
            return location
        form = _Form(text)
        if form.error or not form.fields:
            raise SignInRefusedError(form.error or text[:300])
        filled = dict(form.fields)
        for name in form.empty:
            filled[name] = email if name == "username" else password
        page, body = urljoin(page, form.action), urlencode(filled).encode()
    raise SignInRefusedError("the page asks and asks")


class _Form(HTMLParser):
    """The one form of a page: what it holds, what a person fills in, what it complains of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.empty: list[str] = []
        self.error = ""
        self._complains = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the form and its inputs."""
        given = {name: value or "" for name, value in attrs}
        self._complains = tag == "div" and given.get("class") == "error"
        if tag == "form":
            self.action = given.get("action", "")
        if tag == "input" and given.get("name"):
            self.fields[given["name"]] = given.get("value", "")
            if given.get("type") != "hidden":
                self.empty.append(given["name"])

    def handle_data(self, data: str) -> None:
        """Read the complaint."""
        if self._complains:
            self.error += data.strip()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - urllib's
        """Follow nothing: where the page sends a person is the answer."""


def _ask(url: str, body: bytes | None) -> tuple[int, str | None, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    try:
        with opener.open(url, data=body, timeout=_TIMEOUT_SECONDS) as reply:
            return reply.status, None, reply.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as answer:
        text = answer.read().decode("utf-8", "replace")
        return answer.code, answer.headers.get("Location"), text


def _tokens(cloud: LocalCloud, form: dict[str, str]) -> Tokens:
    said = _token_endpoint(cloud, form)
    return Tokens(said["access_token"], said["refresh_token"], said.get("id_token", ""))


def _token_endpoint(cloud: LocalCloud, form: dict[str, str]) -> dict[str, Any]:
    status, _, text = _ask(f"{cloud.endpoint}/oauth2/token", urlencode(form).encode())
    said: dict[str, Any] = json.loads(text)
    if status != 200:  # noqa: PLR2004 - OK
        raise SignInRefusedError(f"the token endpoint says {status}: {said.get('error')}")
    return said
