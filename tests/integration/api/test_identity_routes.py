"""Tenants, people, invitations, machine clients and keys through the API."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from tallycast.identity.access import GRANTS, scopes_of
from tallycast.identity.memberships import Memberships
from tallycast.identity.model import Role
from tallycast.kernel.times import utc_now
from tests.support.api import ApiClient, a_principal, api_platform
from tests.support.functions import forget_use_cases
from tests.support.identity import IdentityPlatform, a_user_pool

_names = itertools.count(1)


@dataclass
class Site:
    """A tenant of its own for each test, with its owner at the API."""

    platform: IdentityPlatform
    client: ApiClient
    tenant: str
    owner_id: str

    def as_(self, role: Role, subject: str | None = None, **facts: Any) -> ApiClient:
        subject = subject or f"usr_{role.value}"
        return self.client.as_(a_principal(role, tenant=self.tenant, subject=subject, **facts))

    @property
    def owner(self) -> ApiClient:
        return self.as_(Role.OWNER, self.owner_id)

    def person(self, name: str, role: Role, sponsor_id: str | None = None) -> str:
        _, person_id = self.platform.join(
            self.tenant, f"{name}@{self.tenant}.example", role, utc_now(), sponsor_id
        )
        return person_id

    def deeds(self) -> list[str]:
        return [deed["action"] for deed in self.platform.audited(self.tenant)]


@pytest.fixture(scope="module")
def world():
    with api_platform() as (stacks, app, _):
        forget_use_cases()
        platform = IdentityPlatform(stacks, a_user_pool())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("USER_POOL_ID", platform.pool)
            yield platform, app
        forget_use_cases()


@pytest.fixture
def site(world):
    return a_site(world)


@pytest.fixture
def other(world):
    return a_site(world)


def a_site(world):
    platform, app = world
    tenant = f"site-{next(_names)}"
    _, owner = platform.begin(tenant, f"ann@{tenant}.example", utc_now())
    return Site(platform, app, tenant, owner)


def etag_of(client, path):
    answer = client.get(path)
    assert answer.status == 200, answer.text
    return answer.etag


# ── the tenant ──


def test_a_tenant_is_shown_and_renamed(site):
    before = site.owner.get("/v1/tenant")
    assert before.json()["name"] == site.tenant
    assert before.json()["plan"] == "free"
    renamed = site.owner.patch("/v1/tenant", {"name": "Site One"}, if_match=before.etag)
    assert (renamed.status, renamed.json()["name"]) == (200, "Site One")
    late = site.owner.patch("/v1/tenant", {"name": "Other"}, if_match=before.etag)
    assert late.status == 412
    assert site.owner.patch("/v1/tenant", {"name": "Other"}).status == 428
    assert site.deeds() == ["tenant.begin", "tenant.rename"]


@pytest.mark.parametrize("body", [{"plan": "network"}, {"owners": []}, {"name": " "}, {"name": ""}])
def test_a_tenant_cannot_give_itself_a_plan_or_no_name(site, body):
    etag = etag_of(site.owner, "/v1/tenant")
    assert site.owner.patch("/v1/tenant", body, if_match=etag).status == 422


def test_a_change_of_nothing_changes_nothing(site):
    etag = etag_of(site.owner, "/v1/tenant")
    assert site.owner.patch("/v1/tenant", {}, if_match=etag).etag == etag
    assert site.deeds() == ["tenant.begin"]


# ── invitations ──


def invited(site, email, role="analyst", **more):
    return site.owner.post("/v1/invitations", {"email": email, "role": role, **more}, key=None)


def accept(site, token):
    return site.client.as_(None).post("/v1/invitations/accept", {"token": token}, key=None)


def test_an_invited_person_joins_with_an_account_made_on_the_way(site):
    made = invited(site, "New@Person.example", "sponsor", sponsor_id="spo_5")
    assert made.status == 201
    body = made.json()
    assert (body["email"], body["state"]) == ("new@person.example", "open")
    assert body["token"].startswith("tc_inv_")
    assert made.headers["location"].endswith(f"/v1/invitations/{body['id']}")
    answer = accept(site, body["token"])
    assert (answer.status, answer.json()) == (200, {"tenant": site.tenant, "role": "sponsor"})
    [person] = [p for p in people_of(site) if p["email"] == "new@person.example"]
    assert (person["role"], person["sponsor_id"]) == ("sponsor", "spo_5")
    account = site.platform.cognito.admin_get_user(
        UserPoolId=site.platform.pool, Username="new@person.example"
    )
    assert account["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert site.deeds() == ["tenant.begin", "person.invite", "invitation.accept"]


def people_of(site):
    return site.owner.get("/v1/people").json()["items"]


def test_an_invitation_is_accepted_once(site):
    token = invited(site, "twice@person.example").json()["token"]
    assert accept(site, token).status == 200
    again = accept(site, token)
    assert (again.status, again.json()["code"]) == (409, "invitation-over")
    assert len(people_of(site)) == 2


def test_an_invitation_that_is_accepted_twice_at_once_counts_once(site, monkeypatch):
    """The second has read it as open already; it reads again before it writes."""
    token = invited(site, "fast@person.example").json()["token"]
    original = Memberships.join
    first = []

    def interrupted(self, *arguments, **named):
        if not first:
            first.append(None)
            first[0] = accept(site, token)
        return original(self, *arguments, **named)

    monkeypatch.setattr(Memberships, "join", interrupted)
    second = accept(site, token)
    assert (first[0].status, second.status) == (200, 409)
    assert len(people_of(site)) == 2
    assert site.deeds().count("invitation.accept") == 1


def test_one_person_who_joins_two_tenants_at_once_is_in_both(site, other, monkeypatch):
    """Both write the same person's document."""
    tokens = [invited(each, "both@person.example").json()["token"] for each in (site, other)]
    original = Memberships._entered
    answers = []

    def interrupted(self, *arguments, **named):
        write = original(self, *arguments, **named)
        if not answers:
            answers.append(None)
            answers[0] = accept(other, tokens[1])
        return write

    monkeypatch.setattr(Memberships, "_entered", interrupted)
    assert accept(site, tokens[0]).status == 200
    assert answers[0].status == 200
    [person] = [each["id"] for each in people_of(site) if each["email"].startswith("both@")]
    assert site.platform.directory.person(person).tenants == (other.tenant, site.tenant)


