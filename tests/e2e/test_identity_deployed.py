"""People and machines get tokens from the deployed user pool with clients that others wrote."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from infra.local.doors import Door
from infra.local.signing_in import (
    SignInRefusedError,
    machine_token,
    redirect_uris,
    refresh,
    set_password,
    sign_in,
    through_the_page,
)
from tests.support.cloud import call
from tests.support.node import installed

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

PASSWORD = "Correct-horse-battery-9"
ARN = "arn:aws:execute-api:eu-west-1:000000000000:abc/live/GET/v1/me"
GRACE_SECONDS = 10  # infra/identity.yaml
_names = itertools.count(1)


def direct(session):
    """A session of requests that passes by any proxy."""
    session.trust_env = False
    return session


@dataclass
class Place:
    """A tenant that was just begun, with its owner's account."""

    cloud: LocalCloud
    tenant: str
    email: str
    owner: str

    @property
    def redirect_uri(self) -> str:
        return redirect_uris(self.cloud)[0]

    @property
    def server(self) -> str:
        return f"{self.cloud.endpoint}/oauth2"

    def client(self) -> OAuth2Session:
        """authlib's client, as the web app's."""
        return direct(
            OAuth2Session(
                self.cloud.outputs["AppClientId"],
                token_endpoint_auth_method="none",
                redirect_uri=self.redirect_uri,
                scope="openid email",
                code_challenge_method="S256",
            )
        )

    def signed_in(self) -> tuple[OAuth2Session, dict[str, Any]]:
        """The owner signs in by the hosted page."""
        client, verifier = self.client(), "v" * 64
        url, state = client.create_authorization_url(
            f"{self.server}/authorize", code_verifier=verifier, nonce="n-1"
        )
        back = through_the_page(url, self.email, PASSWORD)
        assert back.startswith(self.redirect_uri + "?")
        token = client.fetch_token(
            f"{self.server}/token", authorization_response=back, state=state, code_verifier=verifier
        )
        return client, dict(token)

    def refreshed(self, client: OAuth2Session, refresh_token: str) -> dict[str, Any]:
        return dict(client.refresh_token(f"{self.server}/token", refresh_token=refresh_token))

    def asks(self, credential: str) -> dict[str, str] | str:
        """What the authorizer passes on of a credential, or how it refuses it."""
        event = {
            "type": "REQUEST",
            "methodArn": ARN,
            "headers": {"Authorization": f"Bearer {credential}"},
        }
        answer, failed = call(self.cloud, "Authorize", event)
        if failed:
            return str(answer["errorMessage"])
        [statement] = answer["policyDocument"]["Statement"]
        return answer["context"] if statement["Effect"] == "Allow" else "denied"

    def door(self, credential: str | None) -> Door:
        return Door.of(self.cloud).with_(credential)


@pytest.fixture
def place(steady):
    """Begun as an operator begins it, by the function behind `tallycast identity bootstrap`."""
    name = f"house-{next(_names)}"
    email = f"ann@{name}.example"
    answer, failed = call(
        steady, "ManageIdentity", {"command": "bootstrap", "tenant": name, "owner": email}
    )
    assert not failed, answer
    set_password(steady, email, PASSWORD)
    return Place(steady, name, email, answer["owner"])


def claims_of(cloud, token):
    """What a token says, checked against the pool's published keys."""
    address = f"{cloud.endpoint}/{cloud.outputs['UserPoolId']}/.well-known/jwks.json"
    keys = direct(requests.Session()).get(address, timeout=10).json()
    return jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims


def test_a_person_signs_in_by_code_and_pkce_and_the_token_carries_the_tenant(place):
    _, token = place.signed_in()
    said = claims_of(place.cloud, token["access_token"])
    assert {name: said[name] for name in ("tenant", "role", "plan", "token_use", "iss")} == {
        "tenant": place.tenant,
        "role": "owner",
        "plan": "free",
        "token_use": "access",
        "iss": place.cloud.outputs["Issuer"],
    }
    assert "sponsor_id" not in said
    person = CodeIDToken(
        claims_of(place.cloud, token["id_token"]),
        {},
        options={"iss": {"value": place.cloud.outputs["Issuer"]}},
        params={"nonce": "n-1", "client_id": place.cloud.outputs["AppClientId"]},
    )
    person.validate()
    assert person["email"] == place.email
    context = place.asks(token["access_token"])
    assert (context["tenant"], context["subject"], context["role"]) == (
        place.tenant,
        place.owner,
        "owner",
    )
    assert place.asks(token["id_token"]) == "Unauthorized"
    assert place.asks(token["refresh_token"]) == "Unauthorized"
    assert place.asks(token["access_token"][:-4] + "AAAA") == "Unauthorized"


