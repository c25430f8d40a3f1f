"""Every route of the deployed APIs against every credential, and two tenants side by side."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import chain

import pytest

from infra.openapi import AUTHORIZER_SECONDS
from tallycast.api.limits import RateLimiter
from tallycast.api.resources import API, PARTNER_API
from tallycast.identity.access import GRANTS
from tallycast.identity.model import Role
from tallycast.identity.plans import Plan
from tests.e2e.house import a_house, a_key, expired, forged, furnish, minted
from tests.support.cloud import call

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NOBODYS = "thg_00000000000000000000000000"
DOORS = {"api": (API, False), "partner_api": (PARTNER_API, True)}
ROUTES = [
    (door, route)
    for door, (resources, _) in DOORS.items()
    for route in chain.from_iterable(resources)
]


@pytest.fixture(scope="module")
def house(steady):
    """A tenant with one of everything."""
    return furnish(a_house(steady, f"gables-{int(time.time())}"))


@pytest.fixture(scope="module")
def neighbour(steady):
    """Another tenant, whose owner would like to see what the first one has."""
    return a_house(steady, f"neighbours-{int(time.time())}")


@pytest.fixture(scope="module", autouse=True)
def revoked(house):
    """A key that was used and then revoked before all other tests, and when."""
    facts = {"name": "short", "role": "owner", "scopes": ["me:read"]}
    made = house.door().post("/v1/api-keys", facts)
    door = house.door(made["key"])
    assert door.send("GET", "/v1/me").status == 200
    path = f"/v1/api-keys/{made['id']}"
    etag = house.door().send("GET", path).headers["etag"]
    assert house.door().send("DELETE", path, headers={"If-Match": etag}).status == 204
    return door, time.monotonic()


@pytest.fixture(scope="module", autouse=True)
def as_made(house):
    """Things of the tenant as they were before anybody else asked for them."""
    things = (
        ("sponsors", "sponsor_id"),
        ("agencies", "agency_id"),
        ("orders", "order_id"),
        ("creatives", "creative_id"),
        ("codes", "code_id"),
        ("links", "link_id"),
        ("conversions", "conversion_id"),
        ("reports", "report_id"),
    )
    paths = [f"/v1/{kind}/{house.ids[name]}" for kind, name in things]
    return {path: house.door().send("GET", path).text for path in paths}


def asked(route, ids=None):
    """The address of a route, with ids in it and what its query must have."""
    path = re.sub(r"\{(\w+)\}", lambda found: (ids or {}).get(found[1], NOBODYS), route.path)
    fields = route.query.model_fields if route.query else {}
    needed = {"first": "2026-11-01", "last": "2026-11-02", "month": "2026-11", "day": "2026-11-01"}
    query = "&".join(
        f"{name}={needed.get(name, NOBODYS)}" for name, each in fields.items() if each.is_required()
    )
    return f"{path}?{query}" if query else path


def answered(house, door, route, credential, *, ids=None):
    """What a route answers; with all headers it could want, and a body that is none."""
    headers = {"Idempotency-Key": f"{time.time_ns()}", "If-Match": "*"}
    body = {} if route.body is not None else None
    return house.door(credential, partner=DOORS[door][1]).send(
        route.method, asked(route, ids), body, headers=headers
    )


def of_every_route(look):
    """What `look(door, route)` finds wrong with each route that needs a credential."""
    guarded = [(door, route) for door, route in ROUTES if route.scope is not None]
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(lambda each: look(*each), guarded)
        return [
            (door, route.name, wrong)
            for (door, route), wrong in zip(guarded, found, strict=True)
            if wrong
        ]


def refusal(house, credential, status, code):
    """Finds routes that answer a credential anything but this refusal."""

    def look(door, route):
        answer = answered(house, door, route, credential)
        is_so = answer.status == status and answer.json()["code"] == code
        return None if is_so else (answer.status, answer.text[:200])

    return of_every_route(look)


def test_no_route_answers_nobody(house):
    def look(door, route):
        nobody = house.door(partner=DOORS[door][1]).with_(None)
        status = nobody.send(route.method, asked(route)).status
        return None if status == 401 else status

    assert of_every_route(look) == []


@pytest.mark.parametrize("what", ["expired", "for another client"])
def test_no_route_answers_a_token_that_is_no_good(house, what):
    token = house.owner
    made = {
        "expired": lambda: expired(house.cloud, token),
        "for another client": lambda: minted(house.cloud, token, client_id="another"),
    }[what]()
    assert refusal(house, made, 401, "unauthenticated") == []


def test_the_very_same_token_with_its_own_claims_is_good(house):
    """So that the tests beside this one cannot pass for a wrong reason."""
    again = minted(house.cloud, house.owner, iat=int(time.time()) - 1)
    assert house.door(again).send("GET", "/v1/me").status == 200
    for wrong in (
        forged(house.owner),
        minted(house.cloud, house.owner, token_use="id"),
        minted(house.cloud, house.owner, iss="https://elsewhere.example"),
        house.owner[:-4] + "AAAA",
        house.owner.rpartition(".")[0] + ".",
    ):
        assert house.door(wrong).send("GET", "/v1/me").status == 401


def test_no_route_answers_somebody_whose_token_names_a_tenant_they_are_not_in(house, neighbour):
    stolen = minted(house.cloud, neighbour.owner, tenant=house.tenant)
    assert refusal(house, stolen, 403, "not-a-member") == []


def test_no_route_answers_a_role_that_the_table_does_not_name(house):
    """Of those roles one per route; all of them are tried without the gateway elsewhere."""

    def look(door, route):
        for role in Role:
            if role not in GRANTS[route.scope]:
                answer = answered(house, door, route, house.keys[role])
                code = answer.json()["code"] if answer.status == 403 else answer.text[:200]
                return None if code == "role-not-allowed" else (answer.status, code)
        return None

    assert of_every_route(look) == []


def test_every_route_answers_a_role_that_the_table_names(house):
    def look(door, route):
        if route.name == "sign_out_everywhere":
            return None
        assert Role.OWNER in GRANTS[route.scope]
        answer = answered(house, door, route, house.owner)
        good = answer.status < 500 and answer.status not in {401, 403}
        return None if good else (answer.status, answer.text[:200])

    assert of_every_route(look) == []


def test_a_route_answers_no_key_without_its_scope(house):
    def look(door, route):
        if route.scope == "me:read":
            return None
        answer = answered(house, door, route, house.narrow)
        code = answer.json()["code"] if answer.status == 403 else answer.text[:200]
        return None if code == "scope-missing" else (answer.status, code)

    assert of_every_route(look) == []


# ── two tenants ──


def test_what_is_there_is_found_by_its_own_tenant(house):
    """Every read of one thing works, so that the next test cannot pass for a wrong reason."""

    def look(door, route):
        known = route.parameters and set(route.parameters) <= set(house.ids)
        if route.method != "GET" or not known:
            return None
        answer = answered(house, door, route, house.keys[Role.OWNER], ids=house.ids)
        return None if answer.status == 200 else (answer.status, answer.text[:200])

    assert of_every_route(look) == []


def test_no_route_shows_or_changes_a_thing_of_another_tenant(house, neighbour):
    everybodys = {"number", "day"}
    theirs = {name: value for name, value in house.ids.items() if name not in everybodys}

    def look(door, route):
        answer = answered(house, door, route, neighbour.owner, ids=theirs)
        done = answer.status < 400 and set(route.parameters) & set(theirs)
        shown = answer.status < 400 and [v for v in theirs.values() if v in answer.text]
        named = house.tenant in answer.text
        return (answer.status, answer.text[:200]) if done or shown or named else None

    assert of_every_route(look) == []


def test_nothing_of_the_tenant_was_changed_by_the_other(house, as_made):
    for path, text in as_made.items():
        answer = house.door().send("GET", path)
        assert (answer.status, answer.text) == (200, text), path


def test_a_sponsor_sees_its_own_and_nothing_of_another(house):
    post = house.door().post
    rival = post("/v1/sponsors", {"name": "Rival", "category": "sofas"})
    key = a_key(
        house, "rival", Role.SPONSOR, ["campaigns:read", "sponsors:read", "codes:read"],
        sponsor_id=rival["id"],
    )  # fmt: skip
    door = house.door(key)
    assert door.get("/v1/campaigns")["items"] == []
    assert door.send("GET", f"/v1/campaigns/{house.ids['campaign_id']}").status == 404
    assert door.send("GET", f"/v1/sponsors/{house.ids['sponsor_id']}").status == 404
    assert door.send("GET", f"/v1/codes/{house.ids['code_id']}").status == 404
    own = house.door(house.keys[Role.SPONSOR]).get(f"/v1/campaigns/{house.ids['campaign_id']}")
    assert own["id"] == house.ids["campaign_id"]


# ── the manner, through the gateway ──


def test_of_two_writers_one_is_told_to_read_again(house):
    path = f"/v1/campaigns/{house.ids['campaign_id']}"
    etag = house.door().send("GET", path).headers["etag"]

    def renamed(name):
        headers = {"If-Match": etag, "Content-Type": "application/merge-patch+json"}
        return house.door().send("PATCH", path, {"name": name}, headers=headers).status

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(renamed, ["one", "two"])) == [200, 412]


def test_a_post_sent_by_ten_at_once_is_done_once(house):
    headers = {"Idempotency-Key": "ten-at-once"}
    body = {"name": "Ten at once"}

    def sent(_):
        return house.door().send("POST", "/v1/agencies", body, headers=headers)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(sent, range(10)))
    assert {answer.status for answer in answers} <= {201, 409}
    again = house.door().send("POST", "/v1/agencies", body, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    made = {answer.json()["id"] for answer in [*answers, again] if answer.status == 201}
    assert len(made) == 1
    other = house.door().send("POST", "/v1/agencies", {"name": "Other"}, headers=headers)
    assert (other.status, other.json()["code"]) == (422, "idempotency-key-reused")


def test_fifty_at_once_get_a_burst_and_not_one_more(steady):
    """From the very table of the platform: fifty functions would take a minute to start here."""
    limiter = RateLimiter(steady.table(steady.outputs["IdempotencyTable"]))
    slow = Plan("test", burst=20, per_second=0.001, per_day=1000)
    now = datetime.now(UTC)
    client = f"crowd-{time.time_ns()}"
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: limiter.take(client, slow, now).allowed, range(100)))
    assert sum(found) == 20


def test_a_client_that_asks_too_much_is_told_when_to_come_again(steady):
    crowd = a_house(steady, f"crowd-{int(time.time())}")
    call(steady, "ManageIdentity", {"command": "plan", "tenant": crowd.tenant, "plan": "free"})
    door = crowd.door(a_key(crowd, "crowd", Role.OWNER, ["me:read"]))
    for _ in range(400):
        answer = door.send("GET", "/v1/me")
        if answer.status == 429:
            break
    assert answer.json()["code"] == "rate-limit-exceeded"
    assert int(answer.headers["retry-after"]) >= 1
    assert int(answer.headers["ratelimit-remaining"]) == 0
    time.sleep(int(answer.headers["retry-after"]))
    assert door.send("GET", "/v1/me").status == 200


def test_a_refusal_of_the_gateway_itself_is_a_problem_as_well(house):
    answer = house.door().send("GET", "/v1/no-such-thing")
    assert (answer.status, answer.json()["code"]) == (404, "no-such-route")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_revoked_key_is_shut_out_as_soon_as_the_gateway_has_forgotten_it(revoked):
    door, at = revoked
    time.sleep(max(0.0, at + AUTHORIZER_SECONDS + 2 - time.monotonic()))
    assert door.send("GET", "/v1/me").status == 401
