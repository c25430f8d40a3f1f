"""Reference data and keys on moto: taken when sound, kept when not, never half, never twice."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from tallycast.aws import clients
from tallycast.aws.commands import BadCommandError
from tallycast.aws.errors import RequestRefusedError
from tallycast.feeds.fetching import FetchSettings, fetch
from tallycast.kernel.errors import PermanentError
from tallycast.measurement import agents
from tallycast.measurement.networks import built_in as built_in_networks
from tallycast.measurement.privacy import KeyMissingError
from tallycast.measurement.privacy.store import KeyStore, Rotation
from tallycast.measurement.reference import ReferenceCache, built_in, from_documents, from_folder
from tallycast.measurement.reference.activation import Activator, Wish
from tallycast.measurement.reference.bundle import ReferenceFolderError
from tallycast.measurement.reference.commands import ReferenceDesk
from tallycast.measurement.reference.model import Origin, Source
from tallycast.measurement.reference.names import DOCUMENTS, UnknownDocumentError
from tallycast.measurement.reference.refresh import Refresher
from tallycast.measurement.reference.store import (
    ACTIVE,
    ReferenceChangedError,
    ReferenceDamagedError,
    ReferenceMissingError,
    ReferenceStore,
    document_key,
)
from tallycast.measurement.reference.use_cases.keys import rotation
from tallycast.measurement.reference.use_cases.refresh import desk
from tests.support.functions import function
from tests.support.origin import Origin as Host
from tests.support.shared import FIXTURES
from tests.support.stacks import aws_stacks
from tests.support.template import ROOT

NOW = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)
BUCKET = "reference-data"
BY_HAND = Origin(source="a test", licence="own work")
LISTS = FIXTURES / "user-agents"
EVENTS = ROOT / "events"


def centres(count, *, first=0):
    """A list of so many data centres."""
    return "".join(
        f"203.0.{n // 256}.{n % 256}/32,Host {n}\n" for n in range(first, first + count)
    ).encode()


def bots(count, pattern="bot-number-{}x"):
    entries = [{"name": f"Bot {n}", "pattern": pattern.format(n)} for n in range(count)]
    return json.dumps({"entries": entries}).encode()


@dataclass
class Room:
    """The reference data as the function wires it, with a host that publishes lists."""

    host: Host
    bucket: str
    events: list = field(default_factory=list)
    now: datetime = NOW
    sources: dict = field(default_factory=dict)
    max_bytes: int = 5_000_000

    def __post_init__(self):
        self.store = ReferenceStore(clients.s3(), self.bucket)
        self.activator = Activator(self.store)
        self.cache = ReferenceCache(self.store)

    def source(self, name, path):
        self.sources[name] = Source(url=self.host.url(path), licence="MIT")

    def fetch(self, request):
        settings = FetchSettings(
            deadline_seconds=3, allow=(self.host.address,), max_bytes=self.max_bytes
        )
        return fetch(request, settings=settings)

    @property
    def desk(self):
        return ReferenceDesk(
            store=self.store,
            activator=self.activator,
            refresher=Refresher(self.store, self.activator, self.fetch, self.sources),
            clock=lambda: self.now,
            tell=self.events.extend,
        )

    def refresh(self):
        """The outcome of each document."""
        answer = self.desk.run({"command": "refresh"})
        return {each["document"]: each["outcome"] for each in answer["documents"]}

    def refused(self):
        answer = self.desk.run({"command": "refresh"})
        [one] = [each for each in answer["documents"] if each["outcome"] == "refused"]
        return one["error"]

    def take(self, name, body, **wish):
        return self.activator.take(name, body, BY_HAND, self.now, Wish(by_hand=True, **wish))

    def load(self):
        return self.cache.load_active()

    def kind(self, ip):
        return self.load().networks.look_up(ip).network

    def keys(self):
        listed = clients.s3().list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [each["Key"] for each in listed]


@pytest.fixture(scope="module")
def stacks():
    """Made once: every test finds the bucket and the table of keys empty."""
    with aws_stacks() as made:
        clients.s3().create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield made


@pytest.fixture
def room(stacks):
    for listed in clients.s3().list_objects_v2(Bucket=BUCKET).get("Contents", []):
        clients.s3().delete_object(Bucket=BUCKET, Key=listed["Key"])
    with Host() as host:
        yield Room(host, BUCKET)


def test_with_nothing_active_the_built_in_reference_is_used(room):
    assert room.load() is built_in()
    assert room.load().agents is agents.built_in()
    assert room.load().networks.look_up("8.8.8.8") == built_in_networks().look_up("8.8.8.8")
    assert set(room.load().versions) < set(DOCUMENTS)
    assert room.keys() == []


def test_a_fetched_list_is_used_from_then_on_and_told_once(room):
    room.source("datacenters.csv", "/dc.csv")
    room.host.put("/dc.csv", centres(10))
    before = room.load().digest
    assert room.refresh() == {"datacenters.csv": "activated"}
    assert room.kind("203.0.0.9") == "data_centre"
    assert room.kind("203.0.0.10") != "data_centre"
    assert room.load().digest != before
    assert room.load().versions["datacenters.csv"].startswith("2026-11-23-")
    [told] = room.events
    assert (type(told).__name__, told.document, told.entries, told.by) == (
        "ReferenceActivated",
        "datacenters.csv",
        10,
        "refresh",
    )
    shown = {row["document"]: row for row in room.desk.run({"command": "show"})["documents"]}
    assert shown["datacenters.csv"]["origin"]["licence"] == "MIT"
    assert shown["datacenters.csv"]["held"] is False
    assert shown["bots.json"]["version"].startswith("built-in-")


def test_a_list_that_has_not_changed_is_not_read_again(room):
    room.source("datacenters.csv", "/dc.csv")
    room.host.put("/dc.csv", centres(10))
    room.refresh()
    first, keys = room.load(), room.keys()
    room.now += timedelta(days=1)
    assert room.refresh() == {"datacenters.csv": "unchanged"}
    assert [status for _, status in room.host.requests] == [200, 304]
    assert room.load() is first
    assert room.keys() == keys
    assert len(room.events) == 1


def test_the_same_list_from_a_host_without_etags_changes_nothing(room):
    room.source("datacenters.csv", "/dc.csv")
    room.host.put("/dc.csv", centres(10), conditional=False)
    room.refresh()
    keys = room.keys()
    room.now += timedelta(days=1)
    assert room.refresh() == {"datacenters.csv": "unchanged"}
    assert room.keys() == keys
    assert len(room.events) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "ShrunkDocumentError: datacenters.csv is empty"),
        (b" \n\n", "ShrunkDocumentError"),
        (b"# all gone\n", "BadListError"),
        (
            centres(4),
            "ShrunkDocumentError: datacenters.csv has 4 entries where the one in use has 10",
        ),
        (b"<html>Sign in to continue</html>", "BadListError: line 1"),
        (centres(10) + b"0.0.0.0/0,everybody\n", "BadListError"),
        (b"\x1f\x8b\x08\x00garbage", "BadListError"),
    ],
)
def test_a_list_that_cannot_be_right_is_refused_and_the_old_one_stays(room, body, said):
    room.source("datacenters.csv", "/dc.csv")
    room.host.put("/dc.csv", centres(10))
    room.refresh()
    before, pointer, keys = room.load(), room.store.pointer(), room.keys()
    room.host.put("/dc.csv", body)
    assert room.refused().startswith(said)
    assert room.load() is before
    assert room.store.pointer() == pointer
    assert room.keys() == keys
    told = room.events[-1]
    assert type(told).__name__ == "ReferenceRefused"
    assert told.in_use == before.versions["datacenters.csv"]


def test_exactly_half_of_the_entries_are_still_taken(room):
    room.source("datacenters.csv", "/dc.csv")
    room.host.put("/dc.csv", centres(10))
    room.refresh()
    room.host.put("/dc.csv", centres(5))
    assert room.refresh() == {"datacenters.csv": "activated"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"entries": []}',
        b'{"entries": [{"name": "X", "pattern": "("}]}',
        b'{"entries": [{"name": 7, "pattern": "x"}]}',
        b"[" * 100_000,
        b'{"entries": ' + b"9" * 5000 + b"}",
        b'{"entries": [{"name": "X", "pattern": "(?<=a)b"}]}',
    ],
)
def test_poison_json_is_refused_and_the_built_in_list_stays(room, body):
    room.source("bots.json", "/bots.json")
    room.host.put("/bots.json", body)
    assert "Error" in room.refused()
    assert room.load() is built_in()
    assert room.keys() == []


def test_one_bad_pattern_among_many_refuses_the_whole_list(room):
    room.source("bots.json", "/bots.json")
    room.host.put("/bots.json", bots(500))
    assert room.refresh() == {"bots.json": "activated"}
    broken = json.loads(bots(500))
    broken["entries"][400]["pattern"] = "a[b"
    room.host.put("/bots.json", json.dumps(broken).encode())
    assert "BadAgentListError" in room.refused()
    [found] = room.load().agents.classify(["bot-number-400x"])[:1]
    assert found.is_bot


def test_a_list_shorter_than_half_of_the_built_in_one_is_refused_at_the_first_fetch(room):
    room.source("bots.json", "/bots.json")
    room.host.put("/bots.json", bots(3))
    assert room.refused().startswith("ShrunkDocumentError")


def test_one_lists_failure_is_no_other_ones(room):
    for name in ("datacenters.csv", "relays.csv", "vpns.csv", "bots.json"):
        room.source(name, f"/{name}")
    room.host.put("/datacenters.csv", centres(3))
    room.host.put("/relays.csv", status=500)
    room.host.put("/vpns.csv", b"nonsense")
    assert room.refresh() == {
        "bots.json": "failed",
        "datacenters.csv": "activated",
        "relays.csv": "failed",
        "vpns.csv": "refused",
    }
    assert room.kind("203.0.0.1") == "data_centre"


def test_a_list_larger_than_allowed_is_not_read_to_its_end(room):
    room.source("datacenters.csv", "/dc.csv")
    room.max_bytes = 1000
    room.host.put("/dc.csv", centres(100))
    assert room.refresh() == {"datacenters.csv": "failed"}
    assert room.keys() == []


def test_an_address_inside_our_own_network_is_never_asked(room):
    room.sources["datacenters.csv"] = Source(url="http://169.254.169.254/latest/meta-data/")
    room.sources["vpns.csv"] = Source(url="http://127.0.0.1:1/")
    room.sources["relays.csv"] = Source(url="file:///etc/passwd")
    assert set(room.refresh().values()) == {"failed"}


def test_a_document_put_by_hand_is_held_until_it_is_released(room):
    s3 = clients.s3()
    s3.put_object(Bucket=BUCKET, Key="reference/inbox/own.csv", Body=centres(3))
    command = {
        "command": "put",
        "document": "datacenters.csv",
        "key": "reference/inbox/own.csv",
        "source": "our own",
        "licence": "own work",
    }
    assert room.desk.run(command)["outcome"] == "activated"
    room.source("datacenters.csv", "/dc.csv")
    room.host.put("/dc.csv", centres(50, first=100))
    assert room.refresh() == {"datacenters.csv": "held"}
    assert room.host.requests == []
    assert (room.kind("203.0.0.1"), room.kind("203.0.0.120") == "data_centre") == (
        "data_centre",
        False,
    )
    room.desk.run({"command": "release", "document": "datacenters.csv"})
    assert room.refresh() == {"datacenters.csv": "activated"}
    assert room.kind("203.0.0.120") == "data_centre"
    assert [event.by for event in room.events] == ["hand", "refresh"]


def test_a_person_may_let_a_list_shrink_but_never_to_nothing(room):
    room.take("datacenters.csv", centres(10))
    with pytest.raises(PermanentError):
        room.take("datacenters.csv", centres(2))
    assert room.take("datacenters.csv", centres(2), may_shrink=True).taken == "activated"
    with pytest.raises(PermanentError):
        room.take("datacenters.csv", b"\n", may_shrink=True)


def test_one_can_go_back_to_an_earlier_version_and_to_the_built_in_one(room):
    first = room.take("datacenters.csv", centres(3)).document
    room.take("datacenters.csv", centres(3, first=50))
    assert room.kind("203.0.0.1") != "data_centre"
    answer = room.desk.run(
        {"command": "use", "document": "datacenters.csv", "version": first.version}
    )
    assert answer["document"]["digest"] == first.digest
    assert room.kind("203.0.0.1") == "data_centre"
    room.desk.run({"command": "drop", "document": "datacenters.csv"})
    assert room.load().digest == built_in().digest
    with pytest.raises(UnknownDocumentError):
        room.desk.run({"command": "drop", "document": "datacenters.csv"})
    with pytest.raises(ReferenceMissingError):
        room.desk.run(
            {"command": "use", "document": "datacenters.csv", "version": "2020-01-01-0123456789ab"}
        )


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"command": "explode"},
        {"command": "put", "document": "bots.json", "source": "x", "key": "../../etc/passwd"},
        {"command": "put", "document": "bots.json", "source": "x", "key": "reference/active.json"},
        {"command": "use", "document": "bots.json", "version": "../.."},
        {"command": "refresh", "surprise": 1},
    ],
)
def test_a_command_that_is_none_is_refused(room, message):
    with pytest.raises(BadCommandError):
        room.desk.run(message)


def test_two_refreshers_at_once_take_one_list_once_and_lose_no_other(room):
    """The second writes between the first one's look and its write: nothing of it may be lost."""
    other = Activator(ReferenceStore(clients.s3(), BUCKET))
    meanwhile = [
        lambda: other.take("vpns.csv", b"198.18.0.1,198.18.0.1,x\n", BY_HAND, NOW, Wish()),
        lambda: other.take("datacenters.csv", centres(10), BY_HAND, NOW, Wish()),
    ]
    tries = []
    activate = room.store.activate

    def overtaken(manifest, before):
        tries.append(before.etag)
        if meanwhile:
            meanwhile.pop(0)()
        activate(manifest, before)

    room.store.activate = overtaken
    taken = room.activator.take("datacenters.csv", centres(10), BY_HAND, NOW)
    assert taken.taken == "unchanged"
    assert len(tries) == 2
    assert set(room.load().versions) - set(built_in().versions) == {"vpns.csv", "datacenters.csv"}
    assert (room.kind("198.18.0.1"), room.kind("203.0.0.1")) == ("vpn", "data_centre")


