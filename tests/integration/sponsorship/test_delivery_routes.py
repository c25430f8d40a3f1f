"""Delivery from the audited count, through the API: every figure worked out by hand."""

from datetime import UTC, date, datetime, timedelta

from tallycast.measurement.rollups.listeners import replace_listeners
from tallycast.measurement.rollups.model import Breakdown, ListenerCount
from tallycast.measurement.tenancy import MeasurementSettings, MeasurementSettingsStore
from tests.support.selling import OTHER_SHOW, RULES, SHOW, created

DAY = timedelta(days=1)
NOV_1 = date(2026, 11, 1)


def delivery(room, campaign_id):
    answer = room.owner.get(f"/v1/campaigns/{campaign_id}/delivery")
    assert answer.status == 200, answer.text
    return answer.json()


def euros(amount):
    return {"amount": amount, "currency": "EUR"}


def spots_of(room, campaign_id):
    items = room.owner.get(f"/v1/campaigns/{campaign_id}/spots").json()["items"]
    return [each["id"] for each in items]


def test_an_episodes_downloads_within_its_window_and_what_is_owed_for_the_rest(room):
    room.episode("ep_1", NOV_1)
    # The window is 1 to 30 November: the day before and the day after do not count.
    for day, downloads in ((NOV_1 - DAY, 50), (NOV_1, 6_000), (date(2026, 11, 30), 2_500)):
        room.counted(day, {"ep_1": downloads, "ep_other": 9_999})
    room.counted(date(2026, 12, 1), {"ep_1": 4_000})
    campaign_id = room.booked(episode_id="ep_1")
    # Noon of the second day: 1.5 of 30 days are over, and 1.5 of the flight's 10.
    open_window = delivery(room, campaign_id)
    [spot] = open_window["spots"]
    assert spot["window"] == {
        "starts_on": "2026-11-01",
        "ends_on": "2026-11-30",
        "zone": "UTC",
        "is_over": False,
    }
    assert (spot["delivered"], spot["percent"], spot["elapsed"]) == (8_500, 85.0, 0.05)
    assert spot["owed"] == {"downloads": 0, "value": euros(0)}
    assert spot["shortfall"] == {"downloads": 1_500, "value": euros(3_750)}
    assert open_window["elapsed"] == 0.15
    assert open_window["pacing"] == 5.667  # 8 500 / (10 000 * 0.15)
    room.clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    [spot] = delivery(room, campaign_id)["spots"]
    assert spot["owed"] == {"downloads": 1_500, "value": euros(3_750)}
    assert (spot["spend"], spot["ecpm"]) == (euros(21_250), euros(2_500))
    assert (spot["projected"], spot["projection"], spot["is_final"]) == (8_500, "counted", False)
    room.clock.now = datetime(2026, 12, 4, tzinfo=UTC)
    found = delivery(room, campaign_id)
    assert found["is_final"] is True
    assert found["owed"] == {"downloads": 1_500, "value": euros(3_750)}
    assert (found["rules"], found["goal"], found["pacing"]) == (RULES, 10_000, 0.85)


def test_a_recount_changes_what_is_owed(room):
    room.episode("ep_1", NOV_1)
    room.counted(NOV_1, {"ep_1": 9_000})
    campaign_id = room.booked(episode_id="ep_1")
    room.clock.now = datetime(2026, 12, 4, tzinfo=UTC)
    assert delivery(room, campaign_id)["owed"]["downloads"] == 1_000
    room.counted(NOV_1, {"ep_1": 9_400})
    assert delivery(room, campaign_id)["owed"]["downloads"] == 600


