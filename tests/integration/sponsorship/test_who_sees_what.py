"""Every route of sponsorship by role, by sponsor and by tenant."""

from itertools import count

import pytest

from tallycast.api.resources import API, PARTNER_API
from tallycast.identity.access import GRANTS
from tallycast.identity.audit.trail import AuditTrail
from tallycast.identity.model import Role
from tests.support.selling import SHOW, a_terms, created

TAGS = {
    "sponsors", "agencies", "orders", "campaigns", "spots", "codes", "creatives", "delivery",
    "inventory", "rates", "invoices",
}  # fmt: skip
ROUTES = {route.name: route for routes in API if routes.tag in TAGS for route in routes}
AT_PARTNERS = {route.name for routes in PARTNER_API for route in routes} & set(ROUTES)
QUERIES = {
    "list_show_spots": f"show_id={SHOW}",
    "list_rates": f"show_id={SHOW}",
    "show_inventory": "first=2026-11-03&last=2026-11-09",
}
SECRET_NOTE = "They pay late."
_numbers = count(1)


class World:
    """A tenant with one of everything, of two sponsors."""

    def __init__(self, room):
        self.room = room
        self.sponsor_id, self.rival_id = (
            room.sponsor(),
            room.sponsor(name="Rival", category="razors"),
        )
        self.ids = {"show_id": SHOW, "sponsor_id": self.sponsor_id}
        post = room.owner.post
        self.ids["agency_id"] = created(post("/v1/agencies", {"name": "Agency"}))["id"]
        self.ids["order_id"] = room.order(self.sponsor_id, comment=SECRET_NOTE)
        campaign_id = room.campaign(
            self.sponsor_id,
            self.ids["order_id"],
            comment=SECRET_NOTE,
            budget={"amount": 777_000, "currency": "EUR"},
        )
        self.ids["campaign_id"] = campaign_id
        rate = {"kind": "cpm", "price": {"amount": 7_777, "currency": "EUR"}}
        self.ids["spot_id"] = room.spot(campaign_id, rate=rate)
        code = {"code": "MINE", "campaign_id": campaign_id}
        self.ids["code_id"] = created(post("/v1/codes", code))["id"]
        link = {"slug": "mine", "target": "https://a.example", "campaign_id": campaign_id}
        self.ids["link_id"] = created(post("/v1/links", link))["id"]
        creative = {"name": "Script", "kind": "script"}
        at = f"/v1/campaigns/{campaign_id}/creatives"
        self.ids["creative_id"] = created(post(at, creative))["id"]
        line = {"show_id": SHOW, "position": "mid", "length_seconds": 60, "rate": rate}
        line["valid_from"] = "2026-01-01"
        self.ids["rate_id"] = created(post("/v1/rates", line))["id"]
        note = {"text": SECRET_NOTE}
        self.ids["note_id"] = created(post(f"/v1/sponsors/{self.sponsor_id}/notes", note))["id"]

    def bodies(self):
        """A body that each route takes, new every time."""
        number = next(_numbers)
        flight = {"starts_on": "2026-11-01", "ends_on": "2026-11-10"}
        rate = {"kind": "cpm", "price": {"amount": 1, "currency": "EUR"}}
        run = {"starts_on": "2026-11-01", "ends_on": "2026-11-10"}
        campaign_id = self.ids["campaign_id"]
        return {
            "create_sponsor": {"name": "S", "category": "tea"},
            "change_sponsor": {"name": "S2"},
            "create_sponsor_note": {"text": "Hm"},
            "create_agency": {"name": "A"},
            "change_agency": {"name": "A2"},
            "create_order": {
                "number": f"N{number}", "sponsor_id": self.sponsor_id, "terms": a_terms(),
            },
            "change_order": {"comment": "c"},
            "sign_order": {"signed_by": "Kim"},
            "create_campaign": {"name": "C", "sponsor_id": self.sponsor_id, "flight": flight},
            "change_campaign": {"name": "C2"},
            "cancel_campaign": {"reason": "r"},
            "renew_campaign": {"flight": flight},
            "create_spot": {
                "show_id": SHOW, "position": "pre", "booked_downloads": 1, "ordinal": 3, **run,
            },
            "change_spot": {"script": "s"},
            "create_promo_code": {"code": f"CODE{number}", "campaign_id": campaign_id},
            "change_promo_code": {"benefit": "b"},
            "create_vanity_link": {
                "slug": f"slug-{number}", "target": "https://a.example", "campaign_id": campaign_id,
            },
            "change_vanity_link": {"active": False},
            "create_creative": {"name": "N", "kind": "audio"},
            "change_creative": {"name": "N2"},
            "reject_creative": {"text": "t"},
            "comment_creative": {"text": "t"},
            "create_rate": {
                "show_id": SHOW, "position": "mid", "length_seconds": 30, "rate": rate,
                "valid_from": f"20{10 + number % 80}-01-01",
            },
        }  # fmt: skip

    def call(self, client, route, ids=None):
        path = route.path.format(**(ids or self.ids))
        query = QUERIES.get(route.name)
        url = f"{path}?{query}" if query else path
        key = f"k{next(_numbers)}" if route.method == "POST" else None
        body = self.bodies().get(route.name)
        assert (body is not None) == (route.body is not None), f"say what {route.name} takes"
        guard = "*" if route.method in {"PATCH", "DELETE"} else None
        return client.send(route.method, url, body, key=key, if_match=guard)