def test_a_list_that_shrank_against_what_another_activated_meanwhile_is_refused(room):
    other = Activator(ReferenceStore(clients.s3(), BUCKET))
    activate, once = room.store.activate, []

    def overtaken(manifest, before):
        if not once:
            once.append(other.take("datacenters.csv", centres(100), BY_HAND, NOW))
        activate(manifest, before)

    room.store.activate = overtaken
    with pytest.raises(PermanentError, match="4 entries where the one in use has 100"):
        room.activator.take("datacenters.csv", centres(4), BY_HAND, NOW)
    assert room.kind("203.0.0.99") == "data_centre"


def test_who_is_overtaken_every_time_gives_up_with_an_error_that_says_so(room):
    other, count = Activator(ReferenceStore(clients.s3(), BUCKET)), iter(range(100))
    activate = room.store.activate

    def overtaken(manifest, before):
        other.take("vpns.csv", f"198.18.0.{next(count)},198.18.0.200,x\n".encode(), BY_HAND, NOW)
        activate(manifest, before)

    room.store.activate = overtaken
    with pytest.raises(ReferenceChangedError):
        room.activator.take("datacenters.csv", centres(10), BY_HAND, NOW)


def test_the_first_pointer_is_written_by_exactly_one_of_two(room):
    empty = room.store.pointer()
    assert empty.etag is None
    room.store.activate(empty.manifest, empty)
    with pytest.raises(ReferenceChangedError):
        room.store.activate(empty.manifest, empty)


