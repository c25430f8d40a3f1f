"""The routes, the access table, the OpenAPI files, the gateways and the documentation agree."""

from __future__ import annotations

import json
import re
from itertools import chain

import pytest
import yaml
from openapi_spec_validator import validate

from infra import openapi
from tallycast.api.openapi import errors_of
from tallycast.api.paging import CursorInvalidError
from tallycast.api.problems import CONTENT_TYPE, Problem, slug, status_of
from tallycast.api.resources import API, PARTNER_API
from tallycast.api.settings import ApiSettings
from tallycast.aws.settings import Settings
from tallycast.identity.access import GRANTS
from tests.support.template import ROOT

APPS = {"api": API, "partner_api": PARTNER_API}
# Routes that authenticate otherwise, or show nothing of anybody; each for a reason.
OPEN = {
    "return_from_provider": "the provider's redirect: a single-use state proves whose it is",
    "receive_hook": "the provider's signature proves who sends",
    "accept_invitation": "who accepts is in no tenant yet: the invitation's token proves it",
    "fetch_export": "a browser follows this link: its signature proves whose it is",
}


def routes_of(app):
    return list(chain.from_iterable(APPS[app]))


ROUTES = {route.name: route for app in APPS for route in routes_of(app)}


@pytest.mark.parametrize("path", sorted(openapi.files()), ids=lambda path: path.name)
def test_a_generated_file_is_what_the_routes_give(path):
    assert path.read_text() == openapi.files()[path], "run `make openapi`"


@pytest.mark.parametrize("suffix", openapi.APPS)
def test_an_openapi_file_is_valid(suffix):
    validate(yaml.safe_load((ROOT / f"infra/openapi{suffix}.yaml").read_text()))


@pytest.mark.parametrize("suffix", openapi.APPS)
def test_a_component_is_called_as_people_would_call_it(suffix):
    """Two models of one name get long ones that say where they come from."""
    found = yaml.safe_load((ROOT / f"infra/openapi{suffix}.yaml").read_text())
    assert [name for name in found["components"]["schemas"] if not name.isalnum()] == []


@pytest.mark.parametrize("app", APPS)
def test_an_operation_has_one_name_and_one_place(app):
    names = [route.name for route in routes_of(app)]
    places = [(route.method, route.path) for route in routes_of(app)]
    assert len(set(names)) == len(names)
    assert len(set(places)) == len(places)
    assert all(path.startswith("/v1/") for _, path in places)


def test_every_route_needs_a_scope_unless_it_is_open_for_a_reason():
    assert {name for name, route in ROUTES.items() if route.scope is None} <= set(OPEN)


def test_every_scope_is_used_by_a_route_and_open_to_somebody():
    used = {route.scope for route in ROUTES.values() if route.scope}
    assert used <= set(GRANTS)
    assert all(GRANTS.values())


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_an_operation_is_described(name):
    summary, _, _ = (ROUTES[name].view.__doc__ or "").partition("\n")
    assert 8 < len(summary) < 110


@pytest.mark.parametrize(
    "name", sorted(name for name, route in ROUTES.items() if route.body not in {None, bytes})
)
def test_a_body_takes_nothing_that_its_model_does_not_name(name):
    assert ROUTES[name].body.model_config.get("extra") == "forbid"


@pytest.mark.parametrize(
    "name",
    sorted(name for name, route in ROUTES.items() if route.query and route.scope is not None),
)
def test_a_query_takes_nothing_that_its_model_does_not_name(name):
    assert ROUTES[name].query.model_config.get("extra") == "forbid"


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_every_problem_of_a_route_is_the_callers_and_has_a_status(name):
    for error in errors_of(ROUTES[name]):
        assert 400 <= status_of(error) < 500 or status_of(error) == 503, error


def test_every_list_says_that_a_cursor_may_be_wrong():
    lists = {
        name
        for name, route in ROUTES.items()
        if route.query and "cursor" in route.query.model_fields
    }
    saying = {name for name in lists if CursorInvalidError in errors_of(ROUTES[name])}
    assert lists
    assert lists - saying == set()


def test_every_problem_is_documented():
    text = (ROOT / "docs/problems.md").read_text()
    known = {slug(error) for route in ROUTES.values() for error in errors_of(route)}
    assert {code for code in known if f"`{code}`" not in text} == set()


@pytest.mark.parametrize("suffix", openapi.APPS)
def test_whatever_the_gateway_refuses_by_itself_is_a_problem(suffix):
    """The two defaults stand for every refusal that has no wording of its own."""
    title, _, resources, _ = openapi.APPS[suffix]
    made = openapi.gateway(title, resources, "Arn")["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(made)
    for refusal in made.values():
        problem = json.loads(refusal["responseTemplates"]["application/json"])
        assert Problem.model_validate(problem).status == refusal["statusCode"]
        kind = refusal["responseParameters"]["gatewayresponse.header.Content-Type"]
        assert kind == f"'{CONTENT_TYPE}'"


def test_the_rooms_read_no_setting_that_the_doors_are_not_told():
    """The use cases of a door come from every room: what they read must be there."""
    told = set(ApiSettings.model_fields)
    read = {
        each.__name__: set(each.model_fields) - told
        for each in every(Settings)
        if any(
            re.search(rf"\b{each.__name__}\.from_environment", path.read_text())
            for path in wired_by_resources()
        )
    }
    assert {name: missing for name, missing in read.items() if missing} == {}


def every(base):
    for each in base.__subclasses__():
        yield each
        yield from every(each)


def wired_by_resources():
    """The modules of use cases that the resources import."""
    folder = ROOT / "layers/core/tallycast/api/resources"
    text = "\n".join(path.read_text() for path in folder.glob("*.py"))
    modules = set(re.findall(r"from (tallycast\.[\w.]*use_cases[\w.]*) import", text))
    for module in modules:
        path = ROOT / "layers/core" / module.replace(".", "/")
        yield path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
