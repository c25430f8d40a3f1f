"""An imported definition words the gateway's refusals."""

from __future__ import annotations

import pytest
from ministack.services import apigateway_v1

from infra.local.bridge import gateway_responses
from infra.local.errors import EmulatorChangedError

DEFINITION = {
    "info": {"title": "doors", "version": "1"},
    "paths": {},
    "x-amazon-apigateway-gateway-responses": {
        "UNAUTHORIZED": {
            "statusCode": 401,
            "responseParameters": {"gatewayresponse.header.X-Why": "'nobody'"},
            "responseTemplates": {"application/json": '{"code": "unauthenticated"}'},
        }
    },
}


@pytest.fixture
def imported(monkeypatch):
    monkeypatch.setattr(
        apigateway_v1,
        "_import_rest_api",
        apigateway_v1._import_rest_api.__wrapped__
        if hasattr(apigateway_v1._import_rest_api, "__wrapped__")
        else apigateway_v1._import_rest_api,
    )
    gateway_responses.apply()
    return apigateway_v1._import_rest_api(DEFINITION)


def test_a_refusal_is_worded_as_the_definition_says(imported):
    found = apigateway_v1._gateway_responses[imported]["UNAUTHORIZED"]
    assert found["statusCode"] == "401"
    assert found["responseTemplates"] == {"application/json": '{"code": "unauthenticated"}'}
    assert found["responseParameters"] == {"gatewayresponse.header.X-Why": "'nobody'"}


def test_refusals_that_are_not_named_stay_as_they_are(imported):
    assert set(apigateway_v1._gateway_responses[imported]) == {"UNAUTHORIZED"}


def test_a_place_that_changed_is_refused(monkeypatch):
    monkeypatch.setattr(gateway_responses, "_EXTENSION", "def _import_rest_api")
    with pytest.raises(EmulatorChangedError, match="API definitions"):
        gateway_responses.check()