def test_a_refresher_killed_before_the_pointer_moved_leaves_what_was(room):
    room.take("datacenters.csv", centres(10))
    before = room.load()

    def killed(*_):
        raise KeyboardInterrupt

    activate, room.store.activate = room.store.activate, killed
    with pytest.raises(KeyboardInterrupt):
        room.take("datacenters.csv", centres(20))
    assert room.load() is before
    room.store.activate = activate
    assert room.take("datacenters.csv", centres(20)).taken == "activated"


def test_an_altered_document_is_noticed_before_it_is_used(room):
    document = room.take("bots.json", bots(500)).document
    key = document_key(document.name, document.version)
    clients.s3().put_object(Bucket=BUCKET, Key=key, Body=bots(500, "{}z"))
    with pytest.raises(ReferenceDamagedError):
        room.load()


def test_a_damaged_pointer_is_an_error_and_not_the_built_in_reference(room):
    clients.s3().put_object(Bucket=BUCKET, Key=ACTIVE, Body=b"{}x")
    with pytest.raises(ReferenceDamagedError):
        room.load()


def test_a_bucket_that_is_not_there_is_our_own_failure_and_no_answer(room):
    lost = ReferenceStore(clients.s3(), "nowhere")
    with pytest.raises(RequestRefusedError):
        lost.activate(room.store.pointer().manifest, room.store.pointer())


