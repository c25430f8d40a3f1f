"""What becomes of the sample events of the two doors."""

from __future__ import annotations

import json

from tests.support.outcomes import outcome


def answered(scene, case):
    """Status and body."""
    answer, _ = scene.run(case)
    return answer["statusCode"], json.loads(answer["body"])


@outcome("api/me")
def the_owner_is_who_the_credential_says(scene):
    status, who = answered(scene, "api/me")
    assert (status, who["tenant"], who["role"]) == (200, "acme", "owner")


@outcome("api/create_sponsor")
def a_sponsor_is_made_once(scene):
    first, again = (answered(scene, "api/create_sponsor") for _ in range(2))
    assert first == again
    assert first[0] == 201
    assert first[1]["name"] == "Nordlicht Matratzen"


@outcome("api/unknown_sponsor")
def a_sponsor_that_is_not_there_is_not_found(scene):
    status, problem = answered(scene, "api/unknown_sponsor")
    assert (status, problem["code"]) == (404, "sponsor-not-found")


@outcome("partner_api/me")
def a_machine_is_a_partner(scene):
    status, who = answered(scene, "partner_api/me")
    assert (status, who["kind"], who["role"]) == (200, "client", "partner")


@outcome("partner_api/scope_missing")
def a_machine_without_the_scope_is_refused(scene):
    status, problem = answered(scene, "partner_api/scope_missing")
    assert (status, problem["code"]) == (403, "scope-missing")