def test_a_baked_in_run_counts_the_episodes_of_its_days(room):
    for name, day in (("ep_0", 31), ("ep_1", 1), ("ep_2", 8), ("ep_3", 11)):
        room.episode(name, date(2026, 10 if day == 31 else 11, day))
    room.counted(date(2026, 11, 9), {"ep_0": 1, "ep_1": 10, "ep_2": 100, "ep_3": 1_000})
    room.counted(date(2026, 12, 5), {"ep_0": 1, "ep_1": 10, "ep_2": 100, "ep_3": 1_000})
    campaign_id = room.booked(starts_on="2026-11-01", ends_on="2026-11-10")
    [spot] = delivery(room, campaign_id)["spots"]
    # ep_1 until 30 November, ep_2 until 7 December.
    assert spot["delivered"] == 10 + 100 + 100
    assert spot["window"]["ends_on"] == "2026-12-09"
    [spot_id] = spots_of(room, campaign_id)
    days = room.owner.get(f"/v1/spots/{spot_id}/delivery/days").json()
    assert days["delivered"] == 210
    assert [(each["day"], each["episode_id"], each["downloads"]) for each in days["days"]] == [
        ("2026-11-09", "ep_1", 10),
        ("2026-11-09", "ep_2", 100),
        ("2026-12-05", "ep_2", 100),
    ]
    table = room.owner.get(f"/v1/spots/{spot_id}/delivery/days?format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines() == [
        "day,episode_id,downloads,status",
        "2026-11-09,ep_1,10,final",
        "2026-11-09,ep_2,100,final",
        "2026-12-05,ep_2,100,final",
    ]


def test_a_dynamic_run_counts_the_shows_days(room):
    for number in range(5):
        room.counted(NOV_1 + number * DAY, {"ep_a": 100, "ep_b": 1})
    campaign_id = room.booked(
        insertion="dai", starts_on="2026-11-02", ends_on="2026-11-04", booked_downloads=1_000
    )
    [spot] = delivery(room, campaign_id)["spots"]
    assert (spot["delivered"], spot["shortfall"]["downloads"]) == (303, 697)
    # Half a day of three is over: 303 become 1 818.
    assert (spot["projected"], spot["projection"]) == (1_818, "run_rate")


def test_an_open_window_is_projected_along_the_shows_own_curve(room):
    room.episode("ep_new", NOV_1)
    room.counted(NOV_1, {"ep_new": 1_000})
    for number in range(3):
        released = date(2026, 8, 1) + number * 10 * DAY
        name = f"ep_{number}"
        room.episode(name, released)
        for age, downloads in ((0, 500), (2, 200), (6, 100), (29, 200)):
            day = released + age * DAY
            room.counted(day, {name: downloads}, released={name: released})
    campaign_id = room.booked(episode_id="ep_new")
    # A day and a half old, 50 % + a quarter of 20 % are there: 1 000 / 0.55 = 1 818.18.
    [spot] = delivery(room, campaign_id)["spots"]
    assert (spot["projected"], spot["projection"]) == (1_818, "age_curve")


def test_a_campaign_adds_up_shows_that_count_days_in_their_own_zones(room):
    zones = MeasurementSettings(zones={OTHER_SHOW: "America/Los_Angeles"})
    MeasurementSettingsStore(room.stacks.core).put(room.tenant, zones)
    room.episode("ep_1", NOV_1)
    room.counted(NOV_1, {"ep_1": 700})
    # Released at 6 in the morning in UTC, which is late on 31 October in California.
    room.episode("ep_w", NOV_1, show_id=OTHER_SHOW)
    room.counted(NOV_1 - DAY, {"ep_w": 30}, show_id=OTHER_SHOW)
    campaign_id = room.booked(episode_id="ep_1", booked_downloads=1_000)
    room.spot(campaign_id, show_id=OTHER_SHOW, episode_id="ep_w", booked_downloads=100)
    found = delivery(room, campaign_id)
    assert (found["booked"], found["delivered"], found["percent"]) == (1_100, 730, 66.4)
    assert found["spend"] == euros(1_750 + 75)
    assert found["spots"][1]["window"] == {
        "starts_on": "2026-10-31",
        "ends_on": "2026-11-29",
        "zone": "America/Los_Angeles",
        "is_over": False,
    }
    assert "listeners" not in str(found)
    assert "reach" not in str(found)


def test_an_empty_campaign_has_no_delivery_yet(room):
    found = delivery(room, room.campaign(room.sponsor()))
    assert (found["delivered"], found["pacing"], found["spend"], found["spots"]) == (
        0,
        None,
        None,
        [],
    )


# ── invoices ──