def test_places_of_the_operator_replace_the_built_in_ones(room):
    lines = [f"203.0.{n % 256}.{n // 256},203.0.{n % 256}.{n // 256},DE,3320\n" for n in range(3)]
    room.take("places.csv", "".join(lines).encode(), may_shrink=True)
    found = room.load().networks
    assert found.look_up("203.0.1.0") == ("DE", None, 3320, "household")
    assert found.look_up("8.8.8.8") == (None, None, None, "unknown")


def test_with_a_list_of_exits_the_rest_of_a_relays_systems_are_data_centres(room):
    assert room.kind("1.1.1.1") == "relay"
    room.take("relays.csv", b"104.28.9.0/24,DE,DE-BE,Berlin,\n")
    assert room.kind("1.1.1.1") == "data_centre"
    assert room.load().networks.look_up("104.28.9.7")[:2] == ("DE", "DE-BE")
    assert room.kind("104.28.9.7") == "relay"


def test_what_is_built_of_the_same_documents_anywhere_has_the_same_digest_and_answers(room):
    documents = {"datacenters.csv": centres(300), "bots.json": bots(500)}
    for name, body in documents.items():
        room.take(name, body)
    here, there = room.load(), from_documents(documents)
    assert here.digest == there.digest != built_in().digest
    for ip in ("203.0.0.1", "203.0.1.44", "8.8.8.8", "2001:db8::1"):
        assert here.networks.look_up(ip) == there.networks.look_up(ip)


