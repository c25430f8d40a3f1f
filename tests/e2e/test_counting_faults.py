"""Exact counts under faults: accepted is stored + quarantined + deduplicated, verdicts are stored.

Whatever is repeated, reordered, killed or refused, every request has one verdict of one day.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.measuring import Measured, all_counted, all_taken_in, tick
from tests.e2e.tenants import at_once
from tests.support.cloud import wait_until, waiting
from tests.support.measurement_platform import a_log, a_request

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=20)
DAYS = [(NOON + timedelta(days=number)).date() for number in range(3)]
PER_DAY = 6
BAD = 2


def a_file(number: int, *, bad: int = BAD) -> tuple[bytes, int]:
    """One of many logs, over three days: six listeners a day whom no other file has; its rows."""
    rows = [
        a_request(ip=f"203.0.113.{PER_DAY * number + listener}", time=NOON + timedelta(days=back))
        for back in range(len(DAYS))
        for listener in range(PER_DAY)
    ]
    rows.append({**rows[0], "time": NOON + timedelta(minutes=number)})  # heard again
    rows.append(a_request(ip="192.0.2.1", time=NOON + timedelta(days=1), method="HEAD"))
    return a_log(rows, bad=bad), len(rows)


def assert_conserved(tenant: Measured, *, stored: int, quarantined: int, downloads: int) -> None:
    """Every account of a tenant, after the last count: nothing lost, nothing twice."""
    books = tenant.books()
    assert books.balance == 0, books
    assert tenant.stored(*DAYS) == stored
    assert len(tenant.rows("requests")) == stored
    assert len(tenant.rows("quarantine")) == quarantined
    cards = tenant.cards(DAYS[0], DAYS[-1])
    assert sum(card["requests"] for card in cards) == stored
    assert sum(sum(card["waterfall"].values()) for card in cards) == stored
    assert sum(card["downloads"] for card in cards) == downloads
    waterfall = tenant.rows("waterfall", "coalesce(sum(requests), 0)::BIGINT")
    assert waterfall == [(stored,)]
    assert tenant.rows("downloads", "count(*)") == [(downloads,)]
    told = Counter((event["day"], event["count"]) for event in tenant.told())
    states = tenant.states(DAYS[0], DAYS[-1])
    versions = {(on, n + 1) for on, state in states.items() for n in range(state["version"])}
    assert told == Counter(dict.fromkeys(versions, 1))
    assert tenant.due() == {}
    assert {state["state"] for state in states.values()} == {"final"}


def count_until_settled(tenant: Measured) -> int:
    """Tick as the schedule would, an hour apart, until nothing waits; how many ticks that took."""
    for ticks in range(1, 6):
        tenant.count_due(datetime.now(UTC) + timedelta(hours=ticks))
        if not tenant.due():
            return ticks
    raise AssertionError(f"still due: {tenant.due()}")


def kill(cloud, function: str) -> int:
    """SIGKILL every worker of a function; how many there were."""
    workers = cloud.workers(function)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    return len(workers)


def refused(cloud) -> int:
    """How many calls of functions were refused so far."""
    return cloud.refuse("nothing", 0)


# ── files that are none, which come back until they are given up ──


@pytest.fixture(scope="module")
def poisoned(brisk, new_measured):
    """Files nobody can read, strays and a notice that is none, among good files."""
    tenant = new_measured(brisk, "poisoned")
    good, rows = a_file(1)
    tenant.drop("a.csv", good)
    noise = random.Random(7).randbytes(20_000).translate(None, b"\r\n")
    tenant.drop("noise.bin", noise)
    tenant.drop("noise.csv.gz", b"\x1f\x8b\x08\x00" + noise)
    tenant.drop("empty.csv", b"")
    tenant.put(f"logs/{tenant.name}", good)
    tenant.put(f"logs/Not A Tenant/{tenant.name}/day.csv", good)
    brisk.client("sqs").send_message(
        QueueUrl=brisk.outputs["ArrivalsUrl"], MessageBody="this is no notice"
    )
    tenant.drop("b.csv", a_file(2)[0])
    return tenant, rows


def test_poison_delays_nothing_beside_it(poisoned):
    tenant, rows = poisoned
    tenant.books(5)
    count_until_settled(tenant)
    reasons = Counter(reason for (reason,) in tenant.rows("quarantine", "reason"))
    assert reasons == {
        "URL is not http or https": 2 * BAD,
        "format not recognised": 1,
        "file is damaged from here on: what came before is kept": 1,
    }
    assert_conserved(
        tenant, stored=2 * rows, quarantined=2 * BAD + 2, downloads=2 * PER_DAY * len(DAYS)
    )


# ── repeated, reordered ──


def test_every_file_told_of_three_times_in_any_order_counts_once(tried):
    files = 4
    keys = []
    for number in range(files):
        body, rows = a_file(number)
        keys.append(tried.drop(f"{number}.csv", body))
    tried.tell_again(keys[:1])  # while the first telling is being acted on
    tried.books(files + 1)
    tried.tell_again(keys[:0:-1])
    tried.tell_again(random.Random(3).sample(keys, len(keys)))
    books = tried.books(3 * files)
    assert (books.stored, books.quarantined) == (files * rows, files * BAD)
    assert books.deduplicated == 2 * files * rows
    all_taken_in(tried.cloud)
    count_until_settled(tried)
    assert tried.books().files == 3 * files
    assert_conserved(
        tried,
        stored=files * rows,
        quarantined=files * BAD,
        downloads=files * PER_DAY * len(DAYS),
    )


def test_two_ticks_at_once_and_one_that_comes_twice_count_once(tried):
    body, rows = a_file(1)
    tried.drop("day.csv", body)
    tried.books(1)
    at = datetime.now(UTC) + timedelta(minutes=3)
    again = [at, at, at + timedelta(seconds=1), at + timedelta(seconds=2)]
    at_once(*[lambda moment=moment: tick(tried.cloud, moment) for moment in again])
    all_counted(tried.cloud)
    count_until_settled(tried)
    assert {state["version"] for state in tried.states(DAYS[0], DAYS[-1]).values()} == {1}
    assert_conserved(tried, stored=rows, quarantined=BAD, downloads=PER_DAY * len(DAYS))


# ── killed ──


def caught_in_the_middle(tenant: Measured, body: bytes, name: str) -> bool:
    """Drop a file and kill who takes it in between its rows and the ledger; False: it was quicker."""
    cloud, there, before = tenant.cloud, len(tenant.objects("requests")), refused(tenant.cloud)
    stored = tenant.stored(*DAYS)
    try:
        tenant.drop(name, body)
        wait_until(lambda: len(tenant.objects("requests")) > there, 30, "the first rows")
        cloud.refuse("dynamodb", 60)  # held before what was put there counts
        until = time.monotonic() + 5
        while refused(cloud) == before:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        killed = kill(cloud, "IngestLog")
        # The call refused may have been another function's, and the ledger written by then.
        return killed > 0 and tenant.stored(*DAYS) == stored
    finally:
        cloud.refuse("dynamodb", 0)


def test_a_worker_killed_in_the_middle_of_a_file_loses_and_repeats_nothing(tried):
    _, rows = a_file(0)
    for number in range(8):
        body, _ = a_file(number)
        if caught_in_the_middle(tried, body, f"{number}.csv"):
            break
        tried.books(number + 1)
    else:
        pytest.fail("every file was taken in before anybody could be killed")
    files = number + 1
    tried.books(files)
    count_until_settled(tried)
    assert_conserved(
        tried,
        stored=files * rows,
        quarantined=files * BAD,
        downloads=files * PER_DAY * len(DAYS),
    )


def test_workers_killed_in_the_middle_of_a_count_lose_and_repeat_nothing(tried):
    body, rows = a_file(1)
    tried.drop("day.csv", body)
    tried.books(1)
    tick(tried.cloud)
    wait_until(lambda: opened(tried) == len(DAYS), 60, "the opened days")
    assert kill(tried.cloud, "CountDownloads")
    all_counted(tried.cloud)
    count_until_settled(tried)
    assert_conserved(tried, stored=rows, quarantined=BAD, downloads=PER_DAY * len(DAYS))


def opened(tenant: Measured) -> int:
    """How many days of a tenant have been opened for a count."""
    listed = tenant.cloud.client("s3").list_objects_v2(
        Bucket=tenant.cloud.outputs["LakeBucket"], Prefix=f"runs/{tenant.name}/"
    )
    return sum(entry["Key"].endswith("/run.json") for entry in listed.get("Contents", []))


# ── refused ──


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_a_service_that_refuses_for_a_while_loses_and_repeats_nothing(tried, service):
    files = 4
    began = refused(tried.cloud)
    tried.cloud.refuse(service, 60)
    try:
        for number in range(files):
            body, rows = a_file(number)
            tried.drop(f"{number}.csv", body)
        wait_until(lambda: refused(tried.cloud) >= began + 10, 30, f"refusals of {service}")
    finally:
        tried.cloud.refuse(service, 0)
    tried.books(files)
    tick(tried.cloud)
    began = refused(tried.cloud)
    tried.cloud.refuse(service, 60)
    try:
        wait_until(lambda: refused(tried.cloud) >= began + 10, 30, f"refusals of {service}")
    finally:
        tried.cloud.refuse(service, 0)
    all_counted(tried.cloud)
    count_until_settled(tried)
    assert_conserved(
        tried,
        stored=files * rows,
        quarantined=files * BAD,
        downloads=files * PER_DAY * len(DAYS),
    )


# ── the end ──


def test_strays_end_among_the_dead_letters_and_nothing_else_does(brisk, poisoned):
    tenant, _ = poisoned
    queue = brisk.outputs["ArrivalsDeadLettersUrl"]
    wait_until(lambda: waiting(brisk, queue) >= 3, 120, "the dead letters")
    wait_until(lambda: waiting(brisk, brisk.outputs["ArrivalsUrl"]) == 0, 60, "an empty queue")
    received = brisk.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    bodies = sorted(found["Body"] for found in received["Messages"])
    assert len(bodies) == 3
    assert "this is no notice" in bodies
    assert sum(tenant.name in body for body in bodies) == 2
    assert waiting(brisk, brisk.outputs["FailedEventsUrl"]) == 0