def test_a_revoked_invitation_lets_nobody_in(site):
    made = invited(site, "gone@person.example").json()
    path = f"/v1/invitations/{made['id']}"
    assert site.owner.delete(path).status == 204
    assert site.owner.get(path).json()["state"] == "revoked"
    assert accept(site, made["token"]).status == 409
    assert site.owner.delete(path).json()["code"] == "invitation-over"
    assert len(people_of(site)) == 1
    assert invited(site, "gone@person.example").status == 201  # the address is free again


def test_an_invitation_ends_by_itself_and_makes_room_for_a_new_one(site):
    made = invited(site, "slow@person.example", days=1).json()
    late = utc_now() + timedelta(days=2)
    offers = _offers(site)
    with pytest.raises(Exception, match="time is up"):
        offers.accept(made["token"], "req", late)
    again, token = offers.invite(
        a_principal(tenant=site.tenant),
        "slow@person.example",
        Role.SALES,
        None,
        lasting=timedelta(days=1),
        deed=lambda target: site_deed(target),
        now=late,
    )
    assert offers.accept(token, "req", late).id == again.id
    assert accept(site, made["token"]).status == 409


def _offers(site):
    from tallycast.identity.invitations import Invitations

    platform = site.platform
    return Invitations(platform.table, platform.trail, platform.people, platform.accounts)


def site_deed(target):
    from tallycast.identity.audit.chain import Deed

    return Deed(actor="system:test", action="person.invite", target=target)


def test_an_address_has_one_open_invitation_and_asking_twice_makes_one(site):
    assert invited(site, "one@person.example").status == 201
    again = invited(site, "ONE@person.example")
    assert (again.status, again.json()["code"]) == (409, "already-invited")
    assert len(site.owner.get("/v1/invitations").json()["items"]) == 1


