"""Seals: a digest for every day that is over, whatever stops a run, and every kind of tampering found."""

import contextlib
import dataclasses
import json
from datetime import timedelta
from unittest.mock import patch

import boto3
import pytest
from click.testing import CliRunner

from tallycast.cli.audit import audit as audit_command
from tallycast.identity.audit.chain import GENESIS
from tallycast.identity.audit.digest import Digest, sha256
from tallycast.identity.audit.sealed import SealConflictError, SealStore
from tallycast.identity.audit.sealing import Sealing
from tallycast.identity.audit.verification import verify
from tallycast.kernel import keys
from tests.support.audited import DAY, audit_platform
from tests.support.verified import Direct


@pytest.fixture(scope="module")
def platform():
    with audit_platform() as made:
        yield made


@pytest.fixture
def audited(platform):
    platform.wipe()
    return dataclasses.replace(platform)


def report(audited):
    return verify(audited.tenant, Direct(audited))


def found(audited):
    return [(each.kind, each.number, each.day) for each in report(audited).findings]


def digests(audited, tenant="acme"):
    store = audited.store
    return [
        Digest.model_validate_json(store.read(key)) for key in audited.objects(f"digests/{tenant}/")
    ]


def due(audited):
    return sorted(item["tenant"] for item in audited.table.scan()["Items"] if "due_at" in item)


# ── sealing ──


def test_each_day_has_a_file_and_a_digest_that_follows_the_one_before(audited):
    audited.days(3, 0, 2)
    first, second = digests(audited)
    assert (first.day.isoformat(), first.first, first.last, first.count) == ("2026-01-05", 1, 3, 3)
    assert (second.day.isoformat(), second.first, second.last) == ("2026-01-07", 4, 5)
    assert first.previous == GENESIS
    assert second.previous == sha256(audited.store.read(keys.audit_digest("acme", "2026-01-05")))
    assert second.head == audited.trail.head("acme").hash
    for digest in (first, second):
        lines = audited.store.lines(digest)
        assert lines == [audited.item(n)["entry"] for n in range(digest.first, digest.last + 1)]
        assert sha256(("\n".join(lines) + "\n").encode()) == digest.sha256
    assert due(audited) == []


def test_a_day_that_is_not_over_is_not_sealed(audited):
    audited.log(2)
    assert audited.seal().days == 0
    assert audited.objects("") == []
    audited.now += timedelta(days=1)
    audited.log(1)
    assert audited.seal().entries == 2
    assert due(audited) == ["acme"]  # for today's entry
    [item] = [i for i in audited.table.scan()["Items"] if "due_at" in i]
    assert item["due_at"] == audited.entry(3)["at"]
    audited.now += timedelta(days=1)
    assert audited.seal().entries == 1
    assert due(audited) == []


def test_sealing_again_changes_nothing(audited):
    audited.days(2, 1)
    before = audited.objects("")
    assert audited.seal().days == 0
    # Even when the table has forgotten that it was done.
    audited.table.delete_item(Key=keys.audit_seal("acme"))
    head = audited.table.get_item(Key=keys.audit_head("acme"))["Item"]
    shard = keys.due_shard_of("audit", "acme", "acme")
    audited.table.put_item(Item={**head, "due_shard": shard, "due_at": audited.entry(1)["at"]})
    assert (audited.seal().days, audited.seal().days) == (2, 0)
    assert audited.objects("") == before
    assert found(audited) == []


def test_missed_days_are_caught_up_each_with_a_digest_of_its_own(audited):
    for day in range(4):
        audited.log(2, DAY + timedelta(days=day))
    audited.now = DAY + timedelta(days=4)
    done = audited.seal()
    assert (done.days, done.entries) == (4, 8)
    assert [digest.day.day for digest in digests(audited)] == [5, 6, 7, 8]
    assert found(audited) == []


class Killed(BaseException):
    """The function is gone."""


