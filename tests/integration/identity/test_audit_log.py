"""Writing to the log and reading it: no gaps, no forks, exactly what was asked for."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import patch

import pytest
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.aws.records import write_of
from tallycast.identity.audit.reading import AuditEntryNotFoundError, AuditLog, Question
from tallycast.identity.audit.trail import AuditTrail
from tallycast.identity.audit.verification import verify
from tallycast.kernel import keys
from tallycast.kernel.errors import ConflictError
from tests.support.audited import DAY, a_deed, audit_platform
from tests.support.verified import Direct


@pytest.fixture(scope="module")
def platform():
    with audit_platform() as made:
        yield made


@pytest.fixture
def audited(platform):
    platform.wipe()
    return dataclasses.replace(platform)


class TakenError(ConflictError):
    """Somebody has it."""


def a_write(name):
    new = Attr("pk").not_exists()
    return write_of("Put", {"Item": keys.claim("acme", "thing", name)}, new, TakenError(name))


def test_what_was_done_is_logged_or_not_done(audited):
    audited.trail.commit("acme", [a_write("one")], a_deed(1), DAY)
    with pytest.raises(TakenError):
        audited.trail.commit("acme", [a_write("one")], a_deed(2), DAY)
    assert audited.trail.head("acme").number == 1
    assert audited.trail.head("other") is None


def test_twenty_writers_at_once_make_one_chain(audited):
    table = audited.stacks.core
    trail = AuditTrail(table, pause=lambda _: threading.Event().wait(0.01))
    start = threading.Barrier(20)

    def write(number):
        start.wait()
        return trail.commit("acme", [a_write(str(number))], a_deed(number), DAY).number

    with ThreadPoolExecutor(20) as pool:
        numbers = list(pool.map(write, range(20)))
    assert sorted(numbers) == list(range(1, 21))
    report = verify("acme", Direct(audited))
    assert (report.entries, report.last, report.findings) == (20, 20, ())
    assert sorted(audited.entry(n)["deed"]["target"] for n in numbers) == sorted(
        f"cmp_{n}" for n in range(20)
    )
    claims = [i for i in table.scan()["Items"] if i["sk"] == "CLAIM"]
    assert len(claims) == 20


def cancelled(*reasons):
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": ""},
            "CancellationReasons": [{"Code": reason} for reason in reasons],
        },
        "TransactWriteItems",
    )


def test_a_transaction_that_met_another_is_tried_again(audited):
    """DynamoDB cancels one of two that touch the same item; moto runs them one after the other."""
    table = audited.stacks.core
    client = table.meta.client
    real, left = client.transact_write_items, [cancelled("None", "TransactionConflict")] * 3

    def conflicting(**arguments):
        if left:
            raise left.pop()
        return real(**arguments)

    with patch.object(client, "transact_write_items", conflicting):
        assert AuditTrail(table, pause=lambda _: None).commit("acme", [], a_deed(), DAY).number == 1
    assert left == []


def test_a_log_that_never_gets_free_is_too_busy(audited):
    table = audited.stacks.core
    paused = []

    def conflicting(**_):
        raise cancelled("TransactionConflict", "None")

    with (
        patch.object(table.meta.client, "transact_write_items", conflicting),
        pytest.raises(ServiceUnavailableError, match="too busy"),
    ):
        AuditTrail(table, pause=paused.append).commit("acme", [], a_deed(), DAY)
    assert sum(paused) < 25  # an API request ends after 29 s
    assert audited.trail.head("acme") is None


# ── reading ──


@pytest.fixture
def read(audited):
    for day, (actor, action) in enumerate(
        [("usr_a", "campaign.book"), ("usr_b", "campaign.pause"), ("usr_a", "key.create")] * 3
    ):
        deed = a_deed(day, actor=actor, action=action)
        audited.trail.commit("acme", [], deed, DAY + timedelta(days=day))
    audited.log(2, tenant="other")
    return AuditLog(audited.stacks.core)


def numbers(answer):
    return [entry.number for entry in answer.entries]


def test_entries_come_newest_first(read):
    assert numbers(read.page("acme", Question())) == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_filters_are_exact_and_go_together(read):
    assert numbers(read.page("acme", Question(actor="usr_b"))) == [8, 5, 2]
    assert numbers(read.page("acme", Question(action="campaign"))) == [8, 7, 5, 4, 2, 1]
    assert numbers(read.page("acme", Question(action="campaign.book"))) == [7, 4, 1]
    assert numbers(read.page("acme", Question(actor="usr_a", action="key.create"))) == [9, 6, 3]
    assert numbers(read.page("acme", Question(target="cmp_4"))) == [5]
    assert numbers(read.page("acme", Question(actor="usr_b", action="key"))) == []


def test_times_are_from_the_first_moment_to_before_the_last(read):
    third, sixth = DAY + timedelta(days=2), DAY + timedelta(days=5)
    assert numbers(read.page("acme", Question(since=third, until=sixth))) == [5, 4, 3]
    assert numbers(read.page("acme", Question(until=DAY))) == []
    assert numbers(read.page("acme", Question(until=DAY + timedelta(days=99)))) == [
        *range(9, 0, -1)
    ]
    assert numbers(read.page("acme", Question(since=DAY + timedelta(days=9)))) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9, 50])
def test_pages_hold_everything_once(read, limit):
    question, found, cursor = Question(action="campaign"), [], None
    while True:
        answer = read.page("acme", question, limit=limit, cursor=cursor)
        assert len(answer.entries) <= limit
        found += numbers(answer)
        cursor = answer.cursor
        if cursor is None:
            break
    assert found == [8, 7, 5, 4, 2, 1]


def test_a_rare_deed_is_found_over_several_questions(read):
    found, cursor, asked = [], None, 0
    with patch("tallycast.identity.audit.reading.MOST_LOOKED_AT", 2):
        while asked == 0 or cursor:
            answer = read.page("acme", Question(target="cmp_0"), cursor=cursor)
            found += numbers(answer)
            cursor, asked = answer.cursor, asked + 1
    assert (found, asked) == ([1], 5)


def test_one_entry_is_the_tenants_own(read):
    assert read.get("acme", 9).deed.target == "cmp_8"
    with pytest.raises(AuditEntryNotFoundError):
        read.get("other", 9)
    with pytest.raises(AuditEntryNotFoundError):
        read.get("acme", 0)