def test_a_member_is_not_invited(site):
    site.person("joe", Role.SALES)
    answer = invited(site, f"joe@{site.tenant}.example")
    assert (answer.status, answer.json()["code"]) == (409, "already-member")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": "x@y.example", "role": "partner"}, "machine-role"),
        ({"email": "x@y.example", "role": "sponsor"}, "sponsor-not-named"),
        ({"email": "x@y.example", "role": "sales", "sponsor_id": "spo_1"}, "sponsor-not-named"),
        ({"email": "x@y.example", "role": "king"}, "fields-invalid"),
        ({"email": "nobody", "role": "sales"}, "fields-invalid"),
        ({"email": "x@y.example", "role": "sales", "days": 31}, "fields-invalid"),
        ({"email": "x@y.example", "role": "sales", "tenant": "other"}, "fields-invalid"),
        ({"email": "x@y.example", "role": "sales", "days": "7"}, "fields-invalid"),
        ({"email": "x@y.example\r\nbcc: z@y.example", "role": "sales"}, "fields-invalid"),
    ],
)
def test_an_invitation_that_makes_no_sense_is_refused(site, body, code):
    answer = site.owner.post("/v1/invitations", body, key=None)
    assert (answer.status, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    "token", ["tc_inv_" + "A" * 43, "tc_live_" + "A" * 43, "x", "ä" * 40, "' OR 1=1 --"]
)
def test_a_token_that_was_never_given_opens_nothing(site, token):
    assert accept(site, token).json()["code"] == "invitation-not-found"


def test_the_token_is_never_shown_again(site):
    made = invited(site, "secret@person.example").json()
    shown = site.owner.get(f"/v1/invitations/{made['id']}").text
    listed = site.owner.get("/v1/invitations").text
    assert made["token"] not in shown + listed
    assert "hash" not in shown + listed
    assert made["token"][7:] not in str(_everything(site))


def _everything(site):
    remembered = site.platform.stacks.memory.scan()["Items"]
    return site.platform.table.scan()["Items"], remembered


def test_an_admin_invites_no_owner(site):
    admin = site.as_(Role.ADMIN)
    answer = admin.post("/v1/invitations", {"email": "o@p.example", "role": "owner"}, key=None)
    assert (answer.status, answer.json()["code"]) == (403, "beyond-own-scopes")
    made = admin.post("/v1/invitations", {"email": "o@p.example", "role": "admin"}, key=None)
    assert made.status == 201


# ── people ──


def test_people_are_listed_in_pages(site):
    for number in range(5):
        site.person(f"p{number}", Role.ANALYST)
    found, path = [], "/v1/people?limit=2"
    while path:
        page = site.owner.get(path).json()
        assert len(page["items"]) <= 2
        found += [person["id"] for person in page["items"]]
        path = f"/v1/people?limit=2&cursor={page['next']}" if page["next"] else None
    assert found == sorted(found)
    assert len(set(found)) == 6


def test_a_role_is_changed_by_whoever_has_seen_the_last_state(site):
    joe = site.person("joe", Role.SALES)
    path = f"/v1/people/{joe}"
    etag = etag_of(site.owner, path)
    changed = site.owner.patch(path, {"role": "admin"}, if_match=etag)
    assert (changed.status, changed.json()["role"]) == (200, "admin")
    assert site.owner.patch(path, {"role": "sales"}, if_match=etag).status == 412
    assert site.owner.patch(path, {"role": "sales"}).status == 428
    bound = site.owner.patch(
        path, {"role": "sponsor", "sponsor_id": "spo_3"}, if_match=changed.etag
    )
    assert bound.json()["sponsor_id"] == "spo_3"
    free = site.owner.patch(path, {"role": "analyst"}, if_match=bound.etag)
    assert (free.status, free.json()["sponsor_id"]) == (200, None)
    assert site.deeds().count("person.change") == 3


def test_the_last_owner_stays_one(site):
    path = f"/v1/people/{site.owner_id}"
    etag = etag_of(site.owner, path)
    for answer in (
        site.owner.patch(path, {"role": "admin"}, if_match=etag),
        site.owner.delete(path, if_match=etag),
    ):
        assert (answer.status, answer.json()["code"]) == (409, "last-owner")
    bea = site.person("bea", Role.OWNER)
    assert site.owner.patch(path, {"role": "admin"}, if_match=etag).status == 200
    last = f"/v1/people/{bea}"
    refused = site.owner.delete(last, if_match=etag_of(site.owner, last))
    assert (refused.status, refused.json()["code"]) == (409, "last-owner")


def test_two_owners_who_remove_each_other_at_once_leave_one(site, monkeypatch):
    """Both have read that there are two; the second to write reads again and is refused."""
    bea = site.person("bea", Role.OWNER)
    mine, hers = f"/v1/people/{site.owner_id}", f"/v1/people/{bea}"
    tags = {path: etag_of(site.owner, path) for path in (mine, hers)}
    original = Memberships._owners
    answers = []

    def interrupted(self, *arguments, **named):
        writes = original(self, *arguments, **named)
        if not answers:
            answers.append(None)
            answers[0] = site.as_(Role.OWNER, bea).delete(mine, if_match=tags[mine])
        return writes

    monkeypatch.setattr(Memberships, "_owners", interrupted)
    second = site.owner.delete(hers, if_match=tags[hers])
    assert answers[0].status == 204
    assert (second.status, second.json()["code"]) == (409, "last-owner")
    assert [person["role"] for person in people_of(replace(site, owner_id=bea))] == ["owner"]