def test_a_code_is_worth_nothing_without_its_verifier_or_twice_or_elsewhere(place):
    client, verifier = place.client(), "v" * 64
    url, _ = client.create_authorization_url(f"{place.server}/authorize", code_verifier=verifier)
    back = through_the_page(url, place.email, PASSWORD)
    for wrong in ("w" * 64, None):
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.fetch_token(
                f"{place.server}/token", authorization_response=back, code_verifier=wrong
            )
    good = client.fetch_token(
        f"{place.server}/token", authorization_response=back, code_verifier=verifier
    )
    assert good["access_token"]
    with pytest.raises(OAuthError, match="invalid_grant"):
        client.fetch_token(
            f"{place.server}/token", authorization_response=back, code_verifier=verifier
        )
    stolen = url.replace("signed-in", "signed-in%2F..%2Fevil")
    answer = direct(requests.Session()).get(stolen, timeout=10, allow_redirects=False)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_refresh_gives_a_new_refresh_token_and_ends_the_old_one_after_a_moment(place):
    client, first = place.signed_in()
    second = place.refreshed(client, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert place.asks(second["access_token"])["tenant"] == place.tenant
    # An answer that was lost on the way can be asked for again, for a moment.
    assert place.refreshed(client, first["refresh_token"])["access_token"]
    time.sleep(GRACE_SECONDS + 1)
    with pytest.raises(OAuthError, match="invalid_grant"):
        place.refreshed(client, first["refresh_token"])
    assert place.refreshed(client, second["refresh_token"])["access_token"]


def test_a_revoked_refresh_token_gives_nothing_more(place):
    client, token = place.signed_in()
    answer = client.revoke_token(
        f"{place.server}/revoke", token=token["refresh_token"], token_type_hint="refresh_token"
    )
    assert answer.status_code == 200
    with pytest.raises(OAuthError, match="invalid_grant"):
        place.refreshed(client, token["refresh_token"])


def test_whoever_signs_out_everywhere_is_out_and_can_sign_in_again(place):
    client, token = place.signed_in()
    door = place.door(token["access_token"])
    assert door.get("/v1/me")["subject"] == place.owner
    answer = door.send("POST", "/v1/me/sign-out")
    assert answer.status == 204, answer
    assert place.asks(token["access_token"]) == "Unauthorized"
    with pytest.raises(OAuthError, match="invalid_grant"):
        place.refreshed(client, token["refresh_token"])
    time.sleep(1.1)  # sign-ins are told apart by the second
    _, again = place.signed_in()
    assert place.asks(again["access_token"])["tenant"] == place.tenant


def test_an_invited_person_switches_between_two_tenants(place, steady):
    _, token = place.signed_in()
    ann = place.door(token["access_token"])
    guest = f"guest@{place.tenant}.example"
    answer, failed = call(
        steady,
        "ManageIdentity",
        {"command": "bootstrap", "tenant": f"{place.tenant}-guest", "owner": guest},
    )
    assert not failed, answer
    set_password(steady, guest, PASSWORD)
    offer = ann.send("POST", "/v1/invitations", {"email": guest, "role": "sales"})
    assert offer.status == 201, offer
    accepted = place.door(None).send(
        "POST", "/v1/invitations/accept", {"token": offer.json()["token"]}
    )
    assert (accepted.status, accepted.json()["tenant"]) == (200, place.tenant)
    there = Place(steady, f"{place.tenant}-guest", guest, answer["owner"])
    first = sign_in(steady, guest, PASSWORD)
    assert there.asks(first.access_token)["tenant"] == there.tenant
    moved = there.door(first.access_token).send("PUT", "/v1/me/tenant", {"tenant": place.tenant})
    assert moved.status == 200, moved
    second = refresh(steady, first).access_token
    context = there.asks(second)
    assert (context["tenant"], context["role"]) == (place.tenant, "sales")
    assert there.door(second).send("GET", "/v1/people").status == 403


def test_the_hosted_page_lets_nobody_in_with_a_wrong_password(place):
    for email, password in ((place.email, "Wrong-horse-battery-9"), ("no@one.example", PASSWORD)):
        with pytest.raises(SignInRefusedError, match="Incorrect"):
            sign_in(place.cloud, email, password)


def test_a_machine_gets_tokens_by_client_credentials_until_it_is_removed(place):
    _, token = place.signed_in()
    owner = place.door(token["access_token"])
    made = owner.send(
        "POST", "/v1/clients", {"name": "Ads", "scopes": ["campaigns:read", "me:read"]}
    )
    assert made.status == 201, made
    body = made.json()
    machine = direct(OAuth2Session(body["client_id"], body["client_secret"]))
    got = machine.fetch_token(
        f"{place.server}/token", grant_type="client_credentials", scope="tallycast/campaigns:read"
    )
    context = place.asks(got["access_token"])
    assert (context["tenant"], context["role"], context["scopes"]) == (
        place.tenant,
        "partner",
        "campaigns:read",
    )
    all_it_has = machine_token(place.cloud, body["client_id"], body["client_secret"])
    assert place.asks(all_it_has)["scopes"] == "campaigns:read me:read"
    with pytest.raises(OAuthError, match="invalid_"):
        machine.fetch_token(
            f"{place.server}/token", grant_type="client_credentials", scope="tallycast/people:write"
        )
    assert owner.send("DELETE", f"/v1/clients/{body['client_id']}").status == 204
    assert place.asks(got["access_token"]) == "Unauthorized"
    with pytest.raises(OAuthError, match="invalid_client"):
        machine.fetch_token(f"{place.server}/token", grant_type="client_credentials")


def test_an_api_key_opens_the_door_until_it_is_revoked(place):
    _, token = place.signed_in()
    owner = place.door(token["access_token"])
    made = owner.send("POST", "/v1/api-keys", {"name": "Script", "scopes": ["me:read"]})
    assert made.status == 201, made
    key = made.json()["key"]
    assert place.asks(key)["scopes"] == "me:read"
    assert place.door(key).get("/v1/me")["tenant"] == place.tenant
    assert place.door(key).send("GET", "/v1/people").status == 403
    assert owner.send("DELETE", f"/v1/api-keys/{made.json()['id']}").status == 204
    assert place.asks(key) == "Unauthorized"


@pytest.fixture(scope="module")
def openid_client():
    """The folder of the Node client, installed from its lock file."""
    return installed()


def test_nodes_openid_client_signs_in_refreshes_and_revokes(place, openid_client):
    """It prints the address of the sign-in page, and reads the one that the page sends back to."""
    asked = {
        "discovery": (
            f"{place.cloud.endpoint}/{place.cloud.outputs['UserPoolId']}"
            "/.well-known/openid-configuration"
        ),
        "revocation": f"{place.server}/revoke",
        "client": place.cloud.outputs["AppClientId"],
        "redirect": place.redirect_uri,
    }
    with subprocess.Popen(
        ["node", "sign-in.mjs", json.dumps(asked)],
        cwd=openid_client,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as node:
        url = node.stdout.readline().strip()
        assert parse_qs(urlsplit(url).query)["code_challenge_method"] == ["S256"], (
            node.stderr.read()
        )
        back = through_the_page(url, place.email, PASSWORD)
        output, errors = node.communicate(back + "\n", timeout=60)
    assert node.returncode == 0, errors
    said = json.loads(output)
    assert said["subject"] == said["userinfo"]
    assert said["rotated"] is True
    assert said["after_revocation"] == "invalid_grant"
    assert place.asks(said["access_token"])["tenant"] == place.tenant


def test_an_operator_begins_a_tenant_on_the_command_line_once(cli, steady_tenant):
    owner = f"ann@{steady_tenant.name}.example"
    first = cli("identity", "bootstrap", "--owner", owner.upper(), "--json")
    assert (first.returncode, json.loads(first.stdout)["new"]) == (0, True), first.stderr
    again = cli("identity", "bootstrap", "--owner", owner)
    assert again.returncode == 0
    assert again.stdout.startswith(f"{steady_tenant.name} is there already; {owner} owns it (usr_")
    other = cli("identity", "bootstrap", "--owner", "bob@other.example")
    assert (other.returncode, other.stdout) == (2, "")
    assert other.stderr.startswith("OwnedByOthersError: ")
    nobody = cli("identity", "bootstrap", "--owner", "nobody")
    assert (nobody.returncode, nobody.stderr.count("\n")) == (2, 1)
    moved = cli("identity", "plan", "pro")
    assert (moved.returncode, moved.stdout) == (0, f"{steady_tenant.name} is on the plan pro\n")
    assert "take one of" in cli("identity", "plan", "gold").stderr
