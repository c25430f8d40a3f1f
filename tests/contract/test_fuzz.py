"""The fuzzing of the APIs finds fault where there is one: its judgement, on answers made up."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tallycast.api.problems import CONTENT_TYPE
from tests.fuzz.judging import is_as_documented, is_of_the_local_cloud, wrong_with
from tests.fuzz.peeping import Neighbour

PROBLEM = {"content-type": CONTENT_TYPE}


def a_problem(status, code, **more):
    known = {"type": "t", "title": "t", "detail": "d", "request_id": "r"}
    return json.dumps({**known, "status": status, "code": code, **more}).encode()


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (500, PROBLEM, a_problem(500, "internal"), "answered 500"),
        (503, PROBLEM, a_problem(503, "service-unavailable"), "answered 503"),
        (404, {"content-type": "text/html"}, b"<h1>Not found</h1>", "a refusal of type"),
        (404, PROBLEM, b"{}", "no problem"),
        (404, PROBLEM, a_problem(404, "boat-not-found"), "not documented"),
        (409, PROBLEM, a_problem(409, "sponsor-not-found"), "not documented"),
        (403, PROBLEM, a_problem(403, "not-a-member"), "not documented"),
    ],
)
def test_an_answer_that_nobody_promised_is_wrong(status, headers, body, said):
    assert said in wrong_with("show_sponsor", status, headers, body)


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "sponsor-not-found"), (404, "no-such-route"), (401, "unauthenticated")],
)
def test_an_answer_that_is_documented_is_right(status, code):
    assert wrong_with("show_sponsor", status, PROBLEM, a_problem(status, code)) is None
    assert wrong_with("show_sponsor", 200, {}, b"{}") is None


@pytest.mark.parametrize(
    ("code", "details", "may_be"),
    [
        ("dates-invalid", [], True),
        ("fields-invalid", ["a flight ends on the day it starts, or later"], True),
        ("fields-invalid", ["Input should be a valid integer"], False),
        ("fields-invalid", ["a flight ends later", "Field required"], False),
        ("fields-invalid", [], False),
        ("bad-request", [], False),
        ("internal", [], False),
    ],
)
def test_valid_data_is_refused_only_by_rules_that_no_schema_can_tell(code, details, may_be):
    body = a_problem(422, code, errors=[{"pointer": "/x", "detail": each} for each in details])
    assert is_as_documented("positive_data_acceptance", "/v1/x", 422, body) is may_be


@pytest.mark.parametrize(
    "check",
    [
        "not_a_server_error",
        "status_code_conformance",
        "response_schema_conformance",
        "ignored_auth",
    ],
)
def test_nothing_excuses_the_other_checks(check):
    for status, code in ((422, "dates-invalid"), (404, "no-such-route"), (500, "internal")):
        assert not is_as_documented(check, "/v1/x/{a}/{b}", status, a_problem(status, code))


def test_the_local_cloud_is_excused_for_a_line_feed_alone():
    body = a_problem(403, "not-a-member")
    assert is_of_the_local_cloud("/v1/spots/a%0Ab", 403, body)
    assert not is_of_the_local_cloud("/v1/spots/a%0Db", 403, body)
    assert not is_of_the_local_cloud("/v1/spots/a%0Ab", 403, a_problem(403, "scope-missing"))
    assert not is_of_the_local_cloud("/v1/spots/a%0Ab", 500, body)


# ── the other tenant ──


def peeped(status, text, *, method="GET", url="http://x/v1/sponsors/spo_1", body=None):
    """What the neighbour finds wrong when it is answered so."""
    stock = SimpleNamespace(ids=lambda: {"spo_1", "cmp_1"}, secrets={"secret-acme"})
    neighbour = Neighbour("tc_live_other", stock)
    answer = SimpleNamespace(status_code=status, text=text)
    neighbour._session = SimpleNamespace(request=lambda *_, **__: answer)
    request = SimpleNamespace(
        method=method, url=url, body=body, headers={"Authorization": "Bearer tc_live_own"}
    )
    case = SimpleNamespace(operation=SimpleNamespace(path="/v1/sponsors/{sponsor_id}"))
    neighbour.follow(case, SimpleNamespace(request=request, status_code=200))
    return neighbour.asked, neighbour.wrong


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"status": 200, "text": "{}"}, "was answered 200"),
        ({"status": 412, "text": "{}", "method": "PATCH"}, "was answered 412"),
        ({"status": 404, "text": "secret-acme is in the way"}, "was shown"),
        ({"status": 200, "text": "cmp_1", "url": "http://x/v1/campaigns?sponsor_id=spo_1"}, "was shown"),
        (
            {"status": 201, "text": "", "method": "POST", "url": "http://x/v1/orders", "body": b'"spo_1"'},
            "could name",
        ),
    ],
)  # fmt: skip
def test_a_neighbour_who_gets_anything_tells(asked, said):
    _, wrong = peeped(**asked)
    assert said in wrong[0]


@pytest.mark.parametrize(
    "asked",
    [
        {"status": 404, "text": "no sponsor spo_1 here"},
        {"status": 403, "text": ""},
        {"status": 200, "text": '{"items": []}', "url": "http://x/v1/campaigns?sponsor_id=spo_1"},
        {"status": 422, "text": "", "method": "POST", "url": "http://x/v1/orders", "body": b'"spo_1"'},
    ],
)  # fmt: skip
def test_a_neighbour_who_gets_nothing_is_content(asked):
    assert peeped(**asked) == (1, [])


def test_what_names_nothing_of_the_tenant_is_not_sent_again():
    assert peeped(200, "{}", url="http://x/v1/sponsors") == (0, [])