def test_an_admin_changes_no_owner(site):
    bea = site.person("bea", Role.OWNER)
    admin = site.as_(Role.ADMIN, site.person("adi", Role.ADMIN))
    path = f"/v1/people/{bea}"
    etag = etag_of(admin, path)
    for answer in (
        admin.patch(path, {"role": "sales"}, if_match=etag),
        admin.delete(path, if_match=etag),
    ):
        assert (answer.status, answer.json()["code"]) == (403, "beyond-own-scopes")
    joe = site.person("joe", Role.SALES)
    path = f"/v1/people/{joe}"
    raised = admin.patch(path, {"role": "owner"}, if_match=etag_of(admin, path))
    assert raised.json()["code"] == "beyond-own-scopes"


def test_a_removed_person_is_out_of_this_tenant_and_stays_in_others(site, other):
    joe = site.person("joe", Role.SALES)
    other.platform.join(other.tenant, f"joe@{site.tenant}.example", Role.ANALYST, utc_now())
    path = f"/v1/people/{joe}"
    assert site.owner.delete(path, if_match=etag_of(site.owner, path)).status == 204
    assert site.owner.get(path).status == 404
    mine = other.as_(Role.ANALYST, joe).get("/v1/me/tenants").json()["items"]
    assert [(each["tenant"], each["active"]) for each in mine] == [(other.tenant, True)]


def test_another_tenants_people_clients_keys_and_invitations_are_not_there(site, other):
    joe = other.person("joe", Role.SALES)
    offer = invited(other, "x@person.example").json()["id"]
    key = made_key(other).json()["id"]
    machine = made_client(other).json()["client_id"]
    for method, path in (
        ("get", f"/v1/people/{joe}"),
        ("get", f"/v1/invitations/{offer}"),
        ("delete", f"/v1/invitations/{offer}"),
        ("get", f"/v1/api-keys/{key}"),
        ("delete", f"/v1/api-keys/{key}"),
        ("get", f"/v1/clients/{machine}"),
        ("delete", f"/v1/clients/{machine}"),
    ):
        assert getattr(site.owner, method)(path).status == 404, (method, path)
    for path in (f"/v1/people/{joe}",):
        assert site.owner.patch(path, {"role": "sales"}, if_match='"1"').status == 404
        assert site.owner.delete(path, if_match='"1"').status == 404
    for listing in ("/v1/people", "/v1/invitations", "/v1/clients", "/v1/api-keys"):
        theirs = other.owner.get(listing).json()["items"]
        ours = site.owner.get(listing).json()["items"]
        assert theirs
        assert [each for each in ours if each in theirs] == []


# ── myself ──


def test_a_person_goes_on_in_another_of_its_tenants(site, other):
    other.platform.join(other.tenant, f"ann@{site.tenant}.example", Role.SALES, utc_now())
    answer = site.owner.put("/v1/me/tenant", {"tenant": other.tenant})
    assert answer.status == 200
    assert [(each["tenant"], each["role"], each["active"]) for each in answer.json()["items"]] == [
        (site.tenant, "owner", False),
        (other.tenant, "sales", True),
    ]
    assert other.deeds()[-1] == "me.switch"


def test_a_tenant_that_one_is_not_in_looks_like_one_that_is_not_there(site, other):
    for name in (other.tenant, "nowhere", "platform"):
        answer = site.owner.put("/v1/me/tenant", {"tenant": name})
        assert (answer.status, answer.json()["code"]) == (404, "tenant-not-found")
        assert other.tenant not in answer.text.replace(name, "")


def test_signing_out_everywhere_is_noted_with_us_and_told_to_cognito(site):
    before = utc_now()
    assert site.owner.post("/v1/me/sign-out", key=None).status == 204
    person = site.platform.directory.person(site.owner_id)
    assert before <= person.signed_out_at <= utc_now()
    assert site.deeds()[-1] == "me.sign_out"