@pytest.mark.parametrize("step", range(1, 7))
def test_a_run_that_is_killed_anywhere_is_made_up_for(audited, step):
    """Killed at each write, then more is logged, dated back into the day: the next run gets it right."""
    audited.log(3)
    audited.now = DAY + timedelta(days=1)
    writes = 0

    def killing(real):
        def write(*args, **arguments):
            nonlocal writes
            writes += 1
            if writes == step:
                raise Killed
            result = real(*args, **arguments)
            if writes == step - 3:
                raise Killed
            return result

        return write

    store, sealing = audited.store, audited.sealing
    with (
        patch.object(SealStore, "keep", killing(SealStore.keep)),
        patch.object(Sealing, "_remember", killing(Sealing._remember)),
        contextlib.suppress(Killed),
    ):
        sealing.run(lambda: 900.0)
    audited.log(2)
    audited.seal()
    audited.now += timedelta(days=1)
    audited.seal()
    made = digests(audited)
    assert sum(digest.count for digest in made) == 5
    assert made[-1].last == 5
    assert found(audited) == []
    assert store.digests("acme", limit=9)[0].versions == 1


@pytest.mark.parametrize("when", [1, 2])
def test_two_runs_at_once_seal_once(audited, when):
    """The other does all of it before this one's first or second write: the schedule may call twice."""
    audited.log(3)
    audited.now = DAY + timedelta(days=1)
    real, calls = SealStore.keep, []

    def overtaken(*args):
        calls.append(args)
        if len(calls) == when:
            assert audited.seal().days == 1
        real(*args)

    with patch.object(SealStore, "keep", overtaken):
        assert audited.seal().days == 1
    assert len(calls) == 4
    assert len(audited.objects("")) == 2
    assert due(audited) == []
    assert found(audited) == []


def test_every_tenants_log_is_sealed_and_one_that_is_broken_stops_no_other(audited):
    for tenant in ("acme", "other", "third"):
        audited.log(2, tenant=tenant)
    entry = audited.entry(2)
    audited.put(2, {**entry, "at": "2026-01-05T12:00:00.000Z"})
    audited.now = DAY + timedelta(days=1)
    done = audited.seal()
    assert (done.days, done.entries, done.failed) == (2, 4, [])
    [broken] = done.broken
    assert broken == "acme: ChainBrokenError: entry 2 is not what its hash was made of"
    assert due(audited) == ["acme"]
    assert audited.objects("digests/acme/") == []


def test_a_round_without_time_goes_on_only_when_it_got_somewhere(audited):
    for tenant in ("acme", "other"):
        audited.log(1, tenant=tenant)
    audited.now = DAY + timedelta(days=1)
    left = iter([900.0, 10.0])
    first = audited.sealing.run(lambda: next(left))
    assert (first.days, first.rest) == (1, True)
    assert audited.sealing.run(lambda: 10.0).rest is False
    assert audited.seal().days == 1


def test_a_seal_is_never_written_over(audited):
    audited.days(1)
    with pytest.raises(SealConflictError):
        audited.store.keep(keys.audit_digest("acme", "2026-01-05"), b"{}", "application/json")


# ── tampering ──


@pytest.fixture
def sealed(audited):
    """Nine entries: 1-3 and 4-7 sealed, 8 and 9 not yet."""
    audited.days(3, 4)
    audited.log(2)
    assert found(audited) == []
    return audited


def test_a_log_that_nobody_touched_holds(sealed):
    seen = report(sealed)
    assert (seen.entries, seen.last, seen.digests, seen.sealed) == (9, 9, 2, 7)


@pytest.mark.parametrize("number", [1, 5, 9])
def test_a_changed_entry_is_found(sealed, number):
    entry = sealed.entry(number)
    sealed.put(number, {**entry, "deed": entry["deed"] | {"actor": "usr_else"}})
    assert found(sealed) == [("changed", number, None)]


@pytest.mark.parametrize("number", [1, 5, 8])
def test_a_removed_entry_is_found(sealed, number):
    sealed.remove(number)
    assert found(sealed) == [("missing", number, None)]


def test_an_entry_put_in_between_is_found(sealed):
    item = sealed.item(5)
    sealed.table.put_item(Item={**item, "sk": "ENTRY#000000000005b"})
    assert found(sealed) == [("inserted", 5, None)]


