"""What API Gateway asks the authorizer, and what it is told."""

from __future__ import annotations

import pytest

from tallycast.identity.access import scopes_of
from tallycast.identity.gateway import AuthorizerRequest, allowed, credential_of, denied
from tallycast.identity.model import Role
from tallycast.identity.tokens.access import TokenRefusedError
from tests.support.api import a_principal, passed_on

ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc123/live/GET/v1/campaigns/cmp_1"


def asked(headers, many=None):
    return AuthorizerRequest(methodArn=ARN, headers=headers, multiValueHeaders=many)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer abc"},
        {"authorization": "bearer   abc "},
        {"AUTHORIZATION": "BEARER abc", "X-Api-Key": "other"},
        {"x-api-key": "abc"},
        {"X-API-KEY": " abc "},
    ],
)
def test_a_credential_is_found_however_its_header_is_spelt(headers):
    assert credential_of(asked(headers, {name: [value] for name, value in headers.items()})) == (
        "abc"
    )


@pytest.mark.parametrize(
    ("headers", "many"),
    [
        (None, None),
        ({}, {}),
        ({"Authorization": ""}, None),
        ({"Authorization": "Bearer"}, None),
        ({"Authorization": "Bearer "}, None),
        ({"Authorization": "Basic YTpi"}, None),
        ({"Authorization": "abc"}, None),
        ({"X-Api-Key": "  "}, None),
        ({"Authorization": "Bearer b"}, {"Authorization": ["Bearer a", "Bearer b"]}),
        ({"Authorization": "Bearer b", "authorization": "Bearer a"}, None),
    ],
)
def test_no_credential_or_two_are_refused(headers, many):
    with pytest.raises(TokenRefusedError):
        credential_of(asked(headers, many))


def test_a_principal_passes_to_the_whole_stage_because_answers_are_kept_by_credential():
    principal = a_principal(Role.SPONSOR, sponsor_id="spo_1")
    answer = allowed(principal, ARN)
    [statement] = answer["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:eu-central-1:123456789012:abc123/live/*",
    }
    assert answer["context"] == passed_on(principal)
    assert set(answer["context"]["scopes"].split()) == scopes_of(Role.SPONSOR)


def test_every_value_of_the_context_is_text_as_the_gateway_takes_no_other():
    assert {type(value) for value in allowed(a_principal(), ARN)["context"].values()} == {str}


def test_whoever_is_denied_is_denied_everywhere_and_learns_nothing():
    answer = denied(ARN)
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert answer["context"] == {}