@pytest.fixture(scope="module")
def world(platform):
    """Only read from."""
    return World(platform.of_tenant("world"))


@pytest.fixture(scope="module")
def changing_world(platform):
    return World(platform.of_tenant("changing-world"))


@pytest.fixture
def fresh(room):
    return World(room)


def client_of(room, role, **facts):
    return room.as_role(role, **facts)


def own_sponsor(world, role):
    return {"sponsor_id": world.sponsor_id} if role is Role.SPONSOR else {}


def test_there_are_routes_for_everything_in_the_list():
    assert {route.tag for route in ROUTES.values()} == TAGS
    assert len(ROUTES) >= 60


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", sorted(ROUTES))
def test_a_role_gets_in_where_the_access_table_says_and_nowhere_else(
    world, changing_world, name, role
):
    route = ROUTES[name]
    if role is Role.PARTNER and name not in AT_PARTNERS:
        return  # the door of partner systems has no such route
    of = world if route.method == "GET" else changing_world
    answer = of.call(client_of(of.room, role, **own_sponsor(of, role)), route)
    if role not in GRANTS[route.scope]:
        assert (answer.status, answer.json()["code"]) == (403, "role-not-allowed")
    elif route.method == "GET":
        assert answer.status == 200, answer.text
    else:
        # What a change meets depends on those before it; it was let in.
        assert answer.status in {route.status, 404, 409}, answer.text


STORY = (
    "create_sponsor", "change_sponsor", "create_sponsor_note", "remove_sponsor_note",
    "create_agency", "change_agency", "create_order", "create_rate", "remove_rate",
    "create_campaign", "change_campaign", "create_spot", "change_spot", "create_creative",
    "change_creative", "submit_creative", "withdraw_creative", "submit_creative",
    "reject_creative", "change_creative", "submit_creative", "comment_creative",
    "approve_creative", "create_promo_code", "change_promo_code", "remove_promo_code",
    "create_vanity_link", "change_vanity_link", "remove_vanity_link", "propose_campaign",
    "revise_campaign", "propose_campaign", "remove_spot", "renew_campaign", "cancel_campaign",
    "void_order",
)  # fmt: skip
LATER = ("book_campaign", "start_campaign", "pause_campaign", "resume_campaign",
         "complete_campaign", "reconcile_campaign")  # fmt: skip
DRAFTS = ("change_order", "sign_order")


def test_every_change_is_in_the_audit_log_once_and_no_refusal_is(fresh):
    """All that changes anything is one of these, and each of them left its entry."""
    changing = {name for name, route in ROUTES.items() if route.method != "GET"}
    assert {*STORY, *LATER, *DRAFTS} == changing
    log = AuditTrail(fresh.room.stacks.core)
    done = 0
    for name in STORY:
        before = log.head(fresh.room.tenant).number
        answer = fresh.call(fresh.room.owner, ROUTES[name])
        grown = log.head(fresh.room.tenant).number - before
        assert grown == (answer.status < 300), f"{name}: {answer.text}"
        done += grown
    assert done == len(STORY) - 1  # a campaign that was never booked is not renewed


READS = [
    name
    for name, route in ROUTES.items()
    if route.method == "GET" and Role.SPONSOR in GRANTS[route.scope]
]


def test_another_sponsor_finds_nothing_of_this_one(fresh):
    rival = client_of(fresh.room, Role.SPONSOR, sponsor_id=fresh.rival_id)
    nobody = client_of(fresh.room, Role.SPONSOR)
    own = client_of(fresh.room, Role.SPONSOR, sponsor_id=fresh.sponsor_id)
    for name in READS:
        route = ROUTES[name]
        assert fresh.call(own, route).status == 200, name
        for stranger in (rival, nobody):
            answer = fresh.call(stranger, route)
            if route.parameters:
                assert answer.status == 404, name
                missing = dict.fromkeys(route.parameters, "gone_1")
                never = fresh.call(stranger, route, missing)
                assert never.json()["code"] == answer.json()["code"]
            elif name == "list_sponsors":
                shown = [each["id"] for each in answer.json()["items"]]
                assert shown == ([fresh.rival_id] if stranger is rival else [])
            else:
                assert answer.json()["items"] == [], name


def test_a_sponsor_cannot_widen_its_list_by_a_filter(fresh):
    rival = client_of(fresh.room, Role.SPONSOR, sponsor_id=fresh.rival_id)
    listed = rival.get(f"/v1/campaigns?sponsor_id={fresh.sponsor_id}")
    assert (listed.status, listed.json()["items"]) == (200, [])
    own = client_of(fresh.room, Role.SPONSOR, sponsor_id=fresh.sponsor_id)
    assert len(own.get("/v1/campaigns").json()["items"]) == 1