def test_an_entry_put_at_the_end_is_found(sealed):
    entry = sealed.entry(9)
    sealed.put(10, {**entry, "number": 10})
    assert found(sealed) == [("head", 9, None), ("changed", 10, None)] or {
        kind for kind, *_ in found(sealed)
    } == {"changed", "head"}


def test_reordered_entries_are_found(sealed):
    five, six = sealed.entry(5), sealed.entry(6)
    sealed.put(5, six)
    sealed.put(6, five)
    assert found(sealed) == [("reordered", 5, None), ("reordered", 6, None)]


def test_a_tail_cut_off_behind_the_last_seal_shows_at_the_head(sealed):
    sealed.remove(9)
    assert found(sealed) == [("truncated", 9, None)]


def test_a_tail_cut_off_with_its_head_shows_at_the_digest(sealed):
    for number in (6, 7, 8, 9):
        sealed.remove(number)
    sealed.put_head(sealed.entry(5))
    assert found(sealed) == [("truncated", 6, "2026-01-06")]


def test_a_log_that_was_emptied_shows_at_the_digests(sealed):
    for item in sealed.table.scan()["Items"]:
        if item["pk"] == keys.audit_log("acme"):
            sealed.table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
    assert found(sealed) == [("truncated", 1, "2026-01-06")]


@pytest.mark.parametrize(
    ("first", "day"), [(1, "2026-01-05"), (2, "2026-01-05"), (6, "2026-01-06")]
)
def test_a_chain_rewritten_with_right_hashes_shows_at_the_first_digest_it_differs_from(
    sealed, first, day
):
    sealed.rewrite(first, actor="usr_else")
    assert found(sealed)[0] == ("rewritten", first, day)
    assert {kind for kind, *_ in found(sealed)} == {"rewritten"}


def test_one_entry_rewritten_at_the_end_of_a_sealed_day_is_named(sealed):
    sealed.rewrite(7, target="cmp_else")
    assert found(sealed) == [("rewritten", 7, "2026-01-06")]


def test_a_rewritten_tail_that_is_not_sealed_yet_cannot_be_told_and_the_report_says_so(sealed):
    """Up to a day is held by the chain alone: whoever may write the table could make it anew."""
    sealed.rewrite(8, actor="usr_else")
    seen = report(sealed)
    assert (seen.findings, seen.sealed, seen.last) == ((), 7, 9)


def put(sealed, key, content):
    boto3.client("s3").put_object(Bucket=sealed.bucket, Key=key, Body=content)


def test_a_digest_put_over_the_sealed_one_is_found_and_the_oldest_holds(sealed):
    key = keys.audit_digest("acme", "2026-01-05")
    forged = json.loads(sealed.store.read(key)) | {"head": "0" * 64}
    put(sealed, key, json.dumps(forged))
    assert found(sealed) == [("digest_replaced", None, "2026-01-05")]


def test_a_deleted_digest_is_found_and_still_read(sealed):
    boto3.client("s3").delete_object(
        Bucket=sealed.bucket, Key=keys.audit_digest("acme", "2026-01-06")
    )
    assert found(sealed) == [("digest_replaced", None, "2026-01-06")]


def erase(sealed, key):
    """What the lock forbids: the object with all its versions."""
    s3 = boto3.client("s3")
    for each in s3.list_object_versions(Bucket=sealed.bucket, Prefix=key)["Versions"]:
        s3.delete_object(Bucket=sealed.bucket, Key=key, VersionId=each["VersionId"])


def test_a_digest_that_is_gone_from_the_middle_is_found(sealed):
    erase(sealed, keys.audit_digest("acme", "2026-01-05"))
    assert found(sealed) == [
        ("digest_unlinked", None, "2026-01-06"),
        ("digest_missing", None, "2026-01-06"),
    ]


def test_the_last_digest_gone_is_found(sealed):
    erase(sealed, keys.audit_digest("acme", "2026-01-06"))
    assert found(sealed) == [("digest_missing", 7, "2026-01-06")]


def test_a_digest_made_anew_is_found(sealed):
    key = keys.audit_digest("acme", "2026-01-05")
    forged = json.loads(sealed.store.read(key)) | {"count": 2}
    erase(sealed, key)
    put(sealed, key, json.dumps(forged))
    kinds = [kind for kind, *_ in found(sealed)]
    assert kinds == ["digest_changed", "digest_unlinked"]


