"""Conversions through the API: each once, proved by its code, without the buyer's address."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from unittest.mock import patch

import pytest

from tallycast.attribution.kinds import CONVERSIONS
from tallycast.attribution.use_cases import routes
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.aws.records import Records
from tallycast.identity.model import Role
from tests.support.selling import NOW, created, selling

_tenants = count(1)
NOON = "2026-11-02T12:00:00Z"


@pytest.fixture(scope="module")
def platform():
    with selling() as made:
        routes.conversions.cache_clear()
        yield made
        routes.conversions.cache_clear()


@pytest.fixture
def room(platform):
    return platform.of_tenant(f"shop-{next(_tenants)}")


@pytest.fixture
def sponsor(room):
    return room.sponsor()


def purchase(number="4711", **facts):
    return {"kind": "purchase", "occurred_at": NOON, "order_number": number} | facts


def told(client, sponsor, *events, **more):
    body = {"sponsor_id": sponsor, "events": list(events)}
    return client.post("/v1/conversions", body, **more)


def taken(client, sponsor, *events):
    answer = told(client, sponsor, *events)
    assert answer.status == 200, answer.text
    return answer.json()


def listed(client, query):
    answer = client.get(f"/v1/conversions?{query}")
    assert answer.status == 200, answer.text
    return answer.json()["items"]


def stored(room):
    return Records(room.stacks.core, CONVERSIONS)


def test_an_order_counts_once_however_often_and_by_whomever_it_is_told(room, sponsor):
    first = taken(room.partner, sponsor, purchase(), purchase("4712"), purchase())
    assert (first["recorded"], first["known"]) == (2, 1)
    assert [each["status"] for each in first["results"]] == ["recorded", "recorded", "known"]
    again = taken(room.owner, sponsor, purchase(event_id="pixel-1"), purchase("4713"))
    assert (again["recorded"], again["known"]) == (1, 1)
    assert again["results"][0]["conversion_id"] == first["results"][0]["conversion_id"]
    assert not again["results"][0]["differs"]
    assert len(listed(room.owner, f"sponsor_id={sponsor}")) == 3


def test_the_first_telling_stands_and_another_one_is_said_to_differ(room, sponsor):
    euro = {"amount": 8900, "currency": "EUR"}
    taken(room.partner, sponsor, purchase(value=euro))
    [again] = taken(room.partner, sponsor, purchase(value=euro | {"amount": 1}))["results"]
    assert (again["status"], again["differs"]) == ("known", True)
    found = room.partner.get(f"/v1/conversions/{again['conversion_id']}").json()
    assert found["value"] == euro


def test_many_senders_of_one_batch_at_once_record_each_order_once(room, sponsor):
    batch = [purchase(str(number)) for number in range(10)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: taken(room.partner, sponsor, *batch), range(4)))
    assert sum(answer["recorded"] for answer in answers) == 10
    assert sum(answer["known"] for answer in answers) == 30
    assert len(listed(room.owner, f"sponsor_id={sponsor}")) == 10


def test_a_batch_that_broke_off_is_finished_by_sending_it_again(room, sponsor):
    batch = [purchase(str(number)) for number in range(5)]
    put, calls = Records.put, count()

    def failing(self, write):
        if next(calls) == 3:
            raise ServiceUnavailableError("the table is busy")
        return put(self, write)

    with patch.object(Records, "put", failing):
        assert told(room.partner, sponsor, *batch, key="same").status == 503
    finished = told(room.partner, sponsor, *batch, key="same")
    assert finished.status == 200, finished.text
    assert (finished.json()["recorded"], finished.json()["known"]) == (2, 3)


def test_orders_of_two_sponsors_kinds_and_tenants_are_different_orders(room, platform):
    one, other = room.sponsor(), room.sponsor(name="Other Beds")
    assert taken(room.owner, one, purchase())["recorded"] == 1
    assert taken(room.owner, other, purchase())["recorded"] == 1
    signup = {"kind": "signup", "occurred_at": NOON, "order_number": "4711"}
    named_so = {"kind": "signup", "occurred_at": NOON, "event_id": "4711"}
    assert taken(room.owner, one, signup, named_so)["recorded"] == 2
    elsewhere = platform.of_tenant(f"shop-{next(_tenants)}")
    assert taken(elsewhere.owner, elsewhere.sponsor(), purchase())["recorded"] == 1


def test_a_promo_code_proves_its_campaign_on_the_days_on_which_it_is_valid(room, sponsor):
    campaign = room.campaign(sponsor)
    dates = {"valid_from": "2026-11-01", "valid_until": "2026-11-10"}
    code = created(
        room.owner.post("/v1/codes", {"code": "Beds10", "campaign_id": campaign} | dates)
    )
    moments = {
        "before": "2026-10-31T23:59:59Z",
        "first": "2026-11-01T00:00:00Z",
        "elsewhere": "2026-10-31T23:59:59-01:00",
    }
    events = [
        purchase(name, occurred_at=at, discount_code="bEdS10") for name, at in moments.items()
    ]
    unknown = purchase("other", discount_code="BEDS20")
    found = taken(room.owner, sponsor, *events, unknown, purchase("none"))["results"]
    assert [each["campaign_id"] for each in found] == [None, campaign, campaign, None, None]
    of_campaign = listed(room.owner, f"campaign_id={campaign}")
    assert [each["order_number"] for each in of_campaign] == ["elsewhere", "first"]
    assert {(each["code_id"], each["evidence"]) for each in of_campaign} == {(code["id"], "code")}


def test_another_sponsors_promo_code_proves_nothing(room, sponsor):
    campaign = room.campaign(sponsor)
    created(room.owner.post("/v1/codes", {"code": "BEDS10", "campaign_id": campaign}))
    other = room.sponsor(name="Other Beds")
    [result] = taken(room.owner, other, purchase(discount_code="BEDS10"))["results"]
    assert result["campaign_id"] is None


def test_an_address_is_kept_as_a_keyed_hash_of_its_household_and_shown_to_nobody(room, sponsor):
    same_house = ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9")
    events = [
        purchase(str(place), ip=ip)
        for place, ip in enumerate((*same_house, "2001:db8:1:3::1", "203.0.113.7"))
    ]
    results = taken(room.partner, sponsor, *events)["results"]
    kept = [stored(room).get(room.tenant, each["conversion_id"]) for each in results]
    hashes = [each.document.ip_hash for each in kept]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    assert {(each.document.ip_key, len(each.document.ip_hash)) for each in kept} == {
        ("2026-11", 32)
    }
    assert all(each.document.ip_hash_previous != each.document.ip_hash for each in kept)
    items = room.stacks.core.scan()["Items"]
    assert not any("203.0.113.7" in str(item) or "2001:db8" in str(item) for item in items)
    shown = room.partner.get(f"/v1/conversions/{results[0]['conversion_id']}")
    assert shown.json()["has_address"] is True
    assert hashes[0] not in shown.text


def test_a_conversion_so_old_that_its_month_has_no_key_is_kept_without_its_address(room, sponsor):
    [result] = taken(
        room.partner, sponsor, purchase(ip="203.0.113.7", occurred_at="2024-01-05T00:00:00Z")
    )["results"]
    found = room.partner.get(f"/v1/conversions/{result['conversion_id']}").json()
    assert (found["order_number"], found["has_address"]) == ("4711", False)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"kind": "theft"}, "/events/1/kind"),
        ({"occurred_at": "2026-11-02T12:00:00"}, "/events/1/occurred_at"),
        ({"occurred_at": "2026-11-02T12:05:01Z"}, "/events/1/occurred_at"),
        ({"ip": "203.0.113.7:443"}, "/events/1/ip"),
        ({"ip": "household"}, "/events/1/ip"),
        ({"hashed_email": "buyer@example.com"}, "/events/1/hashed_email"),
        ({"value": {"amount": 1.5, "currency": "EUR"}}, "/events/1/value/amount"),
        ({"value": {"amount": -1, "currency": "EUR"}}, "/events/1/value/amount"),
        ({"order_number": None}, "/events/1"),
        ({"order_number": None, "event_id": "e", "kind": "purchase"}, "/events/1"),
        ({"order_number": "4711\u0000"}, "/events/1/order_number"),
        ({"order_number": ""}, "/events/1/order_number"),
        ({"email": "buyer@example.com"}, "/events/1/email"),
    ],
)
def test_one_wrong_event_refuses_the_batch_says_which_and_nothing_is_kept(
    room, sponsor, wrong, pointer
):
    answer = told(room.partner, sponsor, purchase("1"), purchase("2") | wrong)
    assert answer.status == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert "buyer@example.com" not in answer.text
    assert "203.0.113.7" not in answer.text
    assert listed(room.owner, f"sponsor_id={sponsor}") == []


def test_clocks_may_be_a_little_ahead(room, sponsor):
    at = (NOW + timedelta(minutes=5)).isoformat()
    assert taken(room.partner, sponsor, purchase(occurred_at=at))["recorded"] == 1


def test_a_hundred_events_fit_and_one_more_does_not(room, sponsor):
    events = [purchase(str(number)) for number in range(101)]
    assert taken(room.partner, sponsor, *events[:100])["recorded"] == 100
    assert told(room.partner, sponsor, *events).status == 422
    assert told(room.partner, sponsor).status == 422


def test_a_sponsor_that_is_not_there_is_named(room):
    answer = told(room.partner, "spo_nobody", purchase())
    assert (answer.status, answer.json()["code"]) == (422, "reference-unknown")
    assert "spo_nobody" in answer.json()["detail"]


def test_lists_come_latest_first_in_pages_that_miss_and_repeat_nothing(room, sponsor):
    days = [f"2026-10-{day:02d}T00:00:00Z" for day in (5, 1, 9, 3, 7)]
    taken(room.owner, sponsor, *(purchase(at, occurred_at=at) for at in days))
    seen, cursor = [], ""
    while True:
        page = room.owner.get(f"/v1/conversions?sponsor_id={sponsor}&limit=2{cursor}").json()
        seen += [each["order_number"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == sorted(days, reverse=True)


def test_who_sees_which_conversions(room, platform):
    mine, other = room.sponsor(), room.sponsor(name="Other Beds")
    campaign = room.campaign(other)
    [own] = taken(room.partner, mine, purchase())["results"]
    [foreign] = taken(room.owner, other, purchase())["results"]
    buyer = room.as_role(Role.SPONSOR, sponsor_id=mine)
    assert [each["id"] for each in listed(buyer, "limit=50")] == [own["conversion_id"]]
    assert buyer.get(f"/v1/conversions/{foreign['conversion_id']}").status == 404
    assert listed(buyer, f"sponsor_id={other}") == []
    assert buyer.get(f"/v1/conversions?campaign_id={campaign}").status == 404
    # A partner system sees what it told; another one of the tenant told nothing.
    assert listed(room.partner, f"sponsor_id={other}") == []
    assert room.partner.get(f"/v1/conversions/{foreign['conversion_id']}").status == 404
    stranger = room.as_role(Role.PARTNER, subject="cli_other")
    assert listed(stranger, f"sponsor_id={mine}") == []
    assert stranger.get(f"/v1/conversions/{own['conversion_id']}").status == 404
    elsewhere = platform.of_tenant(f"shop-{next(_tenants)}")
    assert elsewhere.owner.get(f"/v1/conversions/{own['conversion_id']}").status == 404
    assert told(elsewhere.owner, mine, purchase()).status == 422
    assert told(room.as_role(Role.SALES), mine, purchase("9")).status == 403
    nameless = room.owner.get("/v1/conversions")
    assert (nameless.status, nameless.json()["errors"][0]["pointer"]) == (422, "query.sponsor_id")
