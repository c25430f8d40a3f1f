"""A resource made for these tests: versions, keys, bodies, and what goes wrong."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from chalice.app import Chalice
from pydantic import BaseModel, ConfigDict, Field

from tallycast.api.app import routed
from tallycast.api.call import Reply
from tallycast.api.idempotency import Idempotency
from tallycast.api.limits import RateLimiter
from tallycast.api.paging import PageOf, PageQuery, page_of
from tallycast.api.routes import Routes
from tallycast.api.typed import LARGEST_BODY, Gate
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.aws.records import Kind, Records
from tallycast.kernel.errors import NotFoundError
from tallycast.kernel.schema import Produced
from tallycast.kernel.times import utc_now
from tests.support.api import ApiClient, a_principal
from tests.support.stacks import aws_stacks


class Boat(Produced):
    name: str
    length: int


class NewBoat(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=40)
    length: int = Field(ge=1, le=400)


class BoatChange(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(default=None, min_length=1, max_length=40)
    length: int | None = Field(default=None, ge=1, le=400)


class BoatView(BaseModel):
    id: str
    name: str
    length: int


class Fleet(PageQuery):
    longer_than: int = 0


class BoatNotFoundError(NotFoundError):
    """There is no such boat."""


def view(stored):
    return BoatView(id=stored.id, **stored.document.model_dump())


class Harbour:
    """The routes over a real table, and how often a boat was made."""

    def __init__(self, table) -> None:
        self.boats = Records(table, Kind("testboat", Boat, missing=BoatNotFoundError))
        self.made = count(1)
        self.hold: threading.Event | None = None
        self.held = threading.Event()
        self.routes = routes = Routes("boats")
        scope = "me:read"

        @routes.post("/v1/boats", scope=scope, body=NewBoat, returns=BoatView)
        def add_boat(call, body):
            if self.hold is not None:
                self.held.set()
                self.hold.wait(10)
            boat_id = f"boat_{next(self.made)}"
            boat = Boat(**body.model_dump())
            self.boats.put(self.boats.creation(call.tenant, boat_id, boat, call.now))
            stored = self.boats.get(call.tenant, boat_id)
            return Reply(view(stored), version=1, location=f"/v1/boats/{boat_id}")

        @routes.get("/v1/boats", scope=scope, query=Fleet, returns=PageOf[BoatView])
        def list_boats(call, query):
            page = self.boats.page(
                call.tenant,
                limit=query.limit,
                cursor=query.after(),
                keep=lambda boat: boat.document.length > query.longer_than,
            )
            return page_of(page, view)

        @routes.get("/v1/boats/{boat_id}", scope=scope, returns=BoatView, versioned=True)
        def show_boat(call, boat_id):
            stored = self.boats.get(call.tenant, boat_id)
            return Reply(view(stored), version=stored.version)

        @routes.patch(
            "/v1/boats/{boat_id}", scope=scope, body=BoatChange, returns=BoatView, versioned=True
        )
        def change_boat(call, boat_id, body):
            stored = self.boats.get(call.tenant, boat_id)
            call.if_match(stored)
            changed = stored.document.model_copy(update=body.model_dump(exclude_unset=True))
            self.boats.put(self.boats.replacement(stored, changed, call.now))
            after = self.boats.get(call.tenant, boat_id)
            return Reply(view(after), version=after.version)

        @routes.delete("/v1/boats/{boat_id}", scope=scope, versioned=True)
        def remove_boat(call, boat_id):
            stored = self.boats.get(call.tenant, boat_id)
            call.if_match(stored)
            self.boats.put(self.boats.removal(stored))

        @routes.get("/v1/broken", scope=scope, returns=BoatView)
        def break_it(call):
            raise ZeroDivisionError("secret-of-the-inside")

        @routes.get("/v1/busy", scope=scope, returns=BoatView)
        def be_busy(call):
            raise ServiceUnavailableError("read table secret-table: Throttling")


@pytest.fixture(scope="module")
def harbour_and_client():
    with aws_stacks() as stacks:
        gate = Gate(
            limiter=RateLimiter(stacks.memory),
            idempotency=Idempotency(stacks.outputs["IdempotencyTable"]),
            clock=utc_now,
            origins=frozenset(),
            for_partners=False,
        )
        harbour = Harbour(stacks.core)
        app = routed(Chalice("boats", configure_logs=False), [harbour.routes], lambda: gate)
        yield harbour, ApiClient(app)


@pytest.fixture
def harbour(harbour_and_client):
    return harbour_and_client[0]


@pytest.fixture
def client(harbour_and_client, request):
    """Somebody in a tenant of this test's own."""
    name = request.node.name.split("[")[0][5:60].replace("_", "-").strip("-")
    return harbour_and_client[1].as_(a_principal(tenant=name))