def test_a_changed_list_of_ranges_leaves_the_compiled_agents_in_place(room):
    room.take("bots.json", bots(500))
    compiled = room.load().agents
    room.take("datacenters.csv", centres(10))
    assert room.load().agents is compiled
    room.take("bots.json", bots(501))
    assert room.load().agents is not compiled


def test_a_folder_without_any_document_is_refused(tmp_path):
    with pytest.raises(ReferenceFolderError):
        from_folder(tmp_path)
    with pytest.raises(ReferenceFolderError):
        from_folder(tmp_path / "nowhere")
    (tmp_path / "vpns.csv").write_bytes(b"203.0.113.0/24,x\n")
    assert from_folder(tmp_path).networks.look_up("203.0.113.9").network == "vpn"


@pytest.mark.skipif(
    not LISTS.is_dir(), reason="the shared lists are not here: set TALLYCAST_SHARED"
)
def test_the_shared_lists_are_taken_whole(room):
    for path in sorted(LISTS.iterdir()):
        if path.name in DOCUMENTS:
            assert room.take(path.name, path.read_bytes(), may_shrink=True).taken == "activated"
    loaded, folder = room.load(), from_folder(LISTS)
    assert loaded.digest == folder.digest
    assert loaded.agents.digest == folder.agents.digest
    assert room.kind("1.178.4.0") == "data_centre"
    assert room.store.pointer().manifest.documents["datacenters.csv"].document.entries == 4752


# ── the keys of the months ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def keys(stacks):
    table = clients.table(stacks.outputs["PrivacyTable"])
    with table.batch_writer() as batch:
        for month in items(table):
            batch.delete_item(Key={"id": month})
    return KeyStore(table)


def items(table):
    return {item["id"]: item for item in table.scan()["Items"]}