def test_an_invoice_has_a_line_for_each_spot_as_json_and_csv(room):
    room.episode("ep_1", NOV_1)
    room.episode("ep_2", NOV_1 + DAY)
    room.counted(NOV_1 + DAY, {"ep_1": 8_500, "ep_2": 20_000})
    agency = {"name": "=Agency", "commission_basis_points": 1500}
    agency_id = created(room.owner.post("/v1/agencies", agency))["id"]
    sponsor_id = room.sponsor(name='@SUM(A1:A9) "Beds", Inc.')
    terms = {"commission_basis_points": 1500}
    order_id = room.order(sponsor_id, agency_id=agency_id, terms=terms)
    campaign_id = room.campaign(sponsor_id, order_id, name="+Autumn")
    room.spot(campaign_id, episode_id="ep_1")
    flat = {"kind": "flat", "price": euros(40_000)}
    room.spot(campaign_id, episode_id="ep_2", rate=flat)
    open_invoice = room.owner.get(f"/v1/campaigns/{campaign_id}/invoice").json()
    assert (open_invoice["is_final"], open_invoice["credit"]) == (False, euros(0))
    room.clock.now = datetime(2026, 12, 6, tzinfo=UTC)
    found = room.owner.get(f"/v1/campaigns/{campaign_id}/invoice").json()
    assert [
        tuple(line[name]["amount"] for name in ("gross", "credit", "amount", "commission", "net"))
        for line in found["lines"]
    ] == [(25_000, 3_750, 21_250, 3_188, 18_062), (40_000, 0, 40_000, 6_000, 34_000)]
    assert (found["amount"], found["commission"], found["net"], found["is_final"]) == (
        euros(61_250),
        euros(9_188),
        euros(52_062),
        True,
    )
    table = room.owner.get(f"/v1/campaigns/{campaign_id}/invoice", headers={"accept": "text/csv"})
    head, first, _second = table.text.splitlines()
    assert head.startswith("campaign,sponsor,order_number,agency,spot_id")
    assert first.startswith('\'+Autumn,"\'@SUM(A1:A9) ""Beds"", Inc.",')
    assert "'=Agency" in first
    assert first.endswith("EUR,25000,3750,21250,3188,18062")
    assert f"invoice-{campaign_id}.csv" in table.headers["content-disposition"]


def test_without_an_order_there_is_no_invoice(room):
    campaign_id = room.campaign(room.sponsor())
    answer = room.owner.get(f"/v1/campaigns/{campaign_id}/invoice")
    assert (answer.status, answer.json()["code"]) == (409, "campaign-not-ready")


# ── what is left to sell ──


def test_avails_are_the_forecast_less_what_is_booked(room):
    # Ten weekly episodes, the last one released on 25 October; each has 1 000 within its window.
    for number in range(12):
        released = date(2026, 10, 25) - number * 7 * DAY
        name = f"ep_{number:02d}"
        room.episode(name, released)
        room.counted(released, {name: 900 + number})
        room.counted(released + 29 * DAY, {name: 100})
        room.counted(released + 30 * DAY, {name: 5_000})
    room.booked(starts_on="2026-11-03", ends_on="2026-11-10", booked_downloads=800)
    query = "first=2026-11-03&last=2026-11-09"
    found = room.owner.get(f"/v1/shows/{SHOW}/inventory?{query}").json()
    # On 2 November the windows of those released up to 3 October are over: ep_04 to ep_11.
    assert found["based_on"] == 8
    assert found["per_episode"] == 1_008  # 1 000 + the mean of 4 … 11, which is 7.5
    # 12 of the last 90 days' 12 episodes over 7 days: 0.93.
    assert (found["released"], found["expected"]) == (0, 1)
    assert found["avails"] == [
        {"position": "pre", "slots": 1, "forecast": 1_008, "booked": 0, "available": 1_008},
        # Seven of the run's eight days: 700 of 800.
        {"position": "mid", "slots": 2, "forecast": 2_016, "booked": 700, "available": 1_316},
        {"position": "post", "slots": 1, "forecast": 1_008, "booked": 0, "available": 1_008},
    ]


def test_avails_of_a_show_without_history_are_not_known(room):
    found = room.owner.get(f"/v1/shows/{SHOW}/inventory?first=2026-11-03&last=2026-11-09").json()
    assert (found["per_episode"], found["based_on"], found["expected"]) == (None, 0, 0)
    assert [each["available"] for each in found["avails"]] == [None] * 3
    for wrong in ("first=2026-11-03&last=2026-11-02", "first=2026-11-03&last=2028-01-01", ""):
        assert room.owner.get(f"/v1/shows/{SHOW}/inventory?{wrong}").status == 422
    missing = room.owner.get("/v1/shows/show_none/inventory?first=2026-11-03&last=2026-11-09")
    assert (missing.status, missing.json()["code"]) == (404, "show-not-found")