ADA = {"name": "Ada", "length": 9}


# ── once ──


def test_a_post_that_comes_twice_is_done_once(client):
    first, second = (client.post("/v1/boats", ADA, key="k1") for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.text == second.text
    assert first.headers["location"] == second.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(client.get("/v1/boats").json()["items"]) == 1


def test_a_key_with_another_body_is_refused(client):
    client.post("/v1/boats", ADA, key="k1")
    again = client.post("/v1/boats", {**ADA, "length": 10}, key="k1")
    assert (again.status, again.json()["code"]) == (422, "idempotency-key-reused")
    assert len(client.get("/v1/boats").json()["items"]) == 1


def test_another_client_may_use_the_same_key(client):
    client.post("/v1/boats", ADA, key="k1")
    other = client.as_(a_principal(tenant=client.principal.tenant, subject="usr_other"))
    assert other.post("/v1/boats", ADA, key="k1").status == 201
    assert len(client.get("/v1/boats").json()["items"]) == 2


def test_a_post_without_a_key_is_refused(client):
    answer = client.post("/v1/boats", ADA, key=None)
    assert (answer.status, answer.json()["code"]) == (400, "bad-request")
    assert "Idempotency-Key" in answer.json()["detail"]


def test_a_post_that_was_refused_may_be_mended_under_its_key(client):
    assert client.post("/v1/boats", {**ADA, "length": 0}, key="k1").status == 422
    assert client.post("/v1/boats", ADA, key="k1").status == 201


def test_the_second_of_two_at_once_is_told_that_the_first_is_at_work(harbour, client):
    harbour.hold = threading.Event()
    harbour.held.clear()
    try:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(client.post, "/v1/boats", ADA, key="k1")
            assert harbour.held.wait(10)
            gate, harbour.hold = harbour.hold, None
            second = client.post("/v1/boats", ADA, key="k1")
            gate.set()
            assert first.result(10).status == 201
    finally:
        harbour.hold = None
    assert (second.status, second.json()["code"]) == (409, "request-in-progress")
    assert len(client.get("/v1/boats").json()["items"]) == 1


# ── versions ──


@pytest.fixture
def boat(client):
    return client.post("/v1/boats", ADA).json()["id"]


def test_a_thing_that_did_not_change_is_not_sent_again(client, boat):
    read = client.get(f"/v1/boats/{boat}")
    again = client.get(f"/v1/boats/{boat}", headers={"if-none-match": read.etag})
    assert (again.status, again.text) == (304, "")


def test_of_two_writers_one_is_told_to_read_again(client, boat):
    etag = client.get(f"/v1/boats/{boat}").etag
    one = client.patch(f"/v1/boats/{boat}", {"name": "Bea"}, if_match=etag)
    two = client.patch(f"/v1/boats/{boat}", {"name": "Cid"}, if_match=etag)
    assert (one.status, two.status) == (200, 412)
    assert client.get(f"/v1/boats/{boat}").json()["name"] == "Bea"
    assert client.patch(f"/v1/boats/{boat}", {"name": "Cid"}, if_match=one.etag).status == 200


@pytest.mark.parametrize("etag", ['"7"', "1", '"1', "W/1", '"one"', '"1", "2"', "\"1'"])
def test_an_etag_that_is_not_its_own_changes_nothing(client, boat, etag):
    assert client.patch(f"/v1/boats/{boat}", {"name": "Bea"}, if_match=etag).status == 412
    assert client.delete(f"/v1/boats/{boat}", if_match=etag).status == 412


def test_a_change_must_say_of_which_version(client, boat):
    answer = client.patch(f"/v1/boats/{boat}", {"name": "Bea"})
    assert (answer.status, answer.json()["code"]) == (428, "if-match-required")


def test_a_patch_changes_what_it_names(client, boat):
    etag = client.get(f"/v1/boats/{boat}").etag
    changed = client.patch(f"/v1/boats/{boat}", {"length": 11}, if_match=etag)
    assert changed.json() == {"id": boat, "name": "Ada", "length": 11}


def test_what_was_removed_is_gone(client, boat):
    etag = client.get(f"/v1/boats/{boat}").etag
    assert client.delete(f"/v1/boats/{boat}", if_match=etag).status == 204
    assert client.get(f"/v1/boats/{boat}").status == 404


# ── bodies and queries ──


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"name": "Ada"}, 422, "/length"),
        ({"name": "Ada", "length": "9"}, 422, "/length"),
        ({"name": "Ada", "length": 9.5}, 422, "/length"),
        ({"name": "Ada", "length": True}, 422, "/length"),
        ({"name": None, "length": 9}, 422, "/name"),
        ({"name": "", "length": 9}, 422, "/name"),
        ({"name": "x" * 41, "length": 9}, 422, "/name"),
        ({**ADA, "tenant": "other"}, 422, "/tenant"),
        ([], 422, "/"),
        ("Ada", 422, "/"),
        (7, 422, "/"),
    ],
)
def test_a_body_that_is_wrong_is_refused_at_its_place(client, body, status, where):
    answer = client.post("/v1/boats", body)
    assert answer.status == status
    assert [error["pointer"] for error in answer.json()["errors"]] == [where]


