"""What an answer must be, and which of schemathesis' findings are none here, each for a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import Any, Final

from pydantic import ValidationError

from tallycast.api.openapi import errors_of
from tallycast.api.problems import CONTENT_TYPE, Problem, slug, status_of
from tallycast.api.resources import API, PARTNER_API
from tallycast.api.routes import Route

BEST_SERVER_ERROR: Final = 500
_REFUSED: Final = 400
# What the gateway answers by itself; `docs/problems.md` lists them beside the routes' own.
GATEWAYS: Final = {"no-such-route": 404, "unauthenticated": 401, "request-too-large": 413}
# How pydantic words what a JSON schema can say. Rules in other words are our own: between fields, or
# of a kind that no schema has (a time zone that exists), and a valid case may break them.
_SCHEMA_WORDS: Final = (
    "Input should",
    "String should",
    "Value should",
    "List should",
    "Tuple should",
    "Dictionary should",
    "Object should",
    "Field required",
    "Extra inputs",
    "Unable to",
)
_UNREAD: Final = {"bad-request", "internal", "path-not-found", "unsupported-media-type"}


@cache
def routes() -> dict[str, Route]:
    """Every route of both doors by its operation's id."""
    return {route.name: route for route in chain.from_iterable([*API, *PARTNER_API])}


def wrong_with(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """What is wrong with an answer, whatever was asked; None if nothing is.

    Args:
        operation: its id.
        headers: by lower-case name.
    """
    if status >= BEST_SERVER_ERROR:
        return f"answered {status}"
    if status < _REFUSED:
        return None
    kind = headers.get("content-type", "")
    if kind != CONTENT_TYPE:
        return f"a refusal of type {kind!r}"
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError as error:
        return f"a refusal that is no problem: {error}"
    known = {slug(error): status_of(error) for error in errors_of(routes()[operation])}
    if {**GATEWAYS, **known}.get(problem.code) != status:
        return f"{status} {problem.code} is not documented"
    return None


def is_of_the_local_cloud(target: str, status: int, body: bytes) -> bool:
    """Whether MiniStack alone answers so.

    It matches the address against the authorizer's policy (`…/live/*`) by a regular expression whose
    `.` stops at the end of a line (`ministack.services.apigateway_v1._arn_matches`): an address with
    a line feed (`%0A`) in it is taken for one that the policy does not allow. In AWS `*` stands for
    every character.
    """
    return (status, _problem(body).get("code")) == (403, "not-a-member") and "%0a" in target.lower()


def is_as_documented(check: str, path: str, status: int, body: bytes) -> bool:
    """Whether what a check of schemathesis calls wrong is what the documentation promises.

    - A thing that hangs on another is not there only because the other was just created.
    - A gateway knows routes by path and method together: another method is `no-such-route` (404).
    - A case that is valid by its schema may still name a version that is not the newest (412), or
      break a rule that no schema can tell: a cursor of another list, a reference to nothing, days
      in the wrong order. Such a refusal has a code of its own, or says the rule in our words.
    """
    problem = _problem(body)
    code = problem.get("code")
    if check == "ensure_resource_availability":
        return status == 404 and path.count("{") > 1
    if check == "unsupported_method":
        return (status, code) == (404, "no-such-route")
    if check != "positive_data_acceptance" or code is None or code in _UNREAD:
        return False
    if code == "fields-invalid":
        told = [str(each["detail"]) for each in problem.get("errors", [])]
        return bool(told) and not any(detail.startswith(_SCHEMA_WORDS) for detail in told)
    return True


def _problem(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
