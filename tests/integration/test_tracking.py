"""Show keys, the redirect and the replay on tables, logs and buckets of moto."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import duckdb
import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from infra.local.bridge.log_subscriptions import Target, envelope
from tallycast.kernel.errors import RetryableError
from tallycast.measurement.intake.mail import by_tenant
from tallycast.measurement.logs.enrichment import Enrichment, pseudonyms_under
from tallycast.measurement.logs.model import Limits, LogFormat, LogSource
from tallycast.measurement.logs.reading import read_log
from tallycast.measurement.model import REQUESTS
from tallycast.measurement.privacy import KeyRing
from tallycast.measurement.tracking import keys
from tallycast.measurement.tracking import registry as registry_module
from tallycast.measurement.tracking.dynamodb import Credentials, ItemReader, TableUnreadableError
from tallycast.measurement.tracking.learning import EpisodeEvent, Learner
from tallycast.measurement.tracking.registry import (
    NotAHostError,
    ShowNotTrackedError,
    TooManyHostsError,
    TooManyShowKeysError,
    TrackingRegistry,
    UnknownShowKeyError,
)
from tallycast.measurement.tracking.replay import (
    SLICE,
    LogGoneError,
    Replay,
    Replayer,
)
from tallycast.measurement.tracking.use_cases.track import redirect_with
from tests.support.stacks import aws_stacks
from tests.unit.measurement.tracking.builders import an_event

BASE = "https://track.example"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class _DynamoDb(BaseHTTPRequestHandler):
    """DynamoDB's wire in front of moto, which mends boto3 alone and not our own reader."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        assert self.headers["x-amz-target"] == "DynamoDB_20120810.BatchGetItem"
        assert self.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=testing/")
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            answer = boto3.client("dynamodb").batch_get_item(**asked)
            del answer["ResponseMetadata"]
            status = 200
        except ClientError as error:
            answer = {"__type": f"com.amazonaws#{error.response['Error']['Code']}"}
            status = 400
        body = json.dumps(answer, default=lambda raw: base64.b64encode(raw).decode()).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    running = ThreadingHTTPServer(("127.0.0.1", 0), _DynamoDb)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.fixture
def stacks():
    with aws_stacks() as made:
        yield made


@pytest.fixture
def core(stacks):
    return stacks.core


@pytest.fixture
def registry(core):
    return TrackingRegistry(core, lambda: NOON)


@pytest.fixture
def privacy(stacks):
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="privacy",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    for month in ("2026-10", "2026-11", "2026-12"):
        client.put_item(
            TableName="privacy", Item={"id": {"S": month}, "key": {"B": month.encode().ljust(32)}}
        )


