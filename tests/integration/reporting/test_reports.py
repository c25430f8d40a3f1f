"""Reports through the API: numbers that stay as they stood, and show prices to whom they may."""

import csv
import io
from datetime import date
from itertools import count

import pytest

from tallycast.identity.model import Role
from tallycast.reporting.use_cases import routes
from tests.support.selling import RULES, created, selling

_tenants = count(1)
NOV_1 = date(2026, 11, 1)


@pytest.fixture(scope="module")
def platform():
    with selling() as made:
        routes.reports.cache_clear()
        yield made
        routes.reports.cache_clear()


@pytest.fixture
def room(platform):
    made = platform.of_tenant(f"press-{next(_tenants)}")
    made.episode("ep_1", NOV_1)
    made.counted(NOV_1, {"ep_1": 6_000})
    return made


def made(client, campaign_id):
    return created(client.post("/v1/reports", {"campaign_id": campaign_id}))


def test_a_report_stays_as_it_stood_when_a_day_is_counted_again(room):
    campaign = room.booked(episode_id="ep_1")
    report = made(room.owner, campaign)
    now = room.owner.get(f"/v1/campaigns/{campaign}/delivery").json()
    assert report["figures"] == now
    assert (report["delivered"], report["booked"], report["is_final"]) == (6_000, 10_000, False)
    room.counted(NOV_1, {"ep_1": 5_000})
    assert room.owner.get(f"/v1/campaigns/{campaign}/delivery").json()["delivered"] == 5_000
    assert room.owner.get(f"/v1/reports/{report['id']}").json() == report
    assert made(room.owner, campaign)["delivered"] == 5_000


def test_reports_are_listed_newest_first_and_by_campaign(room):
    one, other = room.booked(episode_id="ep_1"), room.campaign(room.sponsor(name="Other"))
    ids = []
    for campaign in (one, other, one):
        room.clock.now = room.clock.now.replace(minute=len(ids) + 1)
        ids.append(made(room.owner, campaign)["id"])
    items = room.owner.get("/v1/reports").json()["items"]
    assert [each["id"] for each in items] == ids[::-1]
    assert "figures" not in items[0]
    of_one = room.owner.get(f"/v1/reports?campaign_id={one}").json()["items"]
    assert [each["id"] for each in of_one] == [ids[2], ids[0]]


def test_a_report_as_a_table_has_a_row_per_spot_with_money_in_minor_units(room):
    report = made(room.owner, room.booked(episode_id="ep_1"))
    answer = room.owner.get(f"/v1/reports/{report['id']}?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    [row] = csv.DictReader(io.StringIO(answer.text))
    shown = {
        name: row[name]
        for name in (
            "episode_id",
            "starts_on",
            "ends_on",
            "booked",
            "delivered",
            "spend",
            "currency",
        )
    }
    assert shown == {
        "episode_id": "ep_1",
        "starts_on": "2026-11-01",
        "ends_on": "2026-11-30",
        "booked": "10000",
        "delivered": "6000",
        "spend": "15000",
        "currency": "EUR",
    }


def test_prices_and_other_sponsors_reports_are_for_whom_they_concern(room, platform):
    sponsor = room.sponsor()
    report = made(room.partner, room.booked(sponsor, episode_id="ep_1"))
    assert report["figures"]["spend"] is None
    path = f"/v1/reports/{report['id']}"
    assert room.owner.get(path).json()["figures"]["spend"]["amount"] == 15_000
    hidden = room.partner.get(path)
    assert "currency" not in hidden.text
    assert hidden.json()["figures"]["rules"] == RULES
    [row] = csv.DictReader(io.StringIO(room.partner.get(f"{path}?format=csv").text))
    assert {row[name] for name in ("spend", "ecpm", "currency", "owed_value")} == {""}
    buyer = room.as_role(Role.SPONSOR, sponsor_id=sponsor)
    assert buyer.get(path).json()["figures"]["spend"]["amount"] == 15_000
    assert buyer.post("/v1/reports", {"campaign_id": report["campaign_id"]}).status == 403
    other = room.as_role(Role.SPONSOR, sponsor_id="spo_other")
    assert other.get(path).status == 404
    assert other.get("/v1/reports").json()["items"] == []
    assert platform.of_tenant(f"press-{next(_tenants)}").owner.get(path).status == 404


def test_a_report_of_no_campaign_is_refused(room):
    answer = room.owner.post("/v1/reports", {"campaign_id": "cmp_nobody"})
    assert (answer.status, answer.json()["code"]) == (404, "campaign-not-found")


def test_a_repeated_request_makes_one_report(room):
    body = {"campaign_id": room.booked(episode_id="ep_1")}
    first, again = (room.owner.post("/v1/reports", body, key="once") for _ in range(2))
    assert first.json() == again.json()
    assert len(room.owner.get("/v1/reports").json()["items"]) == 1