def test_the_key_of_next_month_is_there_before_it_begins_and_is_never_replaced(keys):
    assert keys.rotate(NOW) == Rotation(("2026-10", "2026-11", "2026-12"), ())
    before = items(keys._table)
    assert keys.rotate(NOW + timedelta(days=1)) == Rotation((), ())
    assert items(keys._table) == before
    assert keys.rotate(datetime(2026, 12, 1, tzinfo=UTC)) == Rotation(("2027-01",), ())
    assert {month: items(keys._table)[month] for month in before} == before
    assert len({item["key"].value for item in items(keys._table).values()}) == 4


def test_a_function_that_reads_the_keys_before_midnight_can_go_on_after_it(keys):
    keys.rotate(NOW)
    ring = keys.ring(["2026-10", "2026-11", "2026-12"])
    last = ring.pseudonym("203.0.113.7", datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    first = ring.pseudonym("203.0.113.7", datetime(2026, 12, 1, 0, 1, tzinfo=UTC))
    assert first.ip_hash_previous == last.ip_hash


def test_keys_behind_the_retention_are_destroyed_and_never_made_again(keys):
    then = datetime(2025, 10, 15, tzinfo=UTC)
    keys.rotate(then)
    known = keys.ring(["2025-09", "2025-10"]).pseudonym("203.0.113.7", then)
    assert keys.rotate(datetime(2026, 11, 30, tzinfo=UTC), 13).destroyed == ("2025-09",)
    assert keys.ring(["2025-10"]).months() == ["2025-10"]
    assert keys.rotate(datetime(2026, 12, 1, tzinfo=UTC), 13).destroyed == ("2025-10",)
    assert "key" not in items(keys._table)["2025-10"]
    assert items(keys._table)["2025-10"]["destroyed_at"] == "2026-12-01T00:00:00.000Z"
    ring = keys.ring_for(["2025-10"], datetime(2026, 12, 1, tzinfo=UTC), 60)
    with pytest.raises(KeyMissingError):
        ring.pseudonym("203.0.113.7", then)
    assert known.ip_key == "2025-10"
    assert "key" not in items(keys._table)["2025-10"]


def test_after_a_long_pause_all_keys_behind_the_retention_go_at_once(keys):
    for month in (1, 4, 7, 10):
        keys.rotate(datetime(2024, month, 15, tzinfo=UTC))
    gone = keys.rotate(NOW, 13).destroyed
    assert gone == tuple(sorted(set(items(keys._table)) - {"2026-10", "2026-11", "2026-12"}))
    assert len(gone) == 12


def test_two_that_rotate_at_once_end_with_the_same_keys(keys):
    """The other makes the keys between this one's look and its write."""
    other = KeyStore(keys._table)
    put = keys._table.put_item
    raced = []

    class Overtaken:
        def __getattr__(self, name):
            return getattr(other._table, name)

        def put_item(self, **request):
            if not raced:
                raced.append(other.rotate(NOW))
            return put(**request)

    racing = KeyStore(Overtaken())
    assert racing.rotate(NOW) == Rotation((), ())
    assert raced == [Rotation(("2026-10", "2026-11", "2026-12"), ())]
    months = ["2026-10", "2026-11", "2026-12"]
    mine, theirs = racing.ring(months), other.ring(months)
    assert [mine.key(m) for m in months] == [theirs.key(m) for m in months]


def test_a_late_log_gets_the_keys_of_its_months_made_while_they_may_be_kept(keys):
    keys.rotate(NOW)
    ring = keys.ring_for(["2026-03", "2026-04"], NOW)
    assert ring.months() == ["2026-02", "2026-03", "2026-04"]
    again = keys.ring_for(["2026-03"], NOW)
    assert again.key("2026-03") == ring.key("2026-03")
    assert keys.ring_for(["2025-10", "2025-11"], NOW).months() == ["2025-10", "2025-11"]
    assert keys.ring_for(["2025-09", "2028-01"], NOW).months() == []


def test_a_retention_too_short_to_match_over_a_months_end_is_refused(keys):
    with pytest.raises(ValueError, match="a month at least"):
        keys.rotate(NOW, 0)


def test_no_key_stands_in_any_error_or_text_of_the_store(keys, caplog):
    caplog.set_level("DEBUG", logger="tallycast")
    keys.rotate(NOW)
    secret = items(keys._table)["2026-11"]["key"].value
    texts = [repr(keys), repr(keys.ring(["2026-11"])), caplog.text]
    with pytest.raises(ClientError) as caught:
        boto3.client("dynamodb").describe_table(TableName="nowhere")
    texts.append(str(caught.value))
    assert all(secret.hex() not in text and repr(secret) not in text for text in texts)


# ── the functions ───────────────────────────────────────────────────────────────────────────────


@contextmanager
def started(name, environment):
    """A cold start, with its use cases wired anew."""
    for wired in (desk, rotation):
        wired.cache_clear()
    with function(name, {"POWERTOOLS_SERVICE_NAME": name, **environment}) as made:
        yield made
    for wired in (desk, rotation):
        wired.cache_clear()


@pytest.fixture
def environment(stacks, room):
    sources = {
        "datacenters.csv": {"url": room.host.url("/dc.csv"), "licence": "MIT"},
        "vpns.csv": {"url": room.host.url("/vpns.csv")},
    }
    return {
        "REFERENCE_BUCKET": BUCKET,
        "REFERENCE_SOURCES": json.dumps(sources),
        "EVENT_BUS": stacks.outputs["EventBusName"],
        "IDEMPOTENCY_TABLE": stacks.outputs["IdempotencyTable"],
        "FETCH_ALLOW_LIST": room.host.address,
        "FETCH_SECONDS": "3",
    }


def test_the_function_reports_each_document_and_goes_on_after_a_bad_one(room, environment):
    room.host.put("/dc.csv", centres(10))
    room.host.put("/vpns.csv", b"nonsense")
    with started("refresh_reference", environment) as refresh:
        answer = refresh(json.loads((EVENTS / "refresh_reference/refresh.json").read_text()))
    assert [each["outcome"] for each in answer["documents"]] == ["activated", "refused"]
    counted = [line for line in refresh.emf if "reference_documents" in line]
    assert sorted(line["outcome"] for line in counted) == ["activated", "refused"]
    [refused] = [line for line in refresh.logs if line.get("outcome") == "refused"]
    assert refused["level"] == "WARNING"
    assert refused["error"].startswith("BadListError: line 1")
    assert room.kind("203.0.0.3") == "data_centre"


def test_every_sample_command_is_answered(room, environment):
    clients.s3().put_object(Bucket=BUCKET, Key="reference/inbox/datacenters.csv", Body=centres(10))
    found = {}
    with started("refresh_reference", environment) as refresh:
        for case in ("show", "put", "release", "use_unknown_version"):
            event = json.loads((EVENTS / f"refresh_reference/{case}.json").read_text())
            found[case] = refresh(event)
        found["nonsense"] = refresh({"command": "nonsense"})
    assert len(found["show"]["documents"]) == len(built_in().versions)
    assert found["put"]["outcome"] == found["release"]["outcome"] == "activated"
    assert found["use_unknown_version"]["error"]["code"] == "ReferenceMissingError"
    assert found["nonsense"]["error"]["code"] == "BadCommandError"


def test_a_damaged_pointer_fails_the_scheduled_refresh_so_that_somebody_is_told(room, environment):
    clients.s3().put_object(Bucket=BUCKET, Key=ACTIVE, Body=b"{}x")
    with (
        started("refresh_reference", environment) as refresh,
        pytest.raises(ReferenceDamagedError),
    ):
        refresh({"command": "refresh"})


def test_the_rotation_makes_keys_once_and_says_how_many(keys):
    settings = {"PRIVACY_TABLE": keys._table.name, "KEY_RETENTION_MONTHS": "13"}
    event = json.loads((EVENTS / "rotate_keys/schedule.json").read_text())
    with started("rotate_keys", settings) as rotate:
        first, second = rotate(event), rotate(event)
    assert len(first["keys_created"]) == 3
    assert second == {"keys_created": [], "keys_destroyed": []}
    assert rotate.metrics["keys_created"] == [3, 0]
    stored = [item["key"].value for item in items(keys._table).values()]
    said = rotate.output.getvalue()
    assert len(stored) == 3
    assert not any(key.hex() in said or repr(key)[2:-1] in said for key in stored)