def test_a_media_kit_says_what_the_count_says(room):
    for number in range(3):
        released = date(2026, 9, 1) + number * DAY
        room.episode(f"ep_{number}", released)
        room.counted(released, {f"ep_{number}": (100, 200, 900)[number]})
    countries = Breakdown({"DE": 60, "AT": 40})
    apps = Breakdown({"Apple Podcasts": 70, "Overcast": 30})
    for day in (date(2026, 10, 4), date(2026, 10, 5), date(2026, 11, 1)):
        room.counted(day, {"ep_0": 100}, breakdowns={"countries": countries, "apps": apps})
    month = ListenerCount(
        tenant=room.tenant, rules=RULES, scope="show", id=SHOW, period="month", name="2026-10",
        first=date(2026, 10, 1), last=date(2026, 10, 31), listeners=321,
        counted_at=datetime(2026, 11, 1, tzinfo=UTC), status="provisional",
    )  # fmt: skip
    replace_listeners(room.stacks.metrics, [month])
    found = room.owner.get(f"/v1/shows/{SHOW}/media-kit").json()
    assert (found["mean_downloads"], found["median_downloads"], found["based_on"]) == (400, 200, 3)
    # 28 days up to yesterday, 5 October to 1 November.
    assert (found["first"], found["last"], found["downloads"]) == ("2026-10-05", "2026-11-01", 200)
    assert found["countries"] == [
        {"name": "DE", "downloads": 120},
        {"name": "AT", "downloads": 80},
    ]
    assert found["apps"][0] == {"name": "Apple Podcasts", "downloads": 140}
    assert (found["listeners"], found["listeners_month"], found["listeners_final"]) == (
        321,
        "2026-10",
        False,
    )


def test_a_rate_card_has_one_line_for_each_placement_and_day(room):
    def add(amount, since, **facts):
        rate = {"kind": "cpm", "price": euros(amount)}
        body = {"show_id": SHOW, "position": "mid", "length_seconds": 60} | facts
        return room.owner.post("/v1/rates", body | {"rate": rate, "valid_from": since})

    old, new = created(add(2500, "2026-01-01")), created(add(3000, "2026-12-01"))
    created(add(1500, "2026-06-01", position="pre", length_seconds=15))
    taken = add(9999, "2026-12-01")
    assert (taken.status, taken.json()["code"]) == (409, "rate-taken")

    def valid(on):
        items = room.owner.get(f"/v1/rates?show_id={SHOW}&on={on}").json()["items"]
        return [(each["position"], each["rate"]["price"]["amount"]) for each in items]

    assert valid("2025-12-31") == []
    assert valid("2026-05-31") == [("mid", 2500)]
    assert valid("2026-11-30") == [("mid", 2500), ("pre", 1500)]
    assert valid("2026-12-01") == [("mid", 3000), ("pre", 1500)]
    assert len(room.owner.get(f"/v1/rates?show_id={SHOW}").json()["items"]) == 3
    assert room.owner.get(f"/v1/rates/{old['id']}").json() == old
    assert room.owner.delete(f"/v1/rates/{new['id']}").status == 204
    assert valid("2026-12-01") == [("mid", 2500), ("pre", 1500)]
    assert add(3100, "2026-12-01").status == 201
    assert add(1, "2026-12-02", show_id="show_none").json()["code"] == "reference-unknown"


def test_delivery_without_an_order_has_no_money(room):
    room.episode("ep_1", NOV_1)
    room.counted(NOV_1, {"ep_1": 5})
    campaign_id = room.campaign(room.sponsor())
    room.spot(campaign_id, episode_id="ep_1")
    [spot] = delivery(room, campaign_id)["spots"]
    assert (spot["delivered"], spot["spend"], spot["shortfall"]["value"]) == (5, None, None)
    assert spot["window"]["ends_on"] == "2026-11-10"  # without terms the flight is the window