@pytest.mark.parametrize("kind", ["client", "key"])
def test_machines_do_not_sign_in_or_out(site, kind):
    machine = site.as_(Role.PARTNER, "key_1", kind=kind)
    assert machine.get("/v1/me").status == 200
    for answer in (
        machine.get("/v1/me/tenants"),
        machine.put("/v1/me/tenant", {"tenant": site.tenant}),
        machine.post("/v1/me/sign-out", key=None),
    ):
        assert (answer.status, answer.json()["code"]) == (403, "only-people")


# ── machine clients ──


def made_client(site, **changed):
    asked = {"name": "Ad server", "scopes": ["campaigns:read", "shows:read"], **changed}
    return site.owner.post("/v1/clients", asked, key=None)


def test_a_machine_client_gets_its_secret_once(site):
    made = made_client(site)
    assert made.status == 201
    body = made.json()
    assert body["scopes"] == ["shows:read", "campaigns:read"]
    shown = site.owner.get(f"/v1/clients/{body['client_id']}").text
    assert body["client_secret"] not in shown + site.owner.get("/v1/clients").text
    assert body["client_secret"] not in str(_everything(site))
    known = boto3.client("cognito-idp").describe_user_pool_client(
        UserPoolId=site.platform.pool, ClientId=body["client_id"]
    )["UserPoolClient"]
    assert known["ClientSecret"] == body["client_secret"]
    assert known["AllowedOAuthFlows"] == ["client_credentials"]
    assert known["AllowedOAuthScopes"] == ["tallycast/shows:read", "tallycast/campaigns:read"]


def test_asking_twice_makes_one_client_and_leaves_none_behind_in_the_pool(site):
    assert made_client(site).status == 201
    before = _clients_in_the_pool(site)
    again = made_client(site)
    assert (again.status, again.json()["code"]) == (409, "client-name-taken")
    assert _clients_in_the_pool(site) == before
    assert len(site.owner.get("/v1/clients").json()["items"]) == 1


def _clients_in_the_pool(site):
    listed = site.platform.cognito.get_paginator("list_user_pool_clients").paginate(
        UserPoolId=site.platform.pool
    )
    return {each["ClientId"] for page in listed for each in page["UserPoolClients"]}


def test_a_removed_client_is_gone_from_the_pool_and_its_name_is_free(site):
    client_id = made_client(site).json()["client_id"]
    assert site.owner.delete(f"/v1/clients/{client_id}").status == 204
    assert client_id not in _clients_in_the_pool(site)
    assert site.owner.get(f"/v1/clients/{client_id}").json()["code"] == "client-not-found"
    assert made_client(site).status == 201
    assert site.deeds() == ["tenant.begin", "client.make", "client.remove", "client.make"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"scopes": []}, 422),
        ({"scopes": ["people:write"]}, 422),  # a partner has no such scope
        ({"scopes": ["tallycast/shows:read"]}, 422),
        ({"name": "   "}, 422),
        ({"name": "a\nb"}, 422),
        ({"role": "owner"}, 422),
    ],
)
def test_a_client_that_makes_no_sense_is_refused(site, changed, status):
    assert made_client(site, **changed).status == status
    assert site.owner.get("/v1/clients").json()["items"] == []


def test_a_tenant_has_room_for_so_many_clients(site, monkeypatch):
    monkeypatch.setattr("tallycast.identity.machines.MOST_CLIENTS", 1)
    assert made_client(site).status == 201
    assert made_client(site, name="another").json()["code"] == "too-many-clients"


# ── API keys ──


def made_key(site, **changed):
    asked = {"name": "Script", "scopes": ["shows:read"], **changed}
    return site.owner.post("/v1/api-keys", asked, key=None)


def test_a_key_is_shown_once_and_known_by_its_beginning(site):
    made = made_key(site)
    assert made.status == 201
    body = made.json()
    assert body["key"].startswith("tc_live_")
    assert len(body["key"]) == 8 + 43
    assert body["preview"] == f"{body['key'][:12]}…"
    assert (body["role"], body["last_used_on"], body["revoked_at"]) == ("partner", None, None)
    [listed] = site.owner.get("/v1/api-keys").json()["items"]
    assert listed == {name: value for name, value in body.items() if name != "key"}
    assert body["key"][12:] not in str(_everything(site))


def test_a_revoked_key_stays_on_the_list_and_its_name_is_free(site):
    path = f"/v1/api-keys/{made_key(site).json()['id']}"
    assert site.owner.delete(path).status == 204
    assert site.owner.get(path).json()["revoked_at"] is not None
    again = site.owner.delete(path)
    assert (again.status, again.json()["code"]) == (409, "api-key-revoked")
    assert made_key(site).status == 201
    assert made_key(site).json()["code"] == "api-key-name-taken"
    assert [key["name"] for key in site.owner.get("/v1/api-keys").json()["items"]] == ["Script"] * 2