@pytest.mark.parametrize("raw", [b"9.0", b"9.00", b"0.9e1", b"90e-1"])
def test_a_whole_number_may_be_written_with_a_fraction(client, raw):
    """JSON Schema, and so our OpenAPI document, takes both for the same integer."""
    made = client.post("/v1/boats", raw=b'{"name": "Ada", "length": ' + raw + b"}")
    assert (made.status, made.json()["length"]) == (201, 9)


@pytest.mark.parametrize(
    "raw", [b"9.5", b"1e400", b"-1e400", b"NaN", b"1e300", b"9.0e99", b'"9.0"']
)
def test_what_is_no_whole_number_is_refused(client, raw):
    answer = client.post("/v1/boats", raw=b'{"name": "Ada", "length": ' + raw + b"}")
    assert answer.status in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b"nul", b'{"name": "\\ud800"}', b"[" * 5000]
)
def test_a_body_that_is_no_json_is_refused(client, raw):
    answer = client.post("/v1/boats", raw=raw, headers={"content-type": "application/json"})
    assert answer.status in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_of_another_type_is_refused(client):
    answer = client.post("/v1/boats", raw=b"name=Ada", headers={"content-type": "text/plain"})
    assert (answer.status, answer.json()["code"]) == (415, "unsupported-media-type")


def test_a_body_that_is_too_large_is_refused(client):
    raw = b'{"name": "' + b"x" * LARGEST_BODY + b'"}'
    assert client.post("/v1/boats", raw=raw).status == 413


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query.limit"),
        ("limit=101", "query.limit"),
        ("limit=many", "query.limit"),
        ("colour=red", "query.colour"),
        ("limit=1&limit=2", "query.limit"),
    ],
)
def test_a_query_that_is_wrong_is_refused_at_its_place(client, query, where):
    answer = client.get(f"/v1/boats?{query}")
    assert answer.status == 422
    assert {error["pointer"].removesuffix(".0") for error in answer.json()["errors"]} == {where}


@pytest.mark.parametrize("cursor", ["%20", "x", "AAAA", "MQ==", "é", "_" * 601])
def test_a_cursor_that_no_page_gave_is_refused_or_harmless(client, cursor):
    answer = client.get(f"/v1/boats?cursor={cursor}")
    assert answer.status in {200, 422}
    if answer.status == 200:
        assert answer.json()["items"] == []


def test_a_list_is_read_to_its_end(client):
    for number in range(7):
        client.post("/v1/boats", {"name": str(number), "length": number + 1})
    seen, following = [], "/v1/boats?limit=3&longer_than=2"
    while following:
        page = client.get(following).json()
        seen += [boat["length"] for boat in page["items"]]
        following = page["next"] and f"/v1/boats?limit=3&longer_than=2&cursor={page['next']}"
    assert sorted(seen) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("path", ["..", "a b", "%2e%2e", "-x", "é", "x" * 201])
def test_an_id_that_is_none_is_not_found(client, path):
    answer = client.get(f"/v1/boats/{path}")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


# ── what goes wrong with us ──


def test_a_failure_of_ours_tells_nothing_of_the_inside(client):
    answer = client.get("/v1/broken")
    assert (answer.status, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["detail"]


def test_a_part_that_does_not_answer_is_worth_another_try(client):
    answer = client.get("/v1/busy")
    assert (answer.status, answer.json()["code"]) == (503, "service-unavailable")
    assert "secret" not in answer.text
    assert int(answer.headers["retry-after"]) >= 1