def test_another_tenant_finds_nothing_whatever_it_asks(platform, fresh):
    stranger = platform.of_tenant(f"{fresh.room.tenant}-x")
    before = everything(fresh)
    for name, route in ROUTES.items():
        ids = {key: each for key, each in fresh.ids.items() if key != "show_id"}
        if set(route.parameters) & set(ids):
            answer = fresh.call(stranger.owner, route)
            assert answer.status == 404, f"{name}: {answer.text}"
    for name in ("create_order", "create_campaign", "create_promo_code", "create_vanity_link"):
        answer = fresh.call(stranger.owner, ROUTES[name])
        assert (answer.status, answer.json()["code"]) == (422, "reference-unknown")
    for path in ("sponsors", "orders", "campaigns", "codes", "links", "agencies"):
        assert stranger.owner.get(f"/v1/{path}").json()["items"] == []
    assert everything(fresh) == before


def everything(world):
    owner = world.room.owner
    return [world.call(owner, route).text for route in ROUTES.values() if route.method == "GET"]


def replies(world, client, names):
    return {name: world.call(client, ROUTES[name]).text for name in names}


@pytest.mark.parametrize("role", [Role.PRODUCER, Role.PARTNER])
def test_who_does_not_sell_sees_no_money(fresh, role):
    client = client_of(fresh.room, role)
    names = [
        name
        for name, route in ROUTES.items()
        if route.method == "GET"
        and role in GRANTS[route.scope]
        and (role is not Role.PARTNER or name in AT_PARTNERS)
    ]
    assert {"show_campaign", "show_spot", "show_campaign_delivery"} <= set(names)
    for name, text in replies(fresh, client, names).items():
        for secret in ("EUR", "7777", "777000", SECRET_NOTE, "usr_owner"):
            assert secret not in text, name


def test_a_sponsor_sees_its_own_prices_and_nothing_said_behind_its_back(fresh):
    own = client_of(fresh.room, Role.SPONSOR, sponsor_id=fresh.sponsor_id)
    found = replies(fresh, own, READS)
    assert "777000" in found["show_campaign"]
    assert "7777" in found["show_spot"]
    for name, text in found.items():
        assert SECRET_NOTE not in text, name
        assert "usr_owner" not in text, name
        assert fresh.rival_id not in text, name


@pytest.mark.parametrize("role", [Role.PRODUCER, Role.PARTNER])
def test_who_sees_no_money_sets_none(fresh, role):
    client = client_of(fresh.room, role)
    at = f"/v1/spots/{fresh.ids['spot_id']}"
    rate = {"kind": "cpm", "price": {"amount": 1, "currency": "EUR"}}
    run = {"starts_on": "2026-11-01", "ends_on": "2026-11-10"}
    spot = {"show_id": SHOW, "position": "post", "booked_downloads": 1, **run}
    create = f"/v1/campaigns/{fresh.ids['campaign_id']}/spots"
    for answer in (
        client.patch(at, {"rate": rate}, if_match="*"),
        client.patch(at, {"rate": None}, if_match="*"),
        client.post(create, spot | {"rate": rate}),
    ):
        assert (answer.status, answer.json()["code"]) == (403, "money-hidden")
    assert client.patch(at, {"script": "Hello"}, if_match="*").status == 200
    kept = fresh.room.owner.get(at).json()
    assert (kept["script"], kept["rate"]["price"]["amount"]) == ("Hello", 7_777)


def test_a_partner_sets_no_budget(fresh):
    partner = client_of(fresh.room, Role.PARTNER)
    at = f"/v1/campaigns/{fresh.ids['campaign_id']}"
    answer = partner.patch(at, {"budget": None}, if_match="*")
    assert (answer.status, answer.json()["code"]) == (403, "money-hidden")
    assert partner.patch(at, {"name": "Ours"}, if_match="*").json()["budget"] is None
    kept = fresh.room.owner.get(at).json()
    assert (kept["name"], kept["budget"]["amount"]) == ("Ours", 777_000)


def test_contacts_are_for_who_sells_and_for_the_sponsor_itself(fresh):
    contacts = [{"name": "Kim", "email": "kim@beds.example"}]
    at = f"/v1/sponsors/{fresh.sponsor_id}"
    assert fresh.room.owner.patch(at, {"contacts": contacts}, if_match="*").status == 200
    own = client_of(fresh.room, Role.SPONSOR, sponsor_id=fresh.sponsor_id)
    assert len(own.get(at).json()["contacts"]) == 1
    assert len(client_of(fresh.room, Role.SALES).get(at).json()["contacts"]) == 1
    assert client_of(fresh.room, Role.PARTNER).get(at).json()["contacts"] == []


def test_bodies_take_no_field_that_is_not_a_persons_to_set(fresh):
    for name, body in fresh.bodies().items():
        route = ROUTES[name]
        path = route.path.format(**fresh.ids)
        key = f"k{next(_numbers)}" if route.method == "POST" else None
        for field in ("tenant", "id", "version", "status", "created_at"):
            sent = body | {field: "x"}
            answer = fresh.room.owner.send(route.method, path, sent, key=key, if_match="*")
            assert (answer.status, answer.json()["code"]) == (422, "fields-invalid"), name
