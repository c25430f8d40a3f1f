"""What the token trigger puts into people's access tokens, from our tables alone.

A user pool's attributes can be written by the user; memberships cannot. The tenant in a token is
the one that the person chose last. The rest is there for the app's convenience: the authorizer
looks it up again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallycast.identity.directory import person_id_of
from tallycast.kernel.schema import Received

if TYPE_CHECKING:
    from tallycast.identity.directory import Directory

OURS: Final = ("tenant", "role", "plan", "sponsor_id")


class _Request(Received):
    userAttributes: dict[str, str]  # noqa: N815 - Cognito's name


class TokenRequest(Received):
    """The event of a pre-token-generation trigger, version 2 (access tokens)."""

    request: _Request


def claims_for(username: str, directory: Directory) -> dict[str, str]:
    """The claims about a person: empty for one who is in no tenant."""
    person_id = person_id_of(username)
    person = directory.person(person_id)
    tenant = person.active if person else None
    standing = directory.standing(tenant, person_id) if tenant else None
    if tenant is None or standing is None:
        return {}
    member = standing.member
    found = {"tenant": tenant, "role": member.role.value, "plan": standing.plan}
    if member.sponsor_id is not None:
        found["sponsor_id"] = member.sponsor_id
    return found


def answer(event: dict[str, Any], directory: Directory) -> dict[str, Any]:
    """The trigger's event with our claims in its response.

    Claims of ours that are not true of this person are taken out, wherever they come from, and
    groups of the pool are replaced by the role.
    """
    asked = TokenRequest.model_validate(event)
    claims = claims_for(asked.request.userAttributes["sub"], directory)
    said = {
        "accessTokenGeneration": {
            "claimsToAddOrOverride": claims,
            "claimsToSuppress": [name for name in OURS if name not in claims],
        },
        "groupOverrideDetails": {"groupsToOverride": [claims["role"]] if claims else []},
    }
    return {**event, "response": {"claimsAndScopeOverrideDetails": said}}
