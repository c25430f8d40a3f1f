"""Nobody hands out more than they have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.identity.access import GRANTS, scopes_of
from tallycast.identity.granting import (
    BeyondOwnScopesError,
    MachineRoleError,
    SponsorNotNamedError,
    UnknownScopesError,
    check_binding,
    check_person,
    check_role,
    check_scopes,
    scopes_within,
)
from tallycast.identity.model import Principal, Role

MAY_GIVE = {
    Role.OWNER: set(Role),
    Role.ADMIN: set(Role) - {Role.OWNER},
}


def somebody(role, scopes=None):
    held = scopes_of(role) if scopes is None else frozenset(scopes)
    return Principal("acme", "usr_x", "person", role, held)


@pytest.mark.parametrize("giver", MAY_GIVE)
@pytest.mark.parametrize("role", Role)
def test_owners_give_every_role_and_admins_every_role_but_owner(giver, role):
    if role in MAY_GIVE[giver]:
        check_role(somebody(giver), role)
    else:
        with pytest.raises(BeyondOwnScopesError):
            check_role(somebody(giver), role)


def test_whoever_may_manage_people_or_keys_is_one_of_these():
    managers = GRANTS["people:write"] | GRANTS["clients:write"]
    assert managers == set(MAY_GIVE)


@given(st.sets(st.sampled_from(list(GRANTS))), st.sets(st.sampled_from(list(GRANTS))))
def test_what_is_handed_out_was_there_before(own, asked):
    giver = somebody(Role.OWNER, own)
    if asked <= own:
        check_scopes(giver, asked)
    else:
        with pytest.raises(BeyondOwnScopesError):
            check_scopes(giver, asked)


def test_a_key_for_making_keys_makes_no_better_ones():
    key = somebody(Role.ADMIN, {"clients:write", "shows:read"})
    check_scopes(key, ["shows:read"])
    with pytest.raises(BeyondOwnScopesError, match="people:write"):
        check_scopes(key, ["shows:read", "people:write"])


def test_scopes_stay_within_the_role_and_in_the_tables_order():
    asked = ["campaigns:read", "me:read", "shows:read", "me:read"]
    assert scopes_within(Role.PARTNER, asked) == ("me:read", "shows:read", "campaigns:read")
    for wrong in ("audit:read", "nothing:read", ""):
        with pytest.raises(UnknownScopesError):
            scopes_within(Role.PARTNER, ["shows:read", wrong])


def test_a_sponsor_is_named_for_the_role_sponsor_alone():
    check_binding(Role.SPONSOR, "spo_1")
    check_binding(Role.SALES, None)
    for role, sponsor in ((Role.SPONSOR, None), (Role.SALES, "spo_1")):
        with pytest.raises(SponsorNotNamedError):
            check_binding(role, sponsor)


def test_nobody_is_a_machine():
    with pytest.raises(MachineRoleError):
        check_person(Role.PARTNER, None)
