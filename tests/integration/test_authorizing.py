"""From a credential to a principal, on the real tables."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from tallycast.identity.access import scopes_of
from tallycast.identity.api_keys import ApiKeys
from tallycast.identity.audit.chain import Deed
from tallycast.identity.authorizing import Authorizer, NoMembershipError
from tallycast.identity.claims import answer
from tallycast.identity.machines import Machines
from tallycast.identity.model import Principal, Role
from tallycast.identity.secrets import API_KEY_PREFIX, new_secret
from tallycast.identity.sessions import Sessions
from tallycast.identity.tokens.access import TokenRefusedError
from tallycast.identity.tokens.keys import KeyStore
from tests.support.api import a_principal
from tests.support.functions import function
from tests.support.identity import identity_platform
from tests.support.tokens import APP_CLIENT, ISSUER, NOW, Pool, claims, signed

_names = itertools.count(1)
ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc123/live/GET/v1/me"
LATER = NOW + timedelta(minutes=5)


@pytest.fixture(scope="module")
def platform():
    with identity_platform() as made:
        yield made


@pytest.fixture
def tenant():
    return f"acme-{next(_names)}"


@pytest.fixture
def authorizer(platform):
    return Authorizer(platform.directory, KeyStore(Pool().fetch), ISSUER, APP_CLIENT)


def deed(target="x", action="test.do"):
    return Deed(actor="system:test", action=action, target=target)


def token_of(account, tenant, **changed):
    return signed(claims(sub=account.username, tenant=tenant, **changed))


# ── people ──


def test_an_owner_may_do_all_that_owners_may(platform, authorizer, tenant):
    account, owner = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    assert authorizer.principal(token_of(account, tenant), NOW) == Principal(
        tenant=tenant,
        subject=owner,
        kind="person",
        role=Role.OWNER,
        scopes=scopes_of(Role.OWNER),
        plan="free",
    )


def test_a_sponsors_person_is_bound_to_its_sponsor(platform, authorizer, tenant):
    platform.begin(tenant, f"ann@{tenant}.example", NOW)
    account, _ = platform.join(tenant, f"sue@{tenant}.example", Role.SPONSOR, NOW, "spo_1")
    who = authorizer.principal(token_of(account, tenant), NOW)
    assert (who.role, who.sponsor_id, who.scopes) == (
        Role.SPONSOR,
        "spo_1",
        scopes_of(Role.SPONSOR),
    )


def test_what_a_token_says_of_role_and_plan_is_not_believed(platform, authorizer, tenant):
    platform.begin(tenant, f"ann@{tenant}.example", NOW)
    account, _ = platform.join(tenant, f"joe@{tenant}.example", Role.ANALYST, NOW)
    token = token_of(account, tenant, role="owner", plan="network", sponsor_id="spo_9")
    who = authorizer.principal(token, NOW)
    assert (who.role, who.plan, who.sponsor_id) == (Role.ANALYST, "free", None)


def test_a_changed_role_counts_for_tokens_that_were_issued_before(platform, authorizer, tenant):
    _, owner = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    account, joe = platform.join(tenant, f"joe@{tenant}.example", Role.ADMIN, NOW)
    token = token_of(account, tenant)
    by = a_principal(tenant=tenant, subject=owner)
    platform.people.change(
        by, joe, Role.ANALYST, None, seen=lambda _: None, deed=deed(joe), now=NOW
    )
    assert authorizer.principal(token, NOW).role is Role.ANALYST
    platform.people.remove(by, joe, seen=lambda _: None, deed=deed(joe), now=NOW)
    with pytest.raises(NoMembershipError):
        authorizer.principal(token, NOW)


def test_a_person_in_no_tenant_or_with_a_token_for_another_is_denied(platform, authorizer, tenant):
    account, _ = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    platform.begin(f"{tenant}-b", f"bob@{tenant}.example", NOW)
    stranger = platform.accounts.account(f"eve@{tenant}.example")
    for token in (
        token_of(account, None),
        token_of(account, f"{tenant}-b"),
        token_of(account, "nowhere"),
        token_of(account, "platform"),
        token_of(stranger, tenant),
    ):
        with pytest.raises(NoMembershipError):
            authorizer.principal(token, NOW)


def test_a_tenant_that_could_not_be_one_is_denied(platform, authorizer, tenant):
    account, _ = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    for name in (f"{tenant}#MEMBER", "../x", "", "A" * 70):
        with pytest.raises((NoMembershipError, TokenRefusedError)):
            authorizer.principal(token_of(account, name), NOW)


def test_sign_out_ends_tokens_of_sign_ins_before_it_however_late_they_were_issued(
    platform, authorizer, tenant
):
    account, owner = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    second = int(NOW.timestamp())
    old = token_of(account, tenant, auth_time=second - 30)
    refreshed = token_of(account, tenant, auth_time=second - 30, iat=second + 60, exp=second + 900)
    again = token_of(account, tenant, auth_time=second + 1, iat=second + 1, exp=second + 900)
    assert authorizer.principal(old, LATER).subject == owner
    sessions = Sessions(platform.table, platform.trail, platform.accounts)
    sessions.sign_out(tenant, owner, deed(owner, "me.sign_out"), NOW)
    for token in (old, refreshed):
        with pytest.raises(TokenRefusedError):
            authorizer.principal(token, LATER)
    assert authorizer.principal(again, LATER).subject == owner


def test_a_persons_token_that_hides_when_its_person_signed_in_is_refused(
    platform, authorizer, tenant
):
    account, _ = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    for signed_in in (None, "now", True):
        with pytest.raises(TokenRefusedError):
            authorizer.principal(token_of(account, tenant, auth_time=signed_in), NOW)


def test_a_token_for_another_client_of_the_same_pool_is_refused(platform, authorizer, tenant):
    account, _ = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    with pytest.raises(TokenRefusedError):
        authorizer.principal(token_of(account, tenant, client_id="3another3client"), NOW)


# ── machines ──


def machine_token(client_id, scopes, **changed):
    said = claims(
        sub=client_id,
        client_id=client_id,
        scope=" ".join(f"tallycast/{scope}" for scope in scopes),
        tenant=None,
        username=None,
        auth_time=None,
    )
    return signed(said | changed)


@pytest.fixture
def machines(platform):
    return Machines(platform.table, platform.trail, platform.accounts)


def test_a_machine_is_of_the_tenant_that_made_it_whatever_its_token_says(
    platform, authorizer, machines, tenant
):
    platform.begin(tenant, f"ann@{tenant}.example", NOW)
    by = a_principal(tenant=tenant)
    made, secret = machines.make(by, "ads", ["campaigns:read", "shows:read"], deed=deed, now=NOW)
    assert len(secret) >= 32
    token = machine_token(made.id, ["campaigns:read"], tenant="other", role="owner")
    assert authorizer.principal(token, NOW) == Principal(
        tenant=tenant,
        subject=made.id,
        kind="client",
        role=Role.PARTNER,
        scopes=frozenset({"campaigns:read"}),
        plan="free",
    )


def test_a_machine_has_no_scope_that_it_was_not_given(platform, authorizer, machines, tenant):
    by = a_principal(tenant=tenant)
    made, _ = machines.make(by, "ads", ["campaigns:read"], deed=deed, now=NOW)
    token = machine_token(made.id, ["campaigns:read", "campaigns:write"])
    assert authorizer.principal(token, NOW).scopes == {"campaigns:read"}


def test_a_machine_that_was_removed_is_refused(platform, authorizer, machines, tenant):
    by = a_principal(tenant=tenant)
    made, _ = machines.make(by, "ads", ["campaigns:read"], deed=deed, now=NOW)
    machines.remove(by, made.id, deed(made.id), NOW)
    with pytest.raises(TokenRefusedError):
        authorizer.principal(machine_token(made.id, ["campaigns:read"]), NOW)
    clients = platform.cognito.list_user_pool_clients(UserPoolId=platform.pool, MaxResults=60)
    assert made.id not in {client["ClientId"] for client in clients["UserPoolClients"]}


def test_a_persons_token_of_a_machines_client_is_refused(platform, authorizer, machines, tenant):
    made, _ = machines.make(
        a_principal(tenant=tenant), "ads", ["campaigns:read"], deed=deed, now=NOW
    )
    account, _ = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    with pytest.raises(TokenRefusedError):
        authorizer.principal(token_of(account, tenant, client_id=made.id), NOW)


# ── API keys ──


@pytest.fixture
def api_keys(platform):
    return ApiKeys(platform.table, platform.trail)


def a_key(api_keys, tenant, **changed):
    asked = {
        "name": "script",
        "role": Role.PARTNER,
        "scopes": ["shows:read"],
        "sponsor_id": None,
        "expires_at": NOW + timedelta(days=1),
        **changed,
    }
    return api_keys.make(a_principal(tenant=tenant), deed=deed, now=NOW, **asked)


def test_a_key_is_good_for_its_scopes_in_its_tenant(authorizer, api_keys, tenant):
    made, key = a_key(api_keys, tenant)
    assert authorizer.principal(key, NOW) == Principal(
        tenant=tenant,
        subject=made.id,
        kind="key",
        role=Role.PARTNER,
        scopes=frozenset({"shows:read"}),
        plan="free",
    )


def test_a_key_of_a_sponsor_sees_that_sponsor(authorizer, api_keys, tenant):
    _, key = a_key(
        api_keys, tenant, role=Role.SPONSOR, scopes=["campaigns:read"], sponsor_id="spo_7"
    )
    who = authorizer.principal(key, NOW)
    assert (who.role, who.sponsor_id) == (Role.SPONSOR, "spo_7")


def test_a_key_ends_at_its_time_and_not_before(authorizer, api_keys, tenant):
    _, key = a_key(api_keys, tenant)
    end = NOW + timedelta(days=1)
    assert authorizer.principal(key, end - timedelta(seconds=1)).tenant == tenant
    with pytest.raises(TokenRefusedError):
        authorizer.principal(key, end)
    _, for_ever = a_key(api_keys, tenant, name="other", expires_at=None)
    assert authorizer.principal(for_ever, NOW + timedelta(days=9999)).tenant == tenant


def test_a_revoked_key_is_refused(authorizer, api_keys, tenant):
    made, key = a_key(api_keys, tenant)
    api_keys.revoke(a_principal(tenant=tenant), made.id, deed(made.id), NOW)
    with pytest.raises(TokenRefusedError):
        authorizer.principal(key, NOW)


def test_keys_that_were_never_made_are_refused(authorizer, api_keys, tenant):
    _, key = a_key(api_keys, tenant)
    for wrong in (
        new_secret(API_KEY_PREFIX),
        key[:-1],
        key + "A",
        key.swapcase(),
        "tc_live_",
        f"tc_live_{'ä' * 43}",
        key.removeprefix("tc_live_"),
        key.replace("tc_live_", "tc_inv_"),
    ):
        with pytest.raises(TokenRefusedError):
            authorizer.principal(wrong, NOW)


def test_the_last_day_of_use_is_written_once_a_day(platform, authorizer, api_keys, tenant):
    made, key = a_key(api_keys, tenant, expires_at=None)
    assert api_keys.last_used(tenant, [made.id]) == {}
    for hours in (0, 1, 2, 30, 31):
        authorizer.principal(key, NOW + timedelta(hours=hours))
    day = (NOW + timedelta(hours=30)).date()
    assert api_keys.last_used(tenant, [made.id]) == {made.id: day}
    [use] = [
        item
        for item in platform.table.scan()["Items"]
        if item["kind"] == "key_use" and item["id"] == made.id
    ]
    assert use["version"] == 2


def test_no_secret_lies_in_the_table(platform, authorizer, api_keys, tenant):
    _, key = a_key(api_keys, tenant)
    authorizer.principal(key, NOW)
    assert key.removeprefix("tc_live_")[6:] not in str(platform.table.scan()["Items"])


# ── the functions ──


def environment(platform, name):
    return {
        "authorize": {
            "CORE_TABLE": platform.table.name,
            "ISSUER": ISSUER,
            "APP_CLIENT_ID": APP_CLIENT,
        },
        "mint_claims": {"CORE_TABLE": platform.table.name},
    }[name] | {"POWERTOOLS_SERVICE_NAME": name}


def test_the_authorizer_lets_through_denies_or_says_unauthorized(platform, api_keys, tenant):
    _, key = a_key(api_keys, tenant, expires_at=None)
    with function("authorize", environment(platform, "authorize")) as authorize:
        answer = authorize(
            {"methodArn": ARN, "headers": {"authorization": f"Bearer {key}"}, "type": "REQUEST"}
        )
        assert answer["context"]["tenant"] == tenant
        assert authorize.metrics.get("credentials_refused") is None
        for event in (
            {"methodArn": ARN, "headers": {"authorization": f"Bearer {key}x"}},
            {"methodArn": ARN, "headers": {}},
            {"methodArn": ARN},
            {},
        ):
            with pytest.raises(Exception, match=r"^Unauthorized$"):
                authorize(event)
        assert authorize.metrics["credentials_refused"] == [1.0] * 4
        assert authorize.metrics["credentials_accepted"] == [1.0]


def cognitos_event(account, **attributes):
    return {
        "version": "2",
        "triggerSource": "TokenGeneration_HostedAuth",
        "region": "eu-central-1",
        "userPoolId": "eu-central-1_TestPool1",
        "userName": account.username,
        "callerContext": {"awsSdkVersion": "x", "clientId": APP_CLIENT},
        "request": {
            "userAttributes": {"sub": account.username, "email": account.email, **attributes},
            "groupConfiguration": {"groupsToOverride": ["owner"], "iamRolesToOverride": []},
            "scopes": ["openid"],
        },
        "response": {"claimsAndScopeOverrideDetails": None},
    }


def said_of(platform, account, **attributes):
    event = cognitos_event(account, **attributes)
    with function("mint_claims", environment(platform, "mint_claims")) as mint_claims:
        answered = mint_claims(event)
    assert {name: answered[name] for name in event if name != "response"} == {
        name: event[name] for name in event if name != "response"
    }
    return answered["response"]["claimsAndScopeOverrideDetails"]


def test_claims_come_from_our_tables_alone(platform, tenant):
    platform.begin(tenant, f"ann@{tenant}.example", NOW)
    account, _ = platform.join(tenant, f"sue@{tenant}.example", Role.SPONSOR, NOW, "spo_1")
    forged = {"custom:tenant": "other", "tenant": "other", "role": "owner"}
    said = said_of(platform, account, **forged)
    assert said["accessTokenGeneration"] == {
        "claimsToAddOrOverride": {
            "tenant": tenant,
            "role": "sponsor",
            "plan": "free",
            "sponsor_id": "spo_1",
        },
        "claimsToSuppress": [],
    }
    assert said["groupOverrideDetails"] == {"groupsToOverride": ["sponsor"]}


def test_a_person_in_no_tenant_gets_no_claim_and_keeps_no_group(platform, tenant):
    account = platform.accounts.account(f"eve@{tenant}.example")
    said = said_of(platform, account, tenant="other")
    assert said["accessTokenGeneration"]["claimsToAddOrOverride"] == {}
    assert said["accessTokenGeneration"]["claimsToSuppress"] == [
        "tenant",
        "role",
        "plan",
        "sponsor_id",
    ]
    assert said["groupOverrideDetails"] == {"groupsToOverride": []}


def test_the_next_token_is_for_the_tenant_that_was_chosen(platform, tenant):
    other = f"{tenant}-b"
    account, person = platform.begin(tenant, f"ann@{tenant}.example", NOW)
    platform.begin(other, f"bob@{tenant}.example", NOW)
    platform.join(other, f"ann@{tenant}.example", Role.SALES, NOW)
    sessions = Sessions(platform.table, platform.trail, platform.accounts)

    def claimed():
        said = answer(cognitos_event(account), platform.directory)["response"]
        made = said["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
        return made["claimsToAddOrOverride"]["tenant"]

    assert claimed() == tenant
    sessions.activate(person, other, deed(person, "me.switch"), NOW)
    assert claimed() == other
    by = a_principal(tenant=other)
    platform.people.remove(by, person, seen=lambda _: None, deed=deed(person), now=NOW)
    assert claimed() == tenant
