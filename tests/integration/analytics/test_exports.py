"""Exports: asked for, worked off whatever dies, fetched by our own link; exact to the row."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import boto3
import duckdb
import pytest

from tallycast.analytics.exports import sql
from tallycast.analytics.exports.links import link_to
from tallycast.analytics.exports.making import Making
from tallycast.analytics.exports.model import (
    ExportLinkInvalidError,
    ExportMessage,
    ExportNotFoundError,
    ExportNotReadyError,
)
from tallycast.analytics.exports.snapshot import DayChangingError, DayReader
from tallycast.analytics.exports.working import MOST_TRIES, ExportWorker
from tallycast.analytics.use_cases.export_table import connected
from tallycast.analytics.use_cases.exports import exports
from tallycast.aws import clients
from tallycast.aws.errors import ServiceUnavailableError
from tallycast.identity.audit.trail import AuditTrail
from tallycast.identity.model import Role
from tallycast.measurement.counting.days import DayStore
from tallycast.measurement.lake.store import LakeStore
from tallycast.measurement.model import RESTATEMENTS
from tallycast.measurement.rollups import writing
from tests.support.analytics import NOW, analytics_platform
from tests.support.api import a_principal
from tests.support.measurement_platform import (
    NOON,
    MeasurementPlatform,
    a_log,
    a_request,
    listeners,
)

PERIOD = {"first": "2026-11-19", "last": "2026-11-21"}
EVIL = "=HYPERLINK(1)/1.0"


@pytest.fixture(scope="module")
def counted():
    """Acme has 12 downloads on one day and 5 on the next, globex 3; some requests are dropped."""
    patch = pytest.MonkeyPatch()
    patch.setattr(writing, "THREADS", 1)
    with analytics_platform() as made:
        measured = MeasurementPlatform(made.stacks)
        measured.deliver(
            "one.csv",
            [
                *listeners(12),
                a_request(method="HEAD"),
                *listeners(5, time=NOON + timedelta(days=1)),
            ],
        )
        measured.count_due()
        measured.tenant = "globex"
        measured.take(measured.drop("two.csv", a_log(listeners(3)), prefix="logs/globex/cdn"))
        measured.count_due()
        made.measured = measured
        yield made
    patch.undo()


@pytest.fixture
def worker(counted):
    outputs = counted.stacks.outputs
    reader = DayReader(
        DayStore(counted.stacks.metrics),
        LakeStore(clients.s3(), outputs["LakeBucket"]),
        pause=lambda _: None,
    )
    return ExportWorker(
        table=counted.stacks.core,
        making=Making(reader, lambda path: connected("200MB", path)),
        s3=clients.s3(),
        bucket=outputs["ExportsBucket"],
        clock=lambda: NOW,
    )


def asked(client, **wanted):
    answer = client.post("/v1/exports", {"table": "downloads", **PERIOD, **wanted})
    assert answer.status == 202, answer.text
    assert answer.headers["location"].endswith(f"/v1/exports/{answer.json()['export_id']}")
    assert answer.json()["state"] == "queued"
    return answer.json()["export_id"]


def messages(platform):
    """What waits in the queue, taken out."""
    queue, found = platform.stacks.outputs["ExportQueueUrl"], []
    while True:
        answer = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        for each in answer.get("Messages", []):
            boto3.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
            found.append(json.loads(each["Body"]))
        if not answer.get("Messages"):
            return found


def message(export_id, tenant="acme"):
    return ExportMessage(tenant=tenant, export_id=export_id)


def fetched(platform, client, export_id, tmp_path):
    """The file of an export, fetched as a browser does; and what the API says of it."""
    shown = client.get(f"/v1/exports/{export_id}").json()
    link = shown["link"]
    assert link.startswith("https://api.example/live/v1/exports/")
    nobody = client.as_(None)
    parts = urlsplit(link)
    answer = nobody.get(f"{parts.path.removeprefix('/live')}?{parts.query}")
    assert answer.status == 302, answer.text
    target = urlsplit(answer.headers["location"])
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in target.query
    bucket, _, key = target.path.lstrip("/").partition("/")
    assert "Signature=" in target.query
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    path = Path(tmp_path) / key.rpartition("/")[2]
    path.write_bytes(body)
    return shown, path


def rows_of(path):
    with duckdb.connect() as db:
        found = db.execute(f"FROM read_parquet('{path}')")
        names = [each[0] for each in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_downloads_are_exported_to_the_row_and_fetched_without_a_credential(
    counted, worker, tmp_path
):
    messages(counted)
    export_id = asked(counted.client)
    assert messages(counted) == [{"tenant": "acme", "export_id": export_id}]
    done = worker.work(message(export_id), tries=1)
    assert (done.state, done.rows) == ("done", 17)
    shown, path = fetched(counted, counted.client, export_id, tmp_path)
    assert (shown["state"], shown["rows"], shown["bytes"]) == ("done", 17, path.stat().st_size)
    rows = rows_of(path)
    assert [str(row["day"]) for row in rows] == ["2026-11-20"] * 12 + ["2026-11-21"] * 5
    assert not {"ip_hash", "ip_hash_previous", "ip_key"} & set(rows[0])


def test_a_listener_is_the_same_within_an_export_and_another_in_the_next(counted, worker, tmp_path):
    first, second = asked(counted.client), asked(counted.client)
    assert first != second
    names = []
    for export_id in (first, second):
        worker.work(message(export_id), tries=1)
        _, path = fetched(counted, counted.client, export_id, tmp_path)
        names.append({row["listener"] for row in rows_of(path)})
    assert [len(each) for each in names] == [12, 12]  # five of them came back on the next day
    assert not names[0] & names[1]
    in_the_lake = {row[4] for row in counted.measured.rows("downloads/")}
    assert len(in_the_lake) == 12
    assert not (names[0] | names[1]) & in_the_lake


def test_a_waterfall_adds_up_to_its_requests(counted, worker, tmp_path):
    export_id = asked(counted.client, table="waterfall")
    worker.work(message(export_id), tries=1)
    _, path = fetched(counted, counted.client, export_id, tmp_path)
    sums = {}
    for row in rows_of(path):
        sums[row["rule"]] = sums.get(row["rule"], 0) + row["requests"]
    assert sums == {"counted": 17, "method": 1}


def test_a_csv_is_compressed_and_safe_to_open(counted, worker, tmp_path):
    export_id = asked(counted.client, format="csv")
    assert worker.work(message(export_id), tries=1).rows == 17
    shown, path = fetched(counted, counted.client, export_id, tmp_path)
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
    assert len(rows) == shown["rows"] == 17
    assert rows[0]["day"] == "2026-11-20"


def test_text_that_looks_like_a_formula_is_quoted_in_a_csv(tmp_path):
    with duckdb.connect() as db:
        db.execute(sql.create("waterfall"))
        hostile = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "plain", "", None, "x=1", "'="]
        for text in hostile:
            db.execute("INSERT INTO exported VALUES ('2026-11-20', ?, 'e', 'log', 'r', -5)", [text])
        path = tmp_path / "some.csv.gz"
        db.execute(sql.copy("waterfall", "csv", str(path)))
        text = gzip.decompress(path.read_bytes()).decode()
        found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["show_id"] for row in found] == [
        "'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "plain", "", "", "x=1", "'=",
    ]  # fmt: skip
    assert {row["requests"] for row in found} == {"-5"}  # a number stays one


def test_a_tenant_never_gets_anothers_rows_or_exports(counted, worker, tmp_path):
    globex = counted.as_(Role.OWNER, tenant="globex")
    theirs = asked(globex)
    assert worker.work(message(theirs, "globex"), tries=1).rows == 3
    assert counted.client.get(f"/v1/exports/{theirs}").status == 404
    assert theirs not in [
        each["export_id"] for each in counted.client.get("/v1/exports").json()["items"]
    ]
    with pytest.raises(ExportNotFoundError):
        worker.work(message(theirs, "acme"), tries=1)
    link = globex.get(f"/v1/exports/{theirs}").json()["link"]
    parts = urlsplit(link)
    path = parts.path.removeprefix("/live")
    forged = parts.query.replace("tenant=globex", "tenant=acme")
    answer = counted.client.as_(None).get(f"{path}?{forged}")
    assert (answer.status, answer.json()["code"]) == (403, "export-link-invalid")


def test_a_message_twice_makes_one_file(counted, worker):
    export_id = asked(counted.client)
    assert worker.work(message(export_id), tries=1).again is False
    before = clients.s3().list_objects_v2(Bucket=worker.bucket, Prefix="exports/acme/")["KeyCount"]
    again = worker.work(message(export_id), tries=2)
    assert (again.state, again.again) == ("done", True)
    after = clients.s3().list_objects_v2(Bucket=worker.bucket, Prefix="exports/acme/")["KeyCount"]
    assert after == before
    assert counted.client.get(f"/v1/exports/{export_id}").json()["rows"] == 17


class KilledError(BaseException):
    """As if the machine had gone."""


@pytest.mark.parametrize("place", ["making", "storing"])
def test_a_killed_worker_leaves_nothing_that_the_next_does_not_make_good(
    counted, worker, monkeypatch, tmp_path, place
):
    export_id = asked(counted.client)
    with monkeypatch.context() as killed:

        def die(*_, **__):
            raise KilledError

        killed.setattr(*((Making, "make") if place == "making" else (ExportWorker, "_put")), die)
        with pytest.raises(KilledError):
            worker.work(message(export_id), tries=1)
    shown = counted.client.get(f"/v1/exports/{export_id}").json()
    assert (shown["state"], shown["link"]) == ("running", None)
    assert worker.work(message(export_id), tries=2).rows == 17
    shown, path = fetched(counted, counted.client, export_id, tmp_path)
    assert len(rows_of(path)) == shown["rows"] == 17


def test_an_export_whose_worker_always_dies_is_failed_in_the_end(counted, worker, monkeypatch):
    export_id = asked(counted.client)

    def die(*_, **__):
        raise KilledError

    with monkeypatch.context() as killed:
        killed.setattr(Making, "make", die)
        for tries in range(1, MOST_TRIES + 1):
            with pytest.raises(KilledError):
                worker.work(message(export_id), tries=tries)
    shown = counted.client.get(f"/v1/exports/{export_id}").json()
    assert (shown["state"], "several tries" in shown["reason"]) == ("failed", True)
    # An operator who sends the message again from the dead letters still gets the file made.
    assert worker.work(message(export_id), tries=1).rows == 17


def test_too_many_rows_fail_with_what_to_do(counted, worker):
    export_id = asked(counted.client)
    small = ExportWorker(
        worker.table, Making(worker.making.days, worker.making.connect, most_rows={"parquet": 16}),
        worker.s3, worker.bucket, worker.clock,
    )  # fmt: skip
    assert small.work(message(export_id), tries=1).state == "failed"
    shown = counted.client.get(f"/v1/exports/{export_id}").json()
    assert "shorter period" in shown["reason"]


def test_a_day_that_is_being_settled_is_not_read_half(counted, worker):
    """Objects of two counts lie side by side for a moment; the rows of both would be too many."""
    export_id = asked(counted.client)
    bucket = counted.stacks.outputs["LakeBucket"]
    prefix = "downloads/tenant=acme/rules=iab-2.3/dt=2026-11-20/"
    stray = f"{prefix}00-of-02.parquet"
    copied = {"Bucket": bucket, "Key": f"{prefix}00-of-01.parquet"}
    clients.s3().copy_object(Bucket=bucket, Key=stray, CopySource=copied)
    try:
        with pytest.raises(DayChangingError):
            worker.work(message(export_id), tries=1)
    finally:
        clients.s3().delete_object(Bucket=bucket, Key=stray)
    assert worker.work(message(export_id), tries=2).rows == 17


def test_a_queue_that_refuses_costs_another_try_and_no_second_export(counted, worker, monkeypatch):
    messages(counted)
    body = {"table": "downloads", **PERIOD}
    service = exports()
    real = service.sqs.send_message

    def refuse(**_):
        raise ServiceUnavailableError("the queue does not answer")

    object.__setattr__(
        service, "sqs", type("Refusing", (), {"send_message": staticmethod(refuse)})()
    )
    before = len(counted.client.get("/v1/exports?limit=100").json()["items"])
    assert counted.client.post("/v1/exports", body, key="the-same").status == 503
    object.__setattr__(service, "sqs", type("Real", (), {"send_message": staticmethod(real)})())
    again = counted.client.post("/v1/exports", body, key="the-same")
    assert again.status == 202
    assert messages(counted) == [{"tenant": "acme", "export_id": again.json()["export_id"]}]
    assert len(counted.client.get("/v1/exports?limit=100").json()["items"]) == before + 1
    worker.work(message(again.json()["export_id"]), tries=1)


def test_asking_stands_in_the_audit_log(counted, worker):
    export_id = asked(counted.client)
    deed = AuditTrail(counted.stacks.core).head("acme").deed
    assert (deed.action, deed.target, deed.actor) == ("export.create", export_id, "usr_owner")
    worker.work(message(export_id), tries=1)


def test_a_link_that_was_changed_or_has_expired_opens_nothing(counted, worker):
    export_id = asked(counted.client)
    worker.work(message(export_id), tries=1)
    parts = urlsplit(counted.client.get(f"/v1/exports/{export_id}").json()["link"])
    path, query = parts.path.removeprefix("/live"), parts.query
    nobody = counted.client.as_(None)
    assert nobody.get(f"{path}?{query}").status == 302
    other = asked(counted.client)
    worker.work(message(other), tries=1)
    for forged in (
        f"{path}?{query[:-1]}",
        f"{path}?{query.replace('expires=1', 'expires=2')}",
        f"{path.replace(export_id, other)}?{query}",
        f"{path.replace(export_id, 'exp_unknown')}?{query}",
        f"{path}?{query.replace('tenant=acme', 'tenant=A%23B')}",
    ):
        answer = nobody.get(forged)
        assert (answer.status, answer.json()["code"]) == (403, "export-link-invalid"), forged
    assert nobody.get(path).status == 422
    told = dict(parse_qsl(query))
    opened = {"expires": int(told["expires"]), "signature": told["signature"]}
    late = NOW + timedelta(minutes=15)
    with pytest.raises(ExportLinkInvalidError):
        exports().file_url("acme", export_id, **opened, now=late)
    assert exports().file_url("acme", export_id, **opened, now=late - timedelta(seconds=1))


def test_a_file_that_has_been_deleted_is_not_promised(counted, worker):
    export_id = asked(counted.client)
    worker.work(message(export_id), tries=1)
    later = NOW + timedelta(days=7)
    key = exports().get(a_principal(), export_id).document.link_key
    told = dict(parse_qsl(urlsplit(link_to("acme", export_id, key, later)).query))
    with pytest.raises(ExportNotReadyError):
        exports().file_url(
            "acme",
            export_id,
            expires=int(told["expires"]),
            signature=told["signature"],
            now=later,
        )


def test_a_partner_sees_its_own_exports_alone(counted, worker):
    ours = asked(counted.client)
    worker.work(message(ours), tries=1)
    partner = counted.partner
    assert partner.get(f"/v1/exports/{ours}").status == 404
    theirs = asked(partner)
    assert [each["export_id"] for each in partner.get("/v1/exports").json()["items"]] == [theirs]
    assert counted.client.get(f"/v1/exports/{theirs}").status == 200
    worker.work(message(theirs), tries=1)


def test_what_makes_no_sense_is_refused(counted):
    post = counted.client.post
    assert post("/v1/exports", {"table": "requests", **PERIOD}).status == 422
    assert post("/v1/exports", {"table": "downloads", **PERIOD, "tenant": "globex"}).status == 422
    backwards = {"first": "2026-11-21", "last": "2026-11-19"}
    answer = post("/v1/exports", {"table": "downloads", **backwards})
    assert (answer.status, answer.json()["code"]) == (422, "period-invalid")
    answer = post("/v1/exports", {"table": "downloads", **PERIOD, "rules": "nobodys"})
    assert (answer.status, answer.json()["code"]) == (422, "unknown-rules")
    answer = post("/v1/exports", {"table": "downloads", **PERIOD, "show_id": "show_none"})
    assert answer.status == 404
    assert (
        counted.as_(Role.SPONSOR, sponsor_id="spo_1")
        .post("/v1/exports", {"table": "downloads", **PERIOD})
        .status
        == 403
    )


def test_at_most_ten_wait_at_a_time(counted, worker):
    umbrella = counted.as_(Role.OWNER, tenant="umbrella")
    body = {"table": "downloads", **PERIOD}
    assert [umbrella.post("/v1/exports", body).status for _ in range(11)] == [202] * 10 + [409]
    first = umbrella.get("/v1/exports").json()["items"][0]["export_id"]
    assert worker.work(message(first, "umbrella"), tries=1).rows == 0  # nothing was counted there
    assert umbrella.post("/v1/exports", body).status == 202


def test_restatements_are_exported_by_the_day_they_were_made_and_only_those_asked_for(
    counted, worker, tmp_path
):
    rows = [
        ("2026-11-20 03:00:00", "iab-2.3", "show_1", "ep_1", 5, 6, "late data", "late data"),
        ("2026-11-20 03:00:00", "op3", "show_1", "ep_1", 7, 8, "late data", "late data"),
        ("2026-11-20 04:00:00", "iab-2.3", "show_2", "ep_2", 1, 2, "other", "other"),
    ]
    path = tmp_path / "restated.parquet"
    columns = ", ".join(f"{name} {kind}" for name, kind in RESTATEMENTS.items())
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE restated ({columns})")
        db.executemany("INSERT INTO restated VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.execute(f"COPY restated TO '{path}' (FORMAT parquet)")
    for day in ("2026-11-18", "2026-11-20"):  # the first is before the period
        worker.making.days.lake.put(path, f"restatements/tenant=acme/dt={day}/run.parquet")
    counted.add_show()
    expected = {"show_1": [6], None: [6, 2]}
    for show_id, news in expected.items():
        export_id = asked(counted.client, table="restatements", show_id=show_id)
        assert worker.work(message(export_id), tries=1).rows == len(news)
        _, file = fetched(counted, counted.client, export_id, tmp_path)
        assert [row["new_downloads"] for row in rows_of(file)] == news
        assert {str(row["day"]) for row in rows_of(file)} == {"2026-11-20"}
