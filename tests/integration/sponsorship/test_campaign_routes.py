"""A campaign from draft to reconciled through the API, and everybody who gets in its way."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from boto3.dynamodb.conditions import Key

from tallycast.aws.records import Records
from tallycast.identity.audit.trail import entry_of
from tallycast.kernel import keys
from tallycast.sponsorship.kinds import BOOKS
from tests.support.selling import OTHER_SHOW, SHOW, a_terms, created


def refused(answer, status, code):
    assert (answer.status, answer.json()["code"]) == (status, code), answer.text
    return answer.json()["detail"]


def deeds(room):
    """What the audit log says was done, in order."""
    log = Key("pk").eq(keys.audit_log(room.tenant)) & Key("sk").begins_with("ENTRY#")
    items = room.stacks.core.query(KeyConditionExpression=log)["Items"]
    entries = [entry_of(item) for item in items]
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    return [entry.deed.action for entry in entries]


def a_proposal(room, sponsor_id=None, *, terms=None, **spot):
    sponsor_id = sponsor_id or room.sponsor()
    campaign_id = room.campaign(sponsor_id, room.order(sponsor_id, terms=terms or {}))
    room.spot(campaign_id, **spot)
    room.do(campaign_id, "propose")
    return campaign_id


# ── its life ──


def test_a_campaign_goes_through_its_life_and_every_step_is_on_record(room):
    room.episode("ep_1", date(2026, 11, 1))
    campaign_id = room.booked(episode_id="ep_1")
    for command, status in (("start", "live"), ("pause", "paused"), ("resume", "live")):
        assert room.do(campaign_id, command)["status"] == status
    room.clock.now = datetime(2026, 11, 11, tzinfo=UTC)
    assert room.do(campaign_id, "complete")["status"] == "completed"
    early = room.owner.post(f"/v1/campaigns/{campaign_id}/reconcile")
    assert "2026-11-30" in refused(early, 409, "campaign-not-ready")
    # The window of 30 days ends with 30 November, and nothing is late 72 hours later.
    room.clock.now = datetime(2026, 12, 4, tzinfo=UTC)
    room.counted(date(2026, 11, 5), {"ep_1": 900}, state="provisional")
    early = room.owner.post(f"/v1/campaigns/{campaign_id}/reconcile")
    assert "2026-11-05 of spt_" in refused(early, 409, "campaign-not-ready")
    room.counted(date(2026, 11, 5), {"ep_1": 900})
    done = room.do(campaign_id, "reconcile")
    steps = [(each["came_from"], each["to"], each["by"]) for each in done["history"]]
    assert steps == [
        (None, "draft", "usr_owner"),
        ("draft", "proposed", "usr_owner"),
        ("proposed", "booked", "usr_owner"),
        ("booked", "live", "usr_owner"),
        ("live", "paused", "usr_owner"),
        ("paused", "live", "usr_owner"),
        ("live", "completed", "usr_owner"),
        ("completed", "reconciled", "usr_owner"),
    ]
    assert done["history"][-1]["at"] == "2026-12-04T00:00:00Z"
    assert deeds(room) == [
        "sponsor.create",
        "order.create",
        "order.sign",
        "campaign.create",
        "spot.create",
        "campaign.proposed",
        "campaign.booked",
        "campaign.live",
        "campaign.paused",
        "campaign.live",
        "campaign.completed",
        "campaign.reconciled",
    ]


def test_a_refused_step_leaves_no_trace(room):
    campaign_id = room.campaign(room.sponsor())
    before = deeds(room)
    for command in ("book", "start", "pause", "resume", "complete", "reconcile", "revise"):
        answer = room.owner.post(f"/v1/campaigns/{campaign_id}/{command}")
        assert "cannot become" in refused(answer, 409, "transition-refused")
    assert refused(
        room.owner.post(f"/v1/campaigns/{campaign_id}/propose"), 409, "campaign-not-ready"
    )
    assert deeds(room) == before
    assert room.owner.get(f"/v1/campaigns/{campaign_id}").etag == '"1"'


def test_booking_needs_a_signed_order(room):
    sponsor_id = room.sponsor()
    order_id = room.order(sponsor_id, signed=False, number="IO 77")
    campaign_id = room.campaign(sponsor_id, order_id)
    room.spot(campaign_id)
    room.do(campaign_id, "propose")
    answer = room.owner.post(f"/v1/campaigns/{campaign_id}/book")
    assert "order IO 77 is draft" in refused(answer, 409, "campaign-not-ready")
    assert room.owner.post(f"/v1/orders/{order_id}/sign", {"signed_by": "Kim"}).status == 200
    assert room.do(campaign_id, "book")["status"] == "booked"


def test_a_cancelled_campaign_gives_its_positions_back(room):
    first, second = room.booked(), a_proposal(room)
    refused(room.owner.post(f"/v1/campaigns/{second}/book"), 409, "position-taken")
    cancelled = room.do(first, "cancel", {"reason": "budget"})
    assert cancelled["history"][-1]["reason"] == "budget"
    assert room.do(second, "book")["status"] == "booked"


def test_a_renewal_is_a_new_draft_with_a_link_to_its_predecessor(room):
    campaign_id = room.booked()
    flight = {"starts_on": "2027-01-01", "ends_on": "2027-01-31"}
    made = created(room.owner.post(f"/v1/campaigns/{campaign_id}/renew", {"flight": flight}))
    assert made["renewed_from"] == campaign_id
    assert (made["status"], made["spots"], made["order_id"]) == ("draft", 0, None)
    assert made["flight"] == flight | {"zone": "UTC"}
    never = room.campaign(room.sponsor())
    answer = room.owner.post(f"/v1/campaigns/{never}/renew", {"flight": flight})
    assert "was booked" in refused(answer, 409, "campaign-not-ready")


# ── two at once ──


def test_of_two_writers_on_one_campaign_one_gets_412(room):
    campaign_id = room.campaign(room.sponsor())
    seen = room.owner.get(f"/v1/campaigns/{campaign_id}").etag
    first = room.owner.patch(f"/v1/campaigns/{campaign_id}", {"name": "A"}, if_match=seen)
    second = room.owner.patch(f"/v1/campaigns/{campaign_id}", {"name": "B"}, if_match=seen)
    assert (first.status, first.etag) == (200, '"2"')
    assert "is at version 2" in refused(second, 412, "stale")
    assert room.owner.get(f"/v1/campaigns/{campaign_id}").json()["name"] == "A"
    blind = room.owner.patch(f"/v1/campaigns/{campaign_id}", {"name": "C"})
    refused(blind, 428, "if-match-required")


def test_of_many_writers_at_the_same_time_one_gets_through(room):
    campaign_id = room.campaign(room.sponsor())
    seen = room.owner.get(f"/v1/campaigns/{campaign_id}").etag

    def write(name):
        return room.owner.patch(f"/v1/campaigns/{campaign_id}", {"name": name}, if_match=seen)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(write, [f"writer {n}" for n in range(6)]))
    assert sorted(each.status for each in answers) == [200, *[412] * 5]


@pytest.mark.parametrize("writers", [2, 5])
def test_of_parallel_bookings_of_one_position_exactly_one_wins(room, writers):
    room.episode("ep_1", date(2026, 11, 2))
    proposals = [a_proposal(room, episode_id="ep_1") for _ in range(writers)]

    def book(campaign_id):
        return room.owner.post(f"/v1/campaigns/{campaign_id}/book")

    with ThreadPoolExecutor(writers) as pool:
        answers = list(pool.map(book, proposals))
    lost = [each for each in answers if each.status != 200]
    assert len(lost) == writers - 1
    for answer in lost:
        assert "mid-roll 1 of episode ep_1" in refused(answer, 409, "position-taken")
    book = Records(room.stacks.core, BOOKS).get(room.tenant, SHOW).document
    assert len(book.bookings) == 1
    states = sorted(map(room.status, proposals))
    assert states == ["booked", *["proposed"] * (writers - 1)]
    assert deeds(room).count("campaign.booked") == 1


def test_competitors_in_parallel_cannot_both_get_into_an_episode(room):
    room.episode("ep_1", date(2026, 11, 2))
    proposals = [
        a_proposal(room, episode_id="ep_1", position=position) for position in ("pre", "post")
    ]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda each: room.owner.post(f"/v1/campaigns/{each}/book"), proposals)
        )
    assert sorted(each.status for each in answers) == [200, 409]
    [lost] = [each for each in answers if each.status == 409]
    assert "a competitor in mattresses" in refused(lost, 409, "competitor-booked")


def test_spots_added_at_the_same_time_are_all_there(room):
    campaign_id = room.campaign(room.sponsor())
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda n: room.add_spot(campaign_id, ordinal=n), range(1, 6)))
    assert [each.status for each in answers] == [201] * 5
    listed = room.owner.get(f"/v1/campaigns/{campaign_id}/spots").json()["items"]
    assert sorted(each["ordinal"] for each in listed) == [1, 2, 3, 4, 5]
    assert room.owner.get(f"/v1/campaigns/{campaign_id}").json()["spots"] == 5


def test_a_spot_slipped_in_while_a_campaign_is_booked_is_booked_or_refused(room):
    """Whatever comes first, no spot of a booked campaign is without its position."""
    campaign_id = a_proposal(room)
    with ThreadPoolExecutor(2) as pool:
        booking = pool.submit(room.owner.post, f"/v1/campaigns/{campaign_id}/book")
        adding = pool.submit(room.add_spot, campaign_id, position="pre")
    assert (booking.result().status, adding.result().status) == (200, 201)
    book = Records(room.stacks.core, BOOKS).get(room.tenant, SHOW).document
    assert sorted(each.position for each in book.bookings) == ["mid", "pre"]


# ── conflicts ──


def test_a_booked_campaign_takes_only_spots_that_fit(room):
    room.booked()
    other = room.booked(room.sponsor(category="razors"), position="post")
    answer = room.add_spot(other, position="mid")
    assert "mid-roll 1 of show_daily from 2026-11-01 to 2026-11-10" in refused(
        answer, 409, "position-taken"
    )
    spot_id = room.spot(other, position="mid", ordinal=2)
    moved = room.owner.patch(f"/v1/spots/{spot_id}", {"ordinal": 1}, if_match="*")
    refused(moved, 409, "position-taken")
    assert room.owner.get(f"/v1/spots/{spot_id}").json()["ordinal"] == 2


def test_a_spot_that_moves_or_goes_frees_its_position(room):
    campaign_id = room.booked()
    [spot] = room.owner.get(f"/v1/campaigns/{campaign_id}/spots").json()["items"]
    moved = room.owner.patch(f"/v1/spots/{spot['id']}", {"show_id": OTHER_SHOW}, if_match="*")
    assert moved.status == 200
    second = room.booked(room.sponsor(category="razors"))
    [taken] = room.owner.get(f"/v1/campaigns/{second}/spots").json()["items"]
    gone = room.owner.delete(f"/v1/spots/{taken['id']}", if_match="*")
    assert (gone.status, gone.text) == (204, "")
    assert room.owner.get(f"/v1/campaigns/{second}").json()["spots"] == 0
    back = room.owner.patch(f"/v1/spots/{spot['id']}", {"show_id": SHOW}, if_match=moved.etag)
    assert back.status == 200


def test_a_run_becomes_an_episode_when_that_is_out(room):
    campaign_id = room.booked(starts_on="2026-11-02", ends_on="2026-11-02")
    [spot] = room.owner.get(f"/v1/campaigns/{campaign_id}/spots").json()["items"]
    room.episode("ep_1", date(2026, 11, 2))
    at = f"/v1/spots/{spot['id']}"
    pinned = {"episode_id": "ep_1", "starts_on": None, "ends_on": None}
    found = room.owner.patch(at, pinned, if_match='"1"').json()
    assert (found["episode_id"], found["released_on"], found["starts_on"]) == (
        "ep_1",
        "2026-11-02",
        None,
    )
    half = room.owner.patch(at, {"episode_id": None}, if_match="*")
    refused(half, 422, "placement-invalid")
    rival = a_proposal(room, room.sponsor(category="razors"), episode_id="ep_1")
    refused(room.owner.post(f"/v1/campaigns/{rival}/book"), 409, "position-taken")


def test_a_booked_flight_moves_only_where_nobody_is(room):
    campaign_id = room.booked()
    later = room.sponsor(category="razors")
    later_flight = {"starts_on": "2026-11-20", "ends_on": "2026-11-30"}
    second = room.campaign(later, room.order(later), flight=later_flight)
    room.spot(second, starts_on="2026-11-20", ends_on="2026-11-30")
    room.do(second, "propose")
    room.do(second, "book")
    [spot] = room.owner.get(f"/v1/campaigns/{campaign_id}/spots").json()["items"]
    longer = {"flight": {"starts_on": "2026-11-01", "ends_on": "2026-11-30"}}
    assert room.owner.patch(f"/v1/campaigns/{campaign_id}", longer, if_match="*").status == 200
    run = {"ends_on": "2026-11-20"}
    refused(room.owner.patch(f"/v1/spots/{spot['id']}", run, if_match="*"), 409, "position-taken")
    run = {"ends_on": "2026-11-19"}
    assert room.owner.patch(f"/v1/spots/{spot['id']}", run, if_match="*").status == 200
    shorter = {"flight": {"starts_on": "2026-11-01", "ends_on": "2026-11-15"}}
    answer = room.owner.patch(f"/v1/campaigns/{campaign_id}", shorter, if_match="*")
    assert "is not within the flight" in refused(answer, 422, "dates-invalid")


def test_an_exclusive_category_keeps_competitors_out_of_the_show(room):
    room.episode("ep_old", date(2026, 1, 1))
    room.booked(terms={"exclusive_categories": ["mattresses"], "separation": False})
    rival = a_proposal(room, terms={"separation": False}, episode_id="ep_old", position="post")
    answer = room.owner.post(f"/v1/campaigns/{rival}/book")
    assert "exclusive to another sponsor" in refused(answer, 409, "category-exclusive")
    elsewhere = a_proposal(room, show_id=OTHER_SHOW)
    assert room.do(elsewhere, "book")["status"] == "booked"


# ── what makes no sense ──


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"show_id": "show_nowhere"}, "reference-unknown"),
        ({"episode_id": "ep_nowhere"}, "reference-unknown"),
        (
            {"episode_id": "ep_1", "starts_on": "2026-11-01", "ends_on": "2026-11-02"},
            "placement-invalid",
        ),
        ({"starts_on": "2026-11-01", "ends_on": None}, "placement-invalid"),
        ({"starts_on": "2026-11-05", "ends_on": "2026-11-04"}, "dates-invalid"),
        ({"starts_on": "2026-10-31", "ends_on": "2026-11-04"}, "dates-invalid"),
        ({"starts_on": "2026-11-01", "ends_on": "2026-11-11"}, "dates-invalid"),
        ({"rate": {"kind": "cpm", "price": {"amount": 1, "currency": "USD"}}}, "currency-differs"),
        ({"booked_downloads": 0}, "fields-invalid"),
        ({"booked_downloads": "5"}, "fields-invalid"),
        ({"position": "front"}, "fields-invalid"),
        ({"sponsor_id": "spo_other"}, "fields-invalid"),
        ({"campaign_id": "cmp_other"}, "fields-invalid"),
        ({"released_on": "2026-11-01"}, "fields-invalid"),
        ({"starts_on": "9999-12-31", "ends_on": "9999-12-31"}, "fields-invalid"),
        ({"aircheck_url": "javascript:alert(1)"}, "fields-invalid"),
    ],
)
def test_a_spot_that_makes_no_sense_is_refused(room, facts, code):
    room.episode("ep_1", date(2026, 11, 1))
    sponsor_id = room.sponsor()
    campaign_id = room.campaign(sponsor_id, room.order(sponsor_id))
    refused(room.add_spot(campaign_id, **facts), 422, code)
    assert room.owner.get(f"/v1/campaigns/{campaign_id}").json()["spots"] == 0


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"sponsor_id": "spo_nobody"}, "reference-unknown"),
        ({"order_id": "ord_nobody"}, "reference-unknown"),
        ({"brand": "Nobody's"}, "reference-unknown"),
        ({"targets": {"show_ids": ["show_nowhere"]}}, "reference-unknown"),
        ({"flight": {"starts_on": "2026-11-02", "ends_on": "2026-11-01"}}, "fields-invalid"),
        ({"flight": {"starts_on": "2026-11-02", "ends_on": "2028-11-01"}}, "fields-invalid"),
        ({"status": "booked"}, "fields-invalid"),
        ({"category": "mine"}, "fields-invalid"),
        ({"history": []}, "fields-invalid"),
        ({"budget": {"amount": 1.5, "currency": "EUR"}}, "fields-invalid"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused(room, facts, code):
    flight = {"starts_on": "2026-11-01", "ends_on": "2026-11-10"}
    body = {"name": "Autumn", "sponsor_id": room.sponsor(), "flight": flight} | facts
    refused(room.owner.post("/v1/campaigns", body), 422, code)


def test_an_order_of_another_sponsor_is_not_taken(room):
    order_id = room.order(room.sponsor())
    body = {"name": "x", "sponsor_id": room.sponsor(), "order_id": order_id}
    body["flight"] = {"starts_on": "2026-11-01", "ends_on": "2026-11-10"}
    refused(room.owner.post("/v1/campaigns", body), 422, "reference-unknown")


def test_a_campaign_that_is_over_stands_as_it_is_but_for_the_aircheck(room):
    campaign_id = room.booked()
    [spot] = room.owner.get(f"/v1/campaigns/{campaign_id}/spots").json()["items"]
    room.clock.now = datetime(2026, 11, 20, tzinfo=UTC)
    room.do(campaign_id, "complete")
    for answer in (
        room.owner.patch(f"/v1/campaigns/{campaign_id}", {"name": "x"}, if_match="*"),
        room.owner.patch(f"/v1/spots/{spot['id']}", {"booked_downloads": 1}, if_match="*"),
        room.owner.delete(f"/v1/spots/{spot['id']}", if_match="*"),
        room.add_spot(campaign_id, position="pre"),
    ):
        refused(answer, 409, "campaign-closed")
    aircheck = {"aircheck_url": "https://media.example/aircheck.mp3"}
    noted = room.owner.patch(f"/v1/spots/{spot['id']}", aircheck, if_match="*")
    assert (noted.status, noted.json()["aircheck_url"]) == (200, aircheck["aircheck_url"])


# ── orders ──


def test_a_signed_order_stands(room):
    order_id = room.order(room.sponsor())
    shown = room.owner.get(f"/v1/orders/{order_id}").json()
    assert (shown["status"], shown["signed_by"]) == ("signed", "Kim Example")
    assert shown["terms"]["rules"] == "iab-2.3"
    changed = room.owner.patch(f"/v1/orders/{order_id}", {"terms": a_terms()}, if_match="*")
    refused(changed, 409, "order-signed")
    refused(room.owner.post(f"/v1/orders/{order_id}/sign", {"signed_by": "x"}), 409, "order-signed")


def test_order_numbers_are_unique_whatever_their_case(room):
    sponsor_id = room.sponsor()
    room.order(sponsor_id, number="IO-a1")
    body = {"number": "io-A1", "sponsor_id": sponsor_id, "terms": a_terms()}
    refused(room.owner.post("/v1/orders", body), 409, "order-number-taken")
    other = room.order(sponsor_id, signed=False, number="IO-2")
    taken = room.owner.patch(f"/v1/orders/{other}", {"number": "IO-A1"}, if_match="*")
    refused(taken, 409, "order-number-taken")
    freed = room.owner.patch(f"/v1/orders/{other}", {"number": "IO-3"}, if_match="*")
    assert freed.status == 200
    room.order(sponsor_id, number="IO-2")


def test_an_order_that_is_booked_under_is_not_voided(room):
    campaign_id = room.booked()
    order_id = room.owner.get(f"/v1/campaigns/{campaign_id}").json()["order_id"]
    answer = room.owner.post(f"/v1/orders/{order_id}/void")
    assert campaign_id in refused(answer, 409, "order-in-use")
    room.do(campaign_id, "cancel", {"reason": "over"})
    assert room.owner.post(f"/v1/orders/{order_id}/void").json()["status"] == "void"


def test_an_order_counts_by_rules_that_the_tenant_counts_by(room):
    body = {"number": "1", "sponsor_id": room.sponsor(), "terms": a_terms(rules="op3")}
    answer = room.owner.post("/v1/orders", body)
    assert "counted by iab-2.3 here" in refused(answer, 422, "reference-unknown")


# ── lists ──


def test_campaigns_are_listed_in_pages_and_by_sponsor_order_and_status(room):
    one, two = room.sponsor(), room.sponsor()
    order_id = room.order(two)
    made = [room.campaign(one) for _ in range(3)] + [room.campaign(two, order_id)]
    room.clock.now += timedelta(seconds=1)
    room.do(made[0], "cancel", {"reason": "no"})
    first = room.owner.get("/v1/campaigns?limit=3").json()
    rest = room.owner.get(f"/v1/campaigns?limit=3&cursor={first['next']}").json()
    assert sorted(each["id"] for each in (*first["items"], *rest["items"])) == sorted(made)
    assert (len(first["items"]), rest["next"]) == (3, None)

    def listed(query):
        return sorted(
            each["id"] for each in room.owner.get(f"/v1/campaigns?{query}").json()["items"]
        )

    assert listed(f"sponsor_id={one}") == sorted(made[:3])
    assert listed(f"sponsor_id={one}&status=draft") == sorted(made[1:3])
    assert listed("status=cancelled") == [made[0]]
    assert listed(f"order_id={order_id}") == [made[3]]
    assert room.owner.get("/v1/campaigns?status=gone").status == 422
    assert room.owner.get("/v1/campaigns?colour=red").status == 422
