"""The user pool, the access table and the documentation say the same."""

from __future__ import annotations

import re

from tallycast.identity.access import GRANTS, RESOURCE_SERVER
from tallycast.identity.claims import OURS
from tallycast.identity.documents import PLATFORM
from tallycast.identity.model import Role
from tallycast.identity.plans import PLANS
from tests.support.template import ROOT, STAGES, deployment

PAGE = ROOT / "docs/identity.md"


def roles_table() -> list[str]:
    """The table of scopes and roles as the page has to have it."""
    lines = [
        "| scope | " + " | ".join(role.value for role in Role) + " |",
        "|---|" + "---|" * len(Role),
    ]
    for scope, roles in GRANTS.items():
        marks = "|".join(" ✓ " if role in roles else " " for role in Role)
        lines.append(f"| `{scope}` |{marks}|")
    return lines


def test_a_machine_can_ask_for_every_scope_of_the_access_table_and_no_other():
    for stage in STAGES:
        server = deployment(stage)["Identity/ResourceServer"].properties
        assert server["Identifier"] == RESOURCE_SERVER
        assert [scope["ScopeName"] for scope in server["Scopes"]] == list(GRANTS)
        assert len(server["Scopes"]) <= 100  # Cognito takes no more


def test_the_page_shows_who_may_use_which_scope():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if re.match(r"\| `\w+:\w+` \|", line)]
    assert shown == roles_table()[2:]


def test_the_page_names_every_plan():
    text = PAGE.read_text(encoding="utf-8")
    for plan in PLANS.values():
        row = f"| `{plan.name}` | {plan.burst} | {plan.per_second:g} | {plan.per_day:,} |"
        assert row.replace(",", " ") in text


def test_people_sign_in_by_code_alone_and_stay_in_by_rotated_tokens():
    for stage in STAGES:
        client = deployment(stage)["Identity/AppClient"].properties
        assert client["AllowedOAuthFlows"] == ["code"]
        assert client["GenerateSecret"] is False
        assert client["RefreshTokenRotation"]["Feature"] == "ENABLED"
        assert client["RefreshTokenRotation"]["RetryGracePeriodSeconds"] <= 60
        # This way a refresh token is good at the token endpoint alone, where it is rotated.
        assert "ALLOW_REFRESH_TOKEN_AUTH" not in client["ExplicitAuthFlows"]
        assert client["EnableTokenRevocation"] is True
        assert client["PreventUserExistenceErrors"] == "ENABLED"
        assert client["TokenValidityUnits"]["AccessToken"] == "minutes"
        assert client["AccessTokenValidity"] <= 15


def test_people_cannot_write_what_a_token_says_of_their_tenant():
    made = deployment()
    client, pool = (made[f"Identity/{name}"].properties for name in ("AppClient", "UserPool"))
    assert client["WriteAttributes"] == ["email"]
    assert [each["Name"] for each in pool["Schema"]] == ["email"]
    assert set(OURS) & set(client["WriteAttributes"]) == set()
    trigger = pool["LambdaConfig"]["PreTokenGenerationConfig"]
    assert trigger == {"LambdaArn": "MintClaims.Arn", "LambdaVersion": "V2_0"}


def test_nobody_makes_an_account_for_themselves_and_passwords_are_long():
    pool = deployment()["Identity/UserPool"].properties
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    policy = pool["Policies"]["PasswordPolicy"]
    assert policy.pop("MinimumLength") >= 12
    assert policy.pop("TemporaryPasswordValidityDays") <= 7
    assert set(policy.values()) == {True}
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"])


def test_accounts_outlive_the_stack_and_production_guards_them():
    for stage in STAGES:
        made = deployment(stage)
        pool = made["Identity/UserPool"]
        assert (pool.body["DeletionPolicy"], pool.body["UpdateReplacePolicy"]) == ("Retain",) * 2
        kept = made.root.parameters["Stage"] == "prod"
        assert pool.properties["DeletionProtection"] == ("ACTIVE" if kept else "INACTIVE")


def test_only_cognito_calls_the_trigger_and_only_for_our_pool():
    [permission] = [
        each
        for each in deployment().of_type("AWS::Lambda::Permission")
        if each.properties["FunctionName"] == "MintClaims"
    ]
    assert permission.properties["Principal"] == "cognito-idp.amazonaws.com"
    assert permission.properties["SourceArn"] == "Identity/UserPool.Arn"


def test_a_refusal_is_no_failure_of_the_authorizer():
    """Else everybody who sends a bad token would wake somebody up."""
    made = deployment()
    [rate] = [
        metric["Expression"]
        for metric in made["AuthorizeAlarms/Errors"].properties["Metrics"]
        if "Expression" in metric
    ]
    assert rate == "100 * (errors - FILL(refusals, 0)) / MAX([errors, invocations])"
    source = (ROOT / "functions/authorize/app.py").read_text(encoding="utf-8")
    [refusals] = [
        metric["MetricStat"]["Metric"]
        for metric in made["AuthorizeAlarms/Errors"].properties["Metrics"]
        if metric["Id"] == "refusals"
    ]
    assert f'add_metric("{refusals["MetricName"]}"' in source
    assert refusals["Dimensions"] == [{"Name": "service", "Value": "authorize"}]
    ordinary = made["MintClaimsAlarms/Errors"].properties["Metrics"]
    assert {metric["Id"] for metric in ordinary} == {"rate", "errors", "invocations"}


def test_the_platforms_own_name_is_spelt_alike_in_roles():
    made = deployment()
    for name in ("Authorize", "MintClaims", "ManageIdentity"):
        role = str(made.role_of(made[name]).properties)
        assert f"TENANT#{PLATFORM}#PERSON#*" in role