class Listener:
    """Asks as the function's URL would, each time in a container of its own."""

    def __init__(self, core, server, capsys):
        self.environment = {
            "CORE_TABLE": core.name,
            "PRIVACY_TABLE": "privacy",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": server,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }
        self.capsys = capsys

    def ask(self, url, **more):
        self.capsys.readouterr()
        path, _, query = url.removeprefix(BASE).partition("?")
        answer = redirect_with(self.environment).answer(an_event(path, query, **more))
        lines = [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]
        return answer, lines


@pytest.fixture
def listener(core, privacy, server, capsys):
    return Listener(core, server, capsys)


def status(listener, url):
    return listener.ask(url)[0]["statusCode"]


# ── show keys ──


def test_a_registered_show_is_redirected_to_the_hosts_its_episodes_name(registry, listener):
    registry.learn("acme", "show_1", ["https://dts.podtrac.com/redirect.mp3/host.example/1.mp3"])
    made = registry.register("acme", "show_1")
    assert made.hosts == ("dts.podtrac.com", "host.example")
    answer, [hit] = listener.ask(f"{BASE}/e/{made.show_key}/https/host.example/1.mp3?x=1")
    assert answer["headers"]["location"] == "https://host.example/1.mp3?x=1"
    assert (hit["tenant"], hit["show_id"], hit["ip_key"]) == ("acme", "show_1", "2026-11")
    assert status(listener, f"{BASE}/e/{made.show_key}/https/other.example/1.mp3") == 403


def test_a_host_learned_later_is_let_through_under_every_key(registry, listener):
    first, second = registry.register("acme", "show_1"), registry.register("acme", "show_1")
    registry.learn("acme", "show_1", ["https://host.example/1.mp3", "http://127.0.0.1:81/2.mp3"])
    for made in (first, second):
        assert status(listener, f"{BASE}/e/{made.show_key}/https/host.example/1.mp3") == 302
        assert status(listener, f"{BASE}/e/{made.show_key}/http/127.0.0.1:81/2.mp3") == 302
    assert registry.get("acme", "show_1").hosts == ("127.0.0.1:81", "host.example")


def test_a_key_is_long_shown_once_and_stored_as_its_hash(registry, core):
    made = registry.register("acme", "show_1")
    assert len(made.show_key) == len("shk_") + 43
    stored = json.dumps(core.scan()["Items"], default=str)
    assert made.show_key not in stored
    assert made.digest == keys.key_digest(made.show_key)
    assert registry.register("acme", "show_1").show_key != made.show_key


def test_every_item_lies_under_its_tenant_or_the_system(registry, core):
    registry.learn("acme", "show_1", ["https://host.example/1.mp3"])
    registry.register("acme", "show_1")
    registry.ban_host("evil.example")
    found = sorted((item["pk"].split("#")[:2], item["sk"]) for item in core.scan()["Items"])
    assert found == [
        (["SYSTEM", "TRACKING"], "POLICY"),
        (["SYSTEM", "TRACKINGKEY"], "KEY"),
        (["TENANT", "acme"], "TRACKING"),
    ]


def test_two_tenants_shows_share_nothing(registry, listener):
    registry.learn("acme", "show_1", ["https://host.example/1.mp3"])
    theirs = registry.register("other", "show_1")
    assert theirs.hosts == ()
    assert status(listener, f"{BASE}/e/{theirs.show_key}/https/host.example/1.mp3") == 403
    registry.disable("other", "show_1")
    assert registry.register("acme", "show_1").hosts == ("host.example",)
    assert registry.get("acme", "show_1").state == "active"


def test_a_show_has_at_most_so_many_keys(registry, monkeypatch):
    monkeypatch.setattr(registry_module, "MOST_KEYS", 2)
    registry.register("acme", "show_1")
    registry.register("acme", "show_1")
    with pytest.raises(TooManyShowKeysError):
        registry.register("acme", "show_1")
    assert len(registry.get("acme", "show_1").keys) == 2


def test_a_feed_may_name_so_many_hosts_and_no_more(registry, monkeypatch):
    monkeypatch.setattr(registry_module, "MOST_HOSTS", 2)
    registry.learn("acme", "show_1", ["https://a.example/1", "https://b.example/1"])
    with pytest.raises(TooManyHostsError):
        registry.learn("acme", "show_1", ["https://c.example/1"])
    registry.learn("acme", "show_1", ["https://a.example/2"])
    assert registry.register("acme", "show_1").hosts == ("a.example", "b.example")


def test_a_disabled_show_is_redirected_and_not_recorded_until_it_is_enabled(registry, listener):
    registry.learn("acme", "show_1", ["https://host.example/1.mp3"])
    url = f"{BASE}/e/{registry.register('acme', 'show_1').show_key}/https/host.example/1.mp3"
    registry.disable("acme", "show_1")
    answer, lines = listener.ask(url)
    assert (answer["statusCode"], lines) == (302, [])
    registry.enable("acme", "show_1")
    assert len(listener.ask(url)[1]) == 1


def test_a_banned_key_is_refused_and_a_tenant_cannot_lift_that(registry, listener):
    registry.learn("acme", "show_1", ["https://host.example/1.mp3"])
    made = registry.register("acme", "show_1")
    url = f"{BASE}/e/{made.show_key}/https/host.example/1.mp3"
    registry.ban_key(made.show_key)
    registry.disable("acme", "show_1")
    registry.enable("acme", "show_1")
    registry.rotate("acme", "show_1")
    registry.learn("acme", "show_1", ["https://new.example/1.mp3"])
    assert status(listener, url) == 403
    registry.ban_key(made.show_key, banned=False)
    assert status(listener, url) == 302


def test_a_lifted_ban_leaves_a_disabled_show_disabled(registry, listener):
    registry.learn("acme", "show_1", ["https://host.example/1.mp3"])
    made = registry.register("acme", "show_1")
    registry.disable("acme", "show_1")
    registry.ban_key(made.show_key)
    registry.ban_key(made.show_key, banned=False)
    _, lines = listener.ask(f"{BASE}/e/{made.show_key}/https/host.example/1.mp3")
    assert lines == []


def test_a_banned_host_is_refused_until_the_ban_is_lifted(registry, listener):
    registry.learn("acme", "show_1", ["https://cdn.evil.example/1.mp3"])
    made = registry.register("acme", "show_1")
    url = f"{BASE}/e/{made.show_key}/https/cdn.evil.example/1.mp3"
    registry.ban_host("Evil.example.")
    assert status(listener, url) == 403
    registry.ban_host("evil.example", banned=False)
    assert status(listener, url) == 302


@pytest.mark.parametrize("host", ["", "https://evil.example", "evil.example:80", "a b", "a/b"])
def test_only_a_host_is_banned(registry, host):
    with pytest.raises(NotAHostError):
        registry.ban_host(host)


def test_the_kill_switches(registry, listener):
    registry.learn("acme", "show_1", ["https://host.example/1.mp3"])
    url = f"{BASE}/e/{registry.register('acme', 'show_1').show_key}/https/host.example/1.mp3"
    registry.switch(recording="off")
    answer, lines = listener.ask(url)
    assert (answer["statusCode"], lines) == (302, [])
    registry.switch(redirecting="off")
    assert status(listener, url) == 503
    registry.switch(recording="on", redirecting="on")
    answer, lines = listener.ask(url)
    assert (answer["statusCode"], len(lines)) == (302, 1)


def test_a_signed_address_outlives_one_rotation_and_not_two(registry, listener):
    made = registry.register("acme", "show_1")
    url = registry.sign(
        "acme", "show_1", base=BASE, show_key=made.show_key, url="https://new.example/a b.mp3?x=1"
    )
    answer, _ = listener.ask(url)
    assert answer["headers"]["location"] == "https://new.example/a%20b.mp3?x=1"
    registry.rotate("acme", "show_1")
    assert status(listener, url) == 302
    registry.rotate("acme", "show_1")
    assert status(listener, url) == 403


def test_only_a_shows_own_key_is_signed_with(registry):
    registry.register("acme", "show_1")
    other = registry.register("acme", "show_2")
    for tenant, show in (("acme", "show_1"), ("other", "show_2")):
        with pytest.raises((UnknownShowKeyError, ShowNotTrackedError)):
            registry.sign(
                tenant, show, base=BASE, show_key=other.show_key, url="https://new.example/a"
            )


def test_what_is_not_registered_cannot_be_changed(registry):
    registry.learn("acme", "show_1", ["https://host.example/1.mp3"])
    for act in (registry.get, registry.rotate, registry.disable, registry.enable):
        with pytest.raises(ShowNotTrackedError):
            act("acme", "show_1")
    with pytest.raises(UnknownShowKeyError):
        registry.ban_key("shk_" + "a" * 43)


# ── learning ──


def an_episode_event(url, kind="EpisodePublished"):
    detail = {"tenant": "acme", "show_id": "show_1", "enclosure_url": url, "episode_id": "ep_1"}
    return EpisodeEvent.model_validate({"detail-type": kind, "detail": detail, "source": "x"})


def test_a_back_catalogue_is_learned_with_one_write_per_host(registry, core):
    learner = Learner(registry)
    fresh = [
        learner.learn(an_episode_event(f"https://h{n % 2}.example/{n}.mp3").detail)
        for n in range(50)
    ]
    assert sum(fresh) == 2
    assert registry.register("acme", "show_1").hosts == ("h0.example", "h1.example")
    assert learner.learn(an_episode_event(None, "EpisodeChanged").detail) == 0


def test_an_event_of_another_kind_is_refused():
    with pytest.raises(ValidationError):
        an_episode_event("https://a.example/1", "FeedMoved")


# ── reading the table without boto3 ──


def reader(endpoint, **more):
    return ItemReader(
        region="eu-central-1",
        endpoint=endpoint,
        credentials=Credentials("testing", "testing"),
        clock=lambda: datetime.now(UTC),
        **{"seconds": 30.0, **more},  # moto may take its time on a busy machine
    )


def test_a_reader_reads_what_there_is(core, server):
    core.put_item(Item={"pk": "a", "sk": "1", "hosts": {"x", "y"}})
    found = reader(server).read(core.name, [{"pk": "a", "sk": "1"}, {"pk": "b", "sk": "1"}])
    assert [item["pk"] for item in found] == [{"S": "a"}]
    assert sorted(found[0]["hosts"]["SS"]) == ["x", "y"]


def test_a_connection_that_was_closed_meanwhile_is_made_again(core, server):
    once = reader(server)
    once.read(core.name, [{"pk": "a", "sk": "1"}])
    assert once._connection is not None
    once._connection.sock.close()
    assert once.read(core.name, [{"pk": "a", "sk": "1"}]) == []


def test_a_table_that_refuses_is_retryable_and_says_the_errors_name_alone(core, server):
    with pytest.raises(TableUnreadableError, match="400 ResourceNotFoundException") as refused:
        reader(server).read("no-such-table", [{"pk": "a", "sk": "1"}])
    assert isinstance(refused.value, RetryableError)
    with pytest.raises(TableUnreadableError, match="does not answer"):
        reader("http://127.0.0.1:9").read(core.name, [{"pk": "a", "sk": "1"}])


# ── the replay ──

GROUP = "/tallycast/test/track-download"


def a_line(number, kind="hit", **more):
    owner = {"tenant": "acme", "show_id": "show_1"} if kind == "hit" else {}
    line = {"v": 1, "kind": kind, **owner, "request_id": f"r{number}", "url": "https://h.example/1"}
    return json.dumps(line | more, separators=(",", ":"))


class Log:
    def __init__(self):
        self.client = boto3.client("logs")
        self.client.create_log_group(logGroupName=GROUP)
        self.client.create_log_stream(logGroupName=GROUP, logStreamName="one")
        self.client.create_log_stream(logGroupName=GROUP, logStreamName="two")

    def put(self, *lines, at=NOON, stream="one"):
        self.client.put_log_events(
            logGroupName=GROUP,
            logStreamName=stream,
            logEvents=[
                {"timestamp": int(at.timestamp() * 1000) + n, "message": line}
                for n, line in enumerate(lines)
            ],
        )


@pytest.fixture
def now_is_noon(monkeypatch):
    """CloudWatch Logs takes no event older than 14 days or from the future."""
    monkeypatch.setattr("moto.logs.models.utcnow", lambda: NOON.replace(tzinfo=None))


@pytest.fixture
def log(stacks, now_is_noon):
    return Log()


@pytest.fixture
def replayer(core, log):
    boto3.client("s3").create_bucket(
        Bucket="intake", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return Replayer(log.client, boto3.client("s3"), core, GROUP, "intake")


def written():
    """Every object of the bucket: name → request ids of its hits, in order."""
    s3 = boto3.client("s3")
    found = {}
    for entry in s3.list_objects_v2(Bucket="intake").get("Contents", []):
        body = s3.get_object(Bucket="intake", Key=entry["Key"])["Body"].read()
        [envelope] = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        assert envelope["messageType"] == "DATA_MESSAGE"
        hits = [json.loads(event["message"]) for event in envelope["logEvents"]]
        assert {hit["kind"] for hit in hits} == {"hit"}
        assert all(hit["tenant"] and hit["show_id"] for hit in hits)
        found[entry["Key"]] = [hit["request_id"] for hit in hits]
    return found


def plenty():
    return 900.0


def test_hits_are_recovered_from_every_stream_and_nothing_else_is(replayer, log):
    log.put("START RequestId: x", a_line(1), '{"kind":"refused"}', a_line(2), "{not json", "END")
    log.put(a_line(3), '{"kind":"hit"', "[]", '"hit"', stream="two")
    log.put(a_line(4), at=NOON + SLICE)
    log.put(a_line(5), at=NOON + 2 * SLICE)
    asked = Replay(since=NOON, until=NOON + 2 * SLICE)
    done = replayer.run(asked, plenty)
    assert (done.done, done.hits, done.objects) == (NOON + 2 * SLICE, 4, 2)
    found = written()
    assert {key: sorted(ids) for key, ids in found.items()} == {
        "hits/replayed/2026/11/22/2026-11-22T12:00:00.000Z-0000.gz": ["r1", "r2", "r3"],
        "hits/replayed/2026/11/22/2026-11-22T12:05:00.000Z-0000.gz": ["r4"],
    }


def test_a_replay_done_twice_writes_the_same_objects(replayer, log):
    log.put(a_line(1), a_line(2))
    asked = Replay(since=NOON + timedelta(seconds=7), until=NOON + timedelta(seconds=9))
    first = replayer.run(asked, plenty)
    before = written()
    assert replayer.run(asked, plenty) == first
    assert written() == before
    assert sum(map(len, before.values())) == 2  # the range was widened to the slice


def test_a_replay_goes_on_where_its_time_ran_out(replayer, log):
    for number in range(6):
        log.put(a_line(number), at=NOON + number * SLICE)
    asked = Replay(since=NOON, until=NOON + 6 * SLICE)
    runs = 0
    while asked.done is None or asked.done < asked.until:
        left = iter([900.0, 900.0, 10.0])
        asked = replayer.run(asked, lambda left=left: next(left))
        asked = Replay.model_validate_json(asked.model_dump_json())
        runs += 1
    assert (runs, asked.hits, len(written())) == (3, 6, 6)


def test_a_busy_slice_is_read_page_by_page_and_written_in_parts(replayer, log, monkeypatch):
    monkeypatch.setattr("tallycast.measurement.tracking.replay.MOST_PER_PAGE", 7)
    monkeypatch.setattr("tallycast.measurement.tracking.replay.MOST_PER_OBJECT", 10)
    log.put(*(a_line(number) for number in range(25)))
    done = replayer.run(Replay(since=NOON, until=NOON + SLICE), plenty)
    found = written()
    assert [len(ids) for ids in found.values()] == [10, 10, 5]
    assert [each for ids in found.values() for each in ids] == [f"r{n}" for n in range(25)]
    assert (done.hits, done.objects) == (25, 3)


def test_a_log_that_gives_full_pages_and_no_token_is_read_in_halves(replayer, log, monkeypatch):
    """The local cloud's log does so."""
    monkeypatch.setattr("tallycast.measurement.tracking.replay.MOST_PER_PAGE", 4)
    for minute in range(5):
        log.put(*(a_line(3 * minute + n) for n in range(3)), at=NOON + timedelta(minutes=minute))

    class Tokenless:
        def filter_log_events(self, **asked):
            answer = log.client.filter_log_events(**asked)
            answer.pop("nextToken", None)
            return answer

    replayer = Replayer(Tokenless(), replayer.s3, replayer.table, GROUP, "intake")
    done = replayer.run(Replay(since=NOON, until=NOON + SLICE), plenty)
    assert (done.hits, list(written().values())) == (15, [[f"r{n}" for n in range(15)]])


def test_a_hit_that_could_not_be_looked_up_is_looked_up_now(replayer, log, registry):
    made = registry.register("acme", "show_1")
    log.put(
        a_line(1, "unresolved_hit", key=made.digest, user_agent="ü"),
        a_line(2, "unresolved_hit", key="0" * 64),
        a_line(3, "unresolved_hit"),
    )
    done = replayer.run(Replay(since=NOON, until=NOON + SLICE), plenty)
    assert (done.hits, done.resolved, done.unknown) == (1, 1, 1)
    assert list(written().values()) == [["r1"]]


def test_an_empty_stretch_writes_nothing(replayer):
    done = replayer.run(Replay(since=NOON, until=NOON + 3 * SLICE), plenty)
    assert (done.hits, done.objects, written()) == (0, 0, {})


def test_a_log_that_is_not_there_is_said_so(replayer, core):
    other = Replayer(replayer.logs, replayer.s3, core, "/no/such/group", "intake")
    with pytest.raises(LogGoneError, match="/no/such/group"):
        other.run(Replay(since=NOON, until=NOON + SLICE), plenty)


@pytest.mark.parametrize("until", [NOON, NOON - SLICE])
def test_a_replay_runs_forward(until):
    with pytest.raises(ValidationError, match="later than"):
        Replay(since=NOON, until=until)


# ── what intake makes of it ──


def rows_of(envelopes, folder):
    """The request rows of an object under `hits/`, by tenant, as intake reads it."""
    file = folder / "object.gz"
    file.write_bytes(envelopes)
    found = {}
    for tenant, hits in by_tenant(file, folder / "by-tenant").items():
        into = folder / tenant
        into.mkdir()
        source = LogSource(format=LogFormat.JSON, source="prefix")
        keys_of_months = pseudonyms_under(KeyRing.ephemeral())
        read = read_log(hits, source, Enrichment(keys_of_months), into, "f1", NOON, Limits())
        assert (read.account.quarantined, read.account.skipped) == (0, {})
        files = [str(path) for path in read.days.values()]
        found[tenant] = duckdb.read_parquet(files).order("line").fetchall()
    return found


def test_a_hit_becomes_a_row_with_nothing_changed(registry, listener, tmp_path):
    registry.learn("acme", "show_1", ["https://host.example/1.mp3"])
    base = f"{BASE}/e/{registry.register('acme', 'show_1').show_key}/https"
    headers = {
        "user-agent": 'Ünï "app"/1.0',
        "range": "bytes=500-999, -5",
        "referer": "https://page.example/?q=1",
        "x-playback-session-id": "S-1",
    }
    _, [line] = listener.ask(
        f"{base}/host.example/my%20show%2F1.mp3?x=1", method="HEAD", headers=headers
    )
    target = Target("123456789012", "eu-central-1", "hits", GROUP, "hits")
    event = {"timestamp": line["time"], "message": json.dumps(line, separators=(",", ":"))}
    [row] = rows_of(envelope(target, "one", [event]), tmp_path)["acme"]
    assert dict(zip(REQUESTS, row, strict=True)) == {
        **dict.fromkeys(REQUESTS),
        "time": datetime.fromisoformat(line["time"]).replace(tzinfo=None),
        "source": "prefix",
        "file_id": "f1",
        "line": 1,
        "request_id": line["request_id"],
        "show_id": "show_1",
        "media": "host.example/my%20show%2F1.mp3",
        "part": "",
        "method": "HEAD",
        "status": 302,
        "range_start": 500,
        "range_end": 999,
        "more_ranges": "-5",
        "ip_key": "2026-11",
        "ip_hash": line["ip_hash"],
        "ip_hash_previous": line["ip_hash_previous"],
        "user_agent": 'Ünï "app"/1.0',
        "referrer": "https://page.example/?q=1",
        "session": "S-1",
    }


def test_a_replayed_hit_is_read_like_one_that_the_stream_brought(replayer, log, registry, tmp_path):
    made = registry.register("acme", "show_1")
    known = {"time": "2026-11-22T12:00:00.000Z", "ip_key": "2026-11", "ip_hash": "a" * 32}
    log.put(a_line(1, **known), a_line(2, "unresolved_hit", key=made.digest, **known))
    replayer.run(Replay(since=NOON, until=NOON + SLICE), plenty)
    [entry] = boto3.client("s3").list_objects_v2(Bucket="intake")["Contents"]
    body = boto3.client("s3").get_object(Bucket="intake", Key=entry["Key"])["Body"].read()
    found = rows_of(body, tmp_path)
    place = list(REQUESTS).index("request_id")
    assert {tenant: [row[place] for row in rows] for tenant, rows in found.items()} == {
        "acme": ["r1", "r2"]
    }
