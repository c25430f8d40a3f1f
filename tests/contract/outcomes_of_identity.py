"""What the sample events of identity lead to."""

from __future__ import annotations

import pytest

from tallycast.aws.records import Records
from tallycast.identity.documents import TENANT as TENANTS
from tests.contract.exercises_of_identity import KEY_ID, api_key, owner, stand
from tests.support.outcomes import outcome
from tests.support.scene import TENANT


@outcome("authorize/api_key")
def a_key_is_known(scene):
    stand(scene)
    api_key(scene)
    answer, _ = scene.run("authorize/api_key")
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert answer["context"] == {
        "tenant": TENANT,
        "subject": KEY_ID,
        "kind": "key",
        "role": "partner",
        "scopes": "shows:read",
        "plan": "free",
        "sponsor_id": "",
    }


def refused(scene, case):
    stand(scene)
    api_key(scene)
    owner(scene)
    with scene.function("authorize") as made, pytest.raises(Exception, match=r"^Unauthorized$"):
        made(scene.event(case))
    [line] = [each for each in made.logs if each["message"] == "refused"]
    return line["reason"]


@outcome("authorize/unknown_key")
def a_key_that_was_never_made_is_refused(scene):
    assert refused(scene, "authorize/unknown_key") == "there is no such API key"


@outcome("authorize/no_credential")
def nobody_is_refused(scene):
    assert refused(scene, "authorize/no_credential") == "there is no credential"


@outcome("authorize/unsigned_token")
def a_token_without_a_signature_is_refused(scene):
    assert "another way than ours" in refused(scene, "authorize/unsigned_token")


@outcome("mint_claims/sign_in")
def a_members_token_says_its_tenant_and_role(scene):
    owner(scene)
    answer, _ = scene.run("mint_claims/sign_in")
    said = answer["response"]["claimsAndScopeOverrideDetails"]
    assert said["accessTokenGeneration"]["claimsToAddOrOverride"] == {
        "tenant": TENANT,
        "role": "owner",
        "plan": "free",
    }


@outcome("mint_claims/stranger")
def a_strangers_token_says_nothing_of_ours(scene):
    owner(scene)
    answer, _ = scene.run("mint_claims/stranger")
    said = answer["response"]["claimsAndScopeOverrideDetails"]
    assert said["accessTokenGeneration"]["claimsToAddOrOverride"] == {}


@outcome("manage_identity/bootstrap")
def a_tenant_is_begun_once(scene):
    stand(scene)
    first, _ = scene.run("manage_identity/bootstrap")
    again, _ = scene.run("manage_identity/bootstrap")
    assert (first["tenant"], first["plan"], first["new"]) == (TENANT, "free", True)
    assert again == {**first, "new": False}
    assert tenant(scene).owners == (first["owner"],)


def tenant(scene):
    return Records(scene.platform.table, TENANTS).get(TENANT, TENANT).document


@outcome("manage_identity/bootstrap_by_another")
def a_tenant_with_an_owner_takes_no_other(scene):
    stand(scene)
    first, _ = scene.run("manage_identity/bootstrap")
    answer, _ = scene.run("manage_identity/bootstrap_by_another")
    assert answer["error"]["code"] == "OwnedByOthersError"
    assert tenant(scene).owners == (first["owner"],)


@outcome("manage_identity/plan")
def a_tenant_is_put_on_a_plan(scene):
    stand(scene)
    scene.run("manage_identity/bootstrap")
    answer, _ = scene.run("manage_identity/plan")
    assert answer == {"tenant": TENANT, "plan": "pro"}
    assert tenant(scene).plan == "pro"


@outcome("manage_identity/unknown_plan")
def a_plan_that_is_none_is_refused(scene):
    stand(scene)
    scene.run("manage_identity/bootstrap")
    answer, _ = scene.run("manage_identity/unknown_plan")
    assert "free, pro, network" in answer["error"]["message"]
    assert tenant(scene).plan == "free"


@outcome("manage_identity/unknown_command")
def a_command_that_is_none_is_an_answer(scene):
    stand(scene)
    answer, _ = scene.run("manage_identity/unknown_command")
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("BadCommandError", False)
