"""Everything that the functions of identity do to AWS, in a scene that has all it needs."""

from __future__ import annotations

import boto3
import pytest

from tallycast.aws.records import Records, claim, commit
from tallycast.identity.access import scopes_of
from tallycast.identity.accounts import Account
from tallycast.identity.audit.trail import AuditTrail
from tallycast.identity.documents import (
    API_KEY,
    BY_CLIENT_ID,
    BY_HASH,
    CLIENT,
    PLATFORM,
    ApiKey,
    MachineClient,
)
from tallycast.identity.memberships import Memberships
from tallycast.identity.model import Role
from tallycast.identity.secrets import hash_of
from tallycast.identity.tenants import Tenants
from tests.support.api import ApiClient, a_principal
from tests.support.identity import a_user_pool
from tests.support.scene import NOW, TENANT
from tests.support.tokens import APP_CLIENT, claims, jwks, signed

KEY = "tc_live_" + "A" * 43  # the one of the sample events
KEY_ID = "key_01kaqj8x2m0000000000000000"
PERSON = "3f0b5a0e-9d4c-4a39-8a37-0d4f3f8f5a11"  # the account of the sample events
CLIENT_ID = "1example2machine3client456"


def stand(scene) -> str:
    """A user pool whose keys are served, told to the functions; its issuer."""
    pool = a_user_pool()
    issuer = scene.platform.origin.url(f"/{pool}")
    scene.platform.origin.put(f"/{pool}/.well-known/jwks.json", jwks("ours"))
    described = boto3.client("cognito-idp").describe_user_pool(UserPoolId=pool)["UserPool"]
    told = {"ISSUER": issuer, "APP_CLIENT_ID": APP_CLIENT, "USER_POOL_ID": pool}
    for environment in scene.environments.values():
        environment.update({name: told[name] for name in told.keys() & environment.keys()})
    scene.platform.stacks.outputs.update(
        UserPoolId=pool, UserPoolArn=described["Arn"], Issuer=issuer, AppClientId=APP_CLIENT
    )
    return issuer


def owner(scene) -> None:
    """The tenant, owned by the account of the sample events."""
    table = scene.platform.table
    trail = AuditTrail(table)
    account = Account(PERSON, "ann@example.com")
    Tenants(table, trail).begin(TENANT, account, Memberships(table, trail), NOW)


def api_key(scene) -> None:
    """The key of the sample events."""
    table, scopes = scene.platform.table, ("shows:read",)
    key = ApiKey(
        name="sample",
        role=Role.PARTNER,
        scopes=scopes,
        preview="tc_live_AAAA…",
        secret_hash=hash_of(KEY),
        created_by="usr_1",
    )
    taken = AssertionError("there is one already")
    place = f"{TENANT}/{KEY_ID}"
    commit(
        table,
        [
            Records(table, API_KEY).creation(TENANT, KEY_ID, key, NOW),
            claim(PLATFORM, BY_HASH, KEY, owner=place, refused=taken),
        ],
    )


def machine(scene) -> None:
    """A machine client whose app client is not needed: tokens are made here."""
    table = scene.platform.table
    client = MachineClient(name="sample", scopes=("shows:read",), created_by="usr_1")
    taken = AssertionError("there is one already")
    commit(
        table,
        [
            Records(table, CLIENT).creation(TENANT, CLIENT_ID, client, NOW),
            claim(PLATFORM, BY_CLIENT_ID, CLIENT_ID, owner=TENANT, refused=taken),
        ],
    )


def asked_with(credential: str) -> dict[str, object]:
    """API Gateway's question."""
    arn = "arn:aws:execute-api:eu-central-1:123456789012:abc/live/GET/v1/me"
    return {"methodArn": arn, "headers": {"Authorization": f"Bearer {credential}"}}


def authorize(scene):
    """A person, a machine, a key that is used on two days, and somebody unknown."""
    issuer = stand(scene)
    owner(scene)
    api_key(scene)
    machine(scene)
    second = int(NOW.timestamp())
    times = {"iss": issuer, "auth_time": second, "iat": second, "exp": second + 60}
    of_machine = {"sub": CLIENT_ID, "client_id": CLIENT_ID, "scope": "tallycast/shows:read"}
    with scene.function("authorize") as made:
        for token in (
            signed(claims(sub=PERSON, tenant=TENANT, **times)),
            signed(claims(**times | of_machine)),
        ):
            assert made(asked_with(token))["context"]["tenant"] == TENANT
        stranger = made(asked_with(signed(claims(sub="somebody else", **times))))
        assert stranger["context"] == {}
        for case in ("no_credential", "unsigned_token", "unknown_key"):
            with pytest.raises(Exception, match="Unauthorized"):
                made(scene.event(f"authorize/{case}"))
    scene.run("authorize/api_key")
    scene.run("authorize/api_key")


def mint_claims(scene):
    """Somebody in a tenant, and somebody in none."""
    stand(scene)
    owner(scene)
    scene.run("mint_claims/sign_in")
    scene.run("mint_claims/stranger")


def manage_identity(scene):
    """A tenant that is new, that is there, and that is another's."""
    stand(scene)
    for case in ("bootstrap", "bootstrap", "plan", "bootstrap_by_another"):
        scene.run(f"manage_identity/{case}")


def by_the_door(app) -> None:
    """Everything that the API function does to the user pool."""
    client = ApiClient(app, a_principal(tenant=TENANT, scopes=scopes_of(Role.OWNER)))
    offer = client.post("/v1/invitations", {"email": "new@example.com", "role": "owner"}, key=None)
    token = offer.json()["token"]
    accepted = client.as_(None).post("/v1/invitations/accept", {"token": token}, key=None)
    assert accepted.status == 200, accepted
    elsewhere = client.as_(a_principal(tenant="elsewhere"))
    offer = elsewhere.post(
        "/v1/invitations", {"email": "new@example.com", "role": "analyst"}, key=None
    )
    token = offer.json()["token"]  # the account is there by now
    client.as_(None).post("/v1/invitations/accept", {"token": token}, key=None)
    people = client.get("/v1/people").json()["items"]
    [person] = [each for each in people if each["email"] == "new@example.com"]
    new = client.as_(a_principal(tenant=TENANT, subject=person["id"]))
    assert new.post("/v1/me/sign-out", key=None).status == 204
    made = client.post("/v1/clients", {"name": "x", "scopes": ["shows:read"]}, key=None)
    assert client.delete(f"/v1/clients/{made.json()['client_id']}").status == 204


EXERCISES = {
    "authorize": authorize,
    "mint_claims": mint_claims,
    "manage_identity": manage_identity,
}