def test_the_last_day_of_use_is_shown(site):
    body = made_key(site).json()
    site.platform.directory.used(site.tenant, body["id"], utc_now())
    [listed] = site.owner.get("/v1/api-keys").json()["items"]
    shown = site.owner.get(f"/v1/api-keys/{body['id']}").json()
    assert listed["last_used_on"] == shown["last_used_on"] == utc_now().date().isoformat()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"scopes": ["audit:read"]}, "unknown-scopes"),
        ({"role": "analyst", "scopes": ["orders:write"]}, "unknown-scopes"),
        ({"role": "sponsor", "scopes": ["campaigns:read"]}, "sponsor-not-named"),
        ({"sponsor_id": "spo_1"}, "sponsor-not-named"),
        ({"days": 0}, "fields-invalid"),
        ({"days": 4000}, "fields-invalid"),
        ({"scopes": ["x" * 50]}, "fields-invalid"),
        ({"secret_hash": "0" * 64}, "fields-invalid"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(site, changed, code):
    answer = made_key(site, **changed)
    assert (answer.status, answer.json()["code"]) == (422, code)


def test_a_key_may_live_for_ever_or_until_its_day(site):
    for_ever = made_key(site, days=None).json()
    assert for_ever["expires_at"] is None
    a_year = made_key(site, name="other").json()
    assert a_year["expires_at"][:10] == (utc_now() + timedelta(days=365)).date().isoformat()


def test_nobody_makes_a_key_that_may_more_than_they(site):
    admin = site.as_(Role.ADMIN)
    asked = {"name": "o", "role": "owner", "scopes": ["audit:read"]}
    assert admin.post("/v1/api-keys", asked, key=None).json()["code"] == "beyond-own-scopes"
    narrow = site.as_(Role.ADMIN, "key_1", kind="key", scopes=frozenset({"clients:write"}))
    asked = {"name": "n", "role": "admin", "scopes": ["people:write"]}
    assert narrow.post("/v1/api-keys", asked, key=None).json()["code"] == "beyond-own-scopes"
    asked = {"name": "n", "scopes": ["campaigns:read"]}
    assert narrow.post("/v1/clients", asked, key=None).json()["code"] == "beyond-own-scopes"


def test_a_tenant_has_room_for_so_many_keys(site, monkeypatch):
    monkeypatch.setattr("tallycast.identity.api_keys.MOST_KEYS", 1)
    first = made_key(site).json()
    assert made_key(site, name="another").json()["code"] == "too-many-api-keys"
    site.owner.delete(f"/v1/api-keys/{first['id']}")
    assert made_key(site, name="another").status == 201


# ── roles ──

ROUTES = {
    ("get", "/v1/tenant"): "tenant:read",
    ("patch", "/v1/tenant"): "tenant:write",
    ("get", "/v1/people"): "people:read",
    ("get", "/v1/people/usr_1"): "people:read",
    ("patch", "/v1/people/usr_1"): "people:write",
    ("delete", "/v1/people/usr_1"): "people:write",
    ("get", "/v1/invitations"): "people:read",
    ("get", "/v1/invitations/inv_1"): "people:read",
    ("post", "/v1/invitations"): "people:write",
    ("delete", "/v1/invitations/inv_1"): "people:write",
    ("get", "/v1/clients"): "clients:read",
    ("get", "/v1/clients/abc"): "clients:read",
    ("post", "/v1/clients"): "clients:write",
    ("delete", "/v1/clients/abc"): "clients:write",
    ("get", "/v1/api-keys"): "clients:read",
    ("get", "/v1/api-keys/key_1"): "clients:read",
    ("post", "/v1/api-keys"): "clients:write",
    ("delete", "/v1/api-keys/key_1"): "clients:write",
}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_route_is_open_to_the_roles_of_its_scope_alone(site, method, path):
    scope = ROUTES[method, path]
    for role in Role:
        facts = {"sponsor_id": "spo_1"} if role is Role.SPONSOR else {}
        full = getattr(site.as_(role, **facts), method)(path)
        assert (full.status == 403) == (role not in GRANTS[scope]), (role, full.text)
        narrow = site.as_(role, scopes=scopes_of(role) - {scope}, **facts)
        assert getattr(narrow, method)(path).status == 403
    assert getattr(site.client.as_(None), method)(path).status == 401