def test_a_file_made_anew_or_gone_is_found(sealed):
    [key] = sealed.objects("entries/acme/2026-01-05/")
    erase(sealed, key)
    assert found(sealed) == [("file_changed", 1, "2026-01-05")]
    put(sealed, key, b"{}")
    assert found(sealed) == [("file_changed", 1, "2026-01-05")]


def test_what_is_no_digest_is_found(sealed):
    key = keys.audit_digest("acme", "2026-01-06")
    erase(sealed, key)
    put(sealed, key, b"\xff\x00")
    assert [kind for kind, *_ in found(sealed)] == ["digest_changed", "digest_missing"]


def test_another_tenants_log_is_not_looked_at(sealed):
    sealed.log(2, tenant="other")
    sealed.tenant = "other"
    entry = sealed.entry(1)
    sealed.put(1, {**entry, "at": "2020-01-01T00:00:00.000Z"})
    assert found(sealed)[0] == ("changed", 1, None)
    sealed.tenant = "acme"
    assert found(sealed) == []


# ── the command line ──


def run(audited, *arguments):
    class Platform:
        def run_audit(self, command):
            return json.loads(json.dumps(audited.commands.run(command)))

    with patch("tallycast.cli.platform.connect", lambda _: Platform()):
        return CliRunner().invoke(audit_command, ["verify", "--tenant", "acme", *arguments])


def test_the_command_says_that_the_log_holds(sealed):
    done = run(sealed)
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "the log of acme holds: 9 entries, sealed up to entry 7 in 2 digests",
        "the last 2 hang together, and are not sealed yet",
    ]


def test_the_command_says_exactly_what_is_wrong_and_ends_with_3(sealed):
    sealed.rewrite(6, actor="usr_else")
    done = run(sealed)
    assert done.exit_code == 3
    assert done.output.splitlines() == [
        "rewritten        the log of 2026-01-06 from entry 6 on differs from what was sealed",
        "the log of acme does not hold (findings: 1)",
    ]
    assert json.loads(run(sealed, "--json").output)["findings"][0]["number"] == 6


def test_long_logs_are_read_in_pages(sealed):
    with (
        patch("tallycast.identity.audit.commands._ENTRIES_A_PAGE", 2),
        patch("tallycast.identity.audit.commands._DIGESTS_A_PAGE", 1),
        patch("tallycast.identity.audit.commands._LINES_A_PAGE", 1),
    ):
        assert run(sealed).exit_code == 0
        sealed.rewrite(6, actor="usr_else")
        done = run(sealed)
    assert done.exit_code == 3
    assert "from entry 6 on" in done.output


def test_an_empty_log_holds(audited):
    assert (
        run(audited).output
        == "the log of acme holds: 0 entries, sealed up to entry 0 in 0 digests\n"
    )


def test_files_that_an_auditor_kept_are_verified_without_a_platform(sealed, tmp_path):
    arguments = []
    for kind, prefix in (("--file", "entries/acme/"), ("--digest", "digests/acme/")):
        for number, key in enumerate(sealed.objects(prefix)):
            path = tmp_path / f"{kind}{number}"
            path.write_bytes(sealed.store.read(key))
            arguments += [kind, str(path)]
    assert run(sealed, *arguments).output.startswith("the log of acme holds: 7 entries")
    second = arguments[2:4] + arguments[6:8]  # a log from its middle on
    assert run(sealed, *second).exit_code == 0
    path = tmp_path / "--file1"
    path.write_text(path.read_text().replace("usr_owner", "usr_else", 1))
    done = run(sealed, *arguments)
    assert done.exit_code == 3
    assert "entry 4 is not what its hash was made of" in done.output
    assert "the file of 2026-01-06" in done.output


def test_a_file_that_is_none_is_refused_in_one_line(sealed, tmp_path):
    path = tmp_path / "digest"
    path.write_bytes(b"\xff")
    done = run(sealed, "--digest", str(path))
    assert done.exception.message.endswith("holds no digest")
