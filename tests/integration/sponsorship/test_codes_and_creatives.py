"""Promo codes, vanity links, creatives and their approval, sponsors and their history."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tallycast.aws.records import owner_of
from tallycast.identity.model import Role
from tallycast.sponsorship.kinds import PROMO_CODE
from tests.support.selling import SHOW, created


def refused(answer, status, code):
    assert (answer.status, answer.json()["code"]) == (status, code), answer.text
    return answer.json()["detail"]


def a_creative(room, campaign_id=None):
    campaign_id = campaign_id or room.campaign(room.sponsor())
    body = {"name": "Mid-roll", "kind": "script", "text": "Sleep well."}
    return created(room.owner.post(f"/v1/campaigns/{campaign_id}/creatives", body))


# ── codes and links ──


def test_a_code_is_unique_whatever_its_case_and_free_again_when_it_is_removed(room):
    campaign_id = room.campaign(room.sponsor())
    body = {"code": "Sleep20", "campaign_id": campaign_id, "benefit": "20 % off"}
    code = created(room.owner.post("/v1/codes", body))
    again = room.owner.post("/v1/codes", body | {"code": "SLEEP20"})
    assert "SLEEP20 already" in refused(again, 409, "code-taken")
    assert owner_of(room.stacks.core, room.tenant, PROMO_CODE, "sleep20") == code["id"]
    assert room.owner.delete(f"/v1/codes/{code['id']}", if_match="*").status == 204
    assert owner_of(room.stacks.core, room.tenant, PROMO_CODE, "sleep20") is None
    created(room.owner.post("/v1/codes", body | {"code": "sleep20"}))


def test_of_parallel_claims_of_one_code_one_wins(room):
    campaign_id = room.campaign(room.sponsor())
    bodies = [{"code": code, "campaign_id": campaign_id} for code in ("CODE", "code", "Code")]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda body: room.owner.post("/v1/codes", body), bodies))
    assert sorted(each.status for each in answers) == [201, 409, 409]


def test_two_tenants_have_the_same_code(platform, room):
    other = platform.of_tenant(f"{room.tenant}-b")
    for each in (room, other):
        campaign_id = each.campaign(each.sponsor())
        created(each.owner.post("/v1/codes", {"code": "SAME", "campaign_id": campaign_id}))


def test_a_code_changes_its_days_and_not_its_name(room):
    campaign_id = room.campaign(room.sponsor())
    code = created(room.owner.post("/v1/codes", {"code": "NOV", "campaign_id": campaign_id}))
    at = f"/v1/codes/{code['id']}"
    days = {"valid_from": "2026-11-01", "valid_until": "2026-11-30"}
    assert room.owner.patch(at, days, if_match='"1"').json()["valid_until"] == "2026-11-30"
    assert room.owner.patch(at, {"valid_until": None}, if_match='"2"').json()["valid_until"] is None
    wrong = room.owner.patch(at, {"valid_until": "2026-10-31"}, if_match="*")
    refused(wrong, 422, "dates-invalid")
    refused(room.owner.patch(at, {"code": "DEC"}, if_match="*"), 422, "fields-invalid")
    refused(room.owner.patch(at, days, if_match='"1"'), 412, "stale")


@pytest.mark.parametrize("code", ["", "x", "=1+1", "a b", "<script>", "ä20", "a" * 65])
def test_what_nobody_could_read_out_is_no_code(room, code):
    body = {"code": code, "campaign_id": "cmp_x"}
    refused(room.owner.post("/v1/codes", body), 422, "fields-invalid")


def test_a_vanity_links_slug_is_unique_and_its_target_may_change(room):
    campaign_id = room.campaign(room.sponsor())
    body = {"slug": "beds", "target": "https://beds.example/pod", "campaign_id": campaign_id}
    link = created(room.owner.post("/v1/links", body | {"show_id": SHOW}))
    refused(room.owner.post("/v1/links", body), 409, "slug-taken")
    at = f"/v1/links/{link['id']}"
    changed = room.owner.patch(
        at, {"target": "https://beds.example/2", "active": False}, if_match="*"
    )
    assert (changed.json()["target"], changed.json()["active"]) == ("https://beds.example/2", False)
    for target in ("http://beds.example", "javascript:alert(1)", "https://x y", "//beds.example"):
        refused(room.owner.patch(at, {"target": target}, if_match="*"), 422, "fields-invalid")
    assert [each["slug"] for each in room.owner.get("/v1/links").json()["items"]] == ["beds"]
    assert room.owner.delete(at, if_match="*").status == 204
    created(room.owner.post("/v1/links", body))


def test_codes_are_of_campaigns_that_are_there(room):
    body = {"code": "LOST", "campaign_id": "cmp_nowhere"}
    refused(room.owner.post("/v1/codes", body), 422, "reference-unknown")


# ── creatives ──


def test_a_creative_is_submitted_rejected_corrected_and_approved(room):
    creative = a_creative(room)
    at = f"/v1/creatives/{creative['id']}"

    def do(command, body=None):
        answer = room.owner.post(f"{at}/{command}", body)
        assert answer.status == 200, answer.text
        return answer.json()

    assert do("submit")["status"] == "submitted"
    refused(room.owner.patch(at, {"text": "x"}, if_match="*"), 409, "creative-status")
    rejected = do("reject", {"text": "Say the name twice."})
    assert (rejected["status"], rejected["comments"][0]["text"]) == (
        "rejected",
        "Say the name twice.",
    )
    corrected = room.owner.patch(at, {"text": "Beds. Beds."}, if_match="*").json()
    assert (corrected["status"], corrected["text"]) == ("draft", "Beds. Beds.")
    do("submit")
    assert do("approve")["status"] == "approved"
    changed = room.owner.patch(at, {"text": "Other"}, if_match="*").json()
    assert changed["status"] == "draft"  # what was approved is not this any more


@pytest.mark.parametrize(
    ("before", "refusing"),
    [
        ([], ["approve", "reject", "withdraw"]),
        (["submit"], ["submit"]),
        (["submit", "approve"], ["submit", "approve", "reject"]),
        (["submit", "reject"], ["submit", "approve", "reject"]),
    ],
)
def test_every_other_step_of_an_approval_is_refused(room, before, refusing):
    at = f"/v1/creatives/{a_creative(room)['id']}"

    def send(command):
        body = {"text": "no"} if command == "reject" else None
        return room.owner.post(f"{at}/{command}", body)

    for command in before:
        assert send(command).status == 200
    for command in refusing:
        refused(send(command), 409, "creative-status")


def test_the_sponsor_approves_and_only_its_own(room):
    sponsor_id, campaign_id = room.sponsor(), None
    campaign_id = room.campaign(sponsor_id)
    creative = a_creative(room, campaign_id)
    at = f"/v1/creatives/{creative['id']}"
    assert room.owner.post(f"{at}/submit").status == 200
    stranger = room.as_role(Role.SPONSOR, sponsor_id=room.sponsor())
    for command, body in (
        ("approve", None),
        ("reject", {"text": "x"}),
        ("comments", {"text": "x"}),
    ):
        refused(stranger.post(f"{at}/{command}", body), 404, "creative-not-found")
    own = room.as_role(Role.SPONSOR, sponsor_id=sponsor_id)
    said = own.post(f"{at}/comments", {"text": "Lovely."})
    assert (said.status, said.json()["comments"][0]["by"]) == (201, "usr_sponsor")
    assert own.post(f"{at}/approve").json()["status"] == "approved"


def test_a_campaign_with_a_creative_in_doubt_is_not_booked(room):
    sponsor_id = room.sponsor()
    campaign_id = room.campaign(sponsor_id, room.order(sponsor_id))
    room.spot(campaign_id)
    creative = a_creative(room, campaign_id)
    room.do(campaign_id, "propose")
    answer = room.owner.post(f"/v1/campaigns/{campaign_id}/book")
    assert "not approved yet: Mid-roll" in refused(answer, 409, "campaign-not-ready")
    for command in ("submit", "approve"):
        room.owner.post(f"/v1/creatives/{creative['id']}/{command}")
    assert room.do(campaign_id, "book")["status"] == "booked"


# ── sponsors and agencies ──


def test_a_sponsors_history_is_shown_newest_first(room):
    at = f"/v1/sponsors/{room.sponsor()}/notes"
    times = {"call": "2026-03-01T09:00:00Z", "email": "2026-01-01T09:00:00+02:00"}
    for kind, moment in times.items():
        created(room.owner.post(at, {"kind": kind, "text": "Hi", "happened_at": moment}))
    now = created(room.owner.post(at, {"text": "An idea"}))
    listed = room.owner.get(at).json()["items"]
    assert [(each["kind"], each["happened_at"]) for each in listed] == [
        ("note", "2026-11-02T12:00:00Z"),
        ("call", "2026-03-01T09:00:00Z"),
        ("email", "2026-01-01T07:00:00Z"),
    ]
    assert listed[0]["author"] == "usr_owner"
    elsewhere = f"/v1/sponsors/{room.sponsor()}/notes/{now['id']}"
    assert room.owner.delete(elsewhere).status == 404
    assert room.owner.delete(f"{at}/{now['id']}").status == 204
    assert len(room.owner.get(at).json()["items"]) == 2
    refused(room.owner.post(at, {"text": "x", "happened_at": "2026-01-01"}), 422, "fields-invalid")
    far = {"text": "x", "happened_at": "9999-12-31T23:59:59-23:59"}
    refused(room.owner.post(at, far), 422, "fields-invalid")


def test_brands_decide_what_a_campaign_competes_with(room):
    brands = [{"name": "Nap", "category": "pillows"}]
    sponsor_id = room.sponsor(brands=brands)
    campaign_id = room.campaign(sponsor_id, brand="Nap")
    at = f"/v1/campaigns/{campaign_id}"
    assert room.owner.get(at).json()["category"] == "pillows"
    assert room.owner.patch(at, {"brand": None}, if_match="*").json()["category"] == "mattresses"


def test_a_sponsor_and_an_agency_are_changed_by_who_has_seen_them(room):
    agency_id = created(room.owner.post("/v1/agencies", {"name": "Agency"}))["id"]
    sponsor_id = room.sponsor(agency_id=agency_id)
    for at in (f"/v1/agencies/{agency_id}", f"/v1/sponsors/{sponsor_id}"):
        seen = room.owner.get(at)
        assert room.owner.patch(at, {"name": "New"}, if_match=seen.etag).json()["name"] == "New"
        refused(room.owner.patch(at, {"name": "Newer"}, if_match=seen.etag), 412, "stale")
        refused(room.owner.patch(at, {"id": "x"}, if_match="*"), 422, "fields-invalid")
    refused(
        room.owner.patch(f"/v1/sponsors/{sponsor_id}", {"agency_id": "agy_no"}, if_match="*"),
        422,
        "reference-unknown",
    )


def test_a_repeated_creation_creates_once(room):
    body = {"name": "Example Beds", "category": "mattresses"}
    first = room.owner.post("/v1/sponsors", body, key="one-key")
    again = room.owner.post("/v1/sponsors", body, key="one-key")
    assert (first.status, again.status) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    other = room.owner.post("/v1/sponsors", body | {"name": "Other"}, key="one-key")
    refused(other, 422, "idempotency-key-reused")
    assert len(room.owner.get("/v1/sponsors").json()["items"]) == 1
