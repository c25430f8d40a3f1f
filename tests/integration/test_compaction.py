"""The ledger decides what counts, compaction moves it, and a kill at any step loses nothing."""

from datetime import date, timedelta

import duckdb
import pytest

from tallycast.aws.errors import ServiceUnavailableError
from tallycast.measurement.lake import keys
from tallycast.measurement.lake import ledger as ledger_module
from tallycast.measurement.lake.compaction import Compactor
from tallycast.measurement.lake.ledger import (
    DayExpiredError,
    FilesChangedError,
    ForeignFileError,
    Ledger,
    SourceChangedError,
)
from tallycast.measurement.lake.store import LakeStore
from tallycast.measurement.lake.upkeep import Upkeep
from tallycast.measurement.tenancy import MeasurementSettings
from tests.support.lake_platform import DAY, lake_platform

OTHER_DAY = DAY + timedelta(days=1)


class KilledError(BaseException):
    """The process ends here."""


class Mortal:
    """Another object that ends the process at its n-th call of the methods watched."""

    def __init__(self, inner, methods, dies_at, *, after=False):
        self._inner, self._methods, self._left, self._after = inner, methods, dies_at, after

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name not in self._methods:
            return found

        def call(*arguments, **named):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise KilledError
            answer = found(*arguments, **named)
            if self._left == 0:
                raise KilledError
            return answer

        return call


class MortalTable:
    """A table whose n-th transaction, or what follows it, is never reached."""

    def __init__(self, table, dies_at, *, after):
        self._table = table
        self.meta = type("Meta", (), {})()
        self.meta.client = Mortal(table.meta.client, {"transact_write_items"}, dies_at, after=after)

    def __getattr__(self, name):
        return getattr(self._table, name)


@pytest.fixture
def lake(tmp_path):
    with lake_platform(tmp_path) as made:
        yield made


def ten_files(lake, files=10):
    for number in range(files):
        lake.take_in(f"logs/{number}.gz", "v1", [(DAY, f"{number}-{row}") for row in range(3)])
    return sorted(f"{number}-{row}" for number in range(files) for row in range(3))


# ── taking in ──


def test_a_file_delivered_twice_counts_once(lake):
    lines = [(DAY, "a"), (DAY, "b"), (OTHER_DAY, "c")]
    first = lake.take_in("logs/1.gz", "v1", lines)
    assert first.days == (DAY, OTHER_DAY)
    assert lake.take_in("logs/1.gz", "v1", lines) is None
    assert lake.counted() == ["a", "b"]
    assert lake.counted(OTHER_DAY) == ["c"]


def test_a_file_delivered_twice_says_again_which_days_it_has(lake):
    lake.take_in("logs/1.gz", "v1", [(DAY, "a"), (OTHER_DAY, "c")])
    again = lake.ledger.begin("acme", "logs/1.gz")
    assert again.has('"v1"')
    assert again.days == (DAY, OTHER_DAY)


def test_a_rewritten_file_replaces_its_rows_and_leaves_the_days_it_left(lake):
    lake.take_in("logs/1.gz", "v1", [(DAY, "a"), (OTHER_DAY, "c")])
    lake.take_in("logs/2.gz", "v1", [(DAY, "z")])
    changed = lake.take_in("logs/1.gz", "v2", [(DAY, "a"), (DAY, "b")])
    assert changed.days == (DAY, OTHER_DAY)
    assert lake.counted() == ["a", "b", "z"]
    assert lake.counted(OTHER_DAY) == []
    assert len(lake.objects()) == 2


def test_a_file_rewritten_to_what_it_was_counts_as_it_was(lake):
    for etag, media in (("v1", "a"), ("v2", "b"), ("v1", "a")):
        lake.take_in("logs/1.gz", etag, [(DAY, media)])
    assert lake.counted() == ["a"]


def test_a_late_deletion_of_old_rows_cannot_meet_new_ones(lake):
    """The run that replaced v1 by v2 deletes v1's objects after the file went back to v1."""
    lake.take_in("logs/1.gz", "v1", [(DAY, "a")])
    old = lake.objects()
    lake.take_in("logs/1.gz", "v2", [(DAY, "b")])
    lake.take_in("logs/1.gz", "v1", [(DAY, "a")])
    lake.store.delete(old)
    assert lake.counted() == ["a"]


def test_a_file_without_a_row_is_known_and_not_read_again(lake):
    lake.take_in("logs/1.gz", "v1", [(DAY, "a")])
    assert lake.take_in("logs/1.gz", "v2", []).days == (DAY,)
    assert lake.counted() == []
    assert lake.take_in("logs/1.gz", "v2", []) is None


def test_who_read_an_overtaken_version_is_refused(lake):
    slow = lake.ledger.begin("acme", "logs/1.gz")
    lake.take_in("logs/1.gz", "v2", [(DAY, "new")])
    with pytest.raises(SourceChangedError):
        lake.ledger.commit(slow, "v1", [])
    assert lake.counted() == ["new"]


def test_rows_under_another_file_id_are_refused(lake):
    lake.take_in("logs/1.gz", "v1", [(DAY, "a")])
    [file] = lake.ledger.day("acme", DAY).files
    with pytest.raises(ForeignFileError):
        lake.ledger.commit(lake.ledger.begin("acme", "logs/2.gz"), "v1", [file])


def test_two_tenants_deliver_files_of_the_same_name(lake):
    lake.take_in("logs/1.gz", "v1", [(DAY, "mine")])
    lake.tenant = "other"
    lake.take_in("logs/1.gz", "v1", [(DAY, "theirs")])
    assert lake.counted() == ["theirs"]
    lake.tenant = "acme"
    assert lake.counted() == ["mine"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", [1, 2, 3])
def test_a_run_killed_while_taking_a_file_in_is_made_good_by_the_next(lake, dies_at, after):
    """Killed at each upload and at the commit, before it and after it."""
    lake.take_in("logs/1.gz", "v1", [(DAY, "old"), (OTHER_DAY, "old")])
    new = [(DAY, "a"), (OTHER_DAY, "b")]
    parts = (
        {"store": Mortal(lake.store, {"put"}, dies_at, after=after)}
        if dies_at < 3
        else {"ledger": Ledger(MortalTable(lake.table, 1, after=after))}
    )
    with pytest.raises(KilledError):
        lake.take_in("logs/1.gz", "v2", new, **parts)
    if dies_at < 3 or not after:
        assert (lake.counted(), lake.counted(OTHER_DAY)) == (["old"], ["old"])
    lake.take_in("logs/1.gz", "v2", new)
    assert (lake.counted(), lake.counted(OTHER_DAY)) == (["a"], ["b"])


# With their old entries, these days are three transactions, and one that announces them.
YEAR = [date(2026, 1, 1) + timedelta(days=number) for number in range(12)]


@pytest.fixture
def small_transactions(monkeypatch):
    monkeypatch.setattr(ledger_module, "MOST_WRITES", 8)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", [1, 2, 3, 4])
def test_a_file_of_very_many_days_counts_once_whenever_its_run_is_killed(
    lake, small_transactions, dies_at, after
):
    lake.take_in("logs/year.gz", "v1", [(day, "old") for day in YEAR])
    ledger = Ledger(MortalTable(lake.table, dies_at, after=after))
    with pytest.raises(KilledError):
        lake.take_in("logs/year.gz", "v2", [(day, "new") for day in YEAR], ledger=ledger)
    for day in YEAR[::4]:  # each day as a whole is the one or the other
        assert lake.counted(day) in (["old"], ["new"])
    # Before anybody delivers v2 again, v3 comes, which has half of the days.
    lake.take_in("logs/year.gz", "v3", [(day, "newer") for day in YEAR[:6]])
    assert [lake.counted(day) for day in YEAR[:6:2]] == [["newer"]] * 3
    assert [len(lake.ledger.day("acme", day).files) for day in YEAR] == [1] * 6 + [0] * 6


# ── compaction ──


def test_small_files_become_one_and_every_row_counts_once(lake):
    rows = ten_files(lake)
    before = lake.ledger.day("acme", DAY).digest
    made = lake.compactor.compact("acme", DAY, lake.now)
    assert (made.objects_before, made.objects_written, made.rows, made.orphans) == (10, 1, 30, 10)
    assert lake.counted() == rows
    assert len(lake.objects()) == 1
    assert lake.ledger.day("acme", DAY).digest == before  # nothing that would have to be recounted


def test_a_compacted_day_is_left_alone(lake):
    ten_files(lake)
    lake.compactor.compact("acme", DAY, lake.now)
    kept = lake.objects()
    made = lake.compactor.compact("acme", DAY, lake.now)
    assert (made.objects_written, made.orphans, lake.objects()) == (0, 0, kept)


def test_a_compacted_object_is_sorted_by_address_for_shards_to_skip(lake, tmp_path):
    ten_files(lake)
    lake.compactor.compact("acme", DAY, lake.now)
    [path] = lake.store.fetch(lake.objects(), tmp_path / "look").values()
    hashes = [h for (h,) in duckdb.read_parquet(str(path)).project("ip_hash").fetchall()]
    assert hashes == sorted(hashes)
    described = duckdb.execute("SELECT compression FROM parquet_metadata(?)", [str(path)])
    assert {codec for (codec,) in described.fetchall()} == {"SNAPPY"}


def test_a_file_rewritten_after_compaction_counts_in_its_new_version_only(lake):
    ten_files(lake)
    lake.compactor.compact("acme", DAY, lake.now)
    lake.take_in("logs/3.gz", "v2", [(DAY, "3-new")])
    expected = [f"{n}-{row}" for n in range(10) if n != 3 for row in range(3)]
    expected.append("3-new")
    assert lake.counted() == sorted(expected)
    made = lake.compactor.compact("acme", DAY, lake.now)
    assert made.rows == 28
    assert lake.counted() == sorted(expected)
    assert len(lake.objects()) == 1


def test_stale_rows_alone_are_reason_enough_to_compact(lake):
    ten_files(lake)
    lake.compactor.compact("acme", DAY, lake.now)
    lake.take_in("logs/3.gz", "v2", [(OTHER_DAY, "moved")])
    assert len(lake.counted()) == 27
    assert lake.compactor.compact("acme", DAY, lake.now).rows == 27
    assert len(lake.counted()) == 27


def test_a_file_rewritten_during_compaction_wins(lake):
    ten_files(lake)

    class Rewriting(LakeStore):
        """A store through which another run rewrites a file once."""

        def put(self, path, key):
            stored = super().put(path, key)
            if not self.done:
                self.done = True
                lake.take_in("logs/3.gz", "v2", [(DAY, "3-new")])
            return stored

    store = Rewriting(lake.store._client, lake.bucket)
    store.done = False
    Compactor(lake.ledger, store, "200MB").compact("acme", DAY, lake.now)
    assert lake.counted() == sorted(
        [f"{n}-{row}" for n in range(10) if n != 3 for row in range(3)] + ["3-new"]
    )


def test_files_that_never_rest_are_left_for_another_night(lake):
    rows = ten_files(lake, 3)

    class NeverMoving(Ledger):
        def move(self, *arguments):
            raise FilesChangedError("again")

    with pytest.raises(FilesChangedError):
        Compactor(NeverMoving(lake.table), lake.store, "200MB").compact("acme", DAY, lake.now)
    assert lake.counted() == rows


def test_a_day_of_more_files_than_a_transaction_holds_counts_once_in_between(
    lake, small_transactions
):
    rows = ten_files(lake, 12)
    ledger = Ledger(MortalTable(lake.table, 2, after=False))
    with pytest.raises(KilledError):
        Compactor(ledger, lake.store, "200MB").compact("acme", DAY, lake.now)
    assert len(lake.ledger.day("acme", DAY).objects) == 5  # 8 moved, 4 did not
    assert lake.counted() == rows
    lake.compactor.compact("acme", DAY, lake.now)
    assert lake.counted() == rows
    assert len(lake.ledger.day("acme", DAY).objects) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["fetch", "put", "delete"])
def test_compaction_killed_at_any_step_loses_and_doubles_nothing(lake, method, after):
    rows = ten_files(lake)
    store = Mortal(lake.store, {method}, 1, after=after)
    with pytest.raises(KilledError):
        Compactor(lake.ledger, store, "200MB").compact("acme", DAY, lake.now)
    assert lake.counted() == rows
    lake.age_objects(days=2)
    lake.compactor.compact("acme", DAY, lake.now)
    assert lake.counted() == rows
    assert len(lake.objects()) == 1


def test_an_upload_that_may_still_be_committed_is_not_swept(lake):
    ten_files(lake)
    source = lake.ledger.begin("acme", "logs/late.gz")
    key = keys.requests_object("acme", DAY, source.id_of("v1"))
    lake.store.put(uncommitted(lake), key)
    lake.compactor.compact("acme", DAY, lake.now)
    assert key in lake.objects()
    lake.age_objects(days=2)
    assert lake.compactor.compact("acme", DAY, lake.now).orphans == 1
    assert key not in lake.objects()


def uncommitted(lake):
    path = lake.folder / "late.parquet"
    path.write_bytes(b"not committed")
    return path


def test_a_reader_whose_objects_are_compacted_away_reads_the_ledger_again(lake):
    rows = ten_files(lake)

    class Slow(Ledger):
        """The ledger as a reader knows it who is overtaken by a compaction."""

        asked = 0

        def day(self, tenant, day):
            found = super().day(tenant, day)
            self.asked += 1
            if self.asked == 1:
                lake.compactor.compact(tenant, day, lake.now)
            return found

    slow = Slow(lake.table)
    assert lake.counted(ledger=slow) == rows
    assert slow.asked == 2


def test_objects_of_half_the_size_stay_and_groups_are_not_larger_than_the_target(lake):
    ten_files(lake)
    size = lake.ledger.day("acme", DAY).files[0].object_bytes
    four_each = Compactor(lake.ledger, lake.store, "200MB", target_bytes=size * 4)
    assert four_each.compact("acme", DAY, lake.now).objects_written == 3
    assert len(lake.counted()) == 30


# ── retention ──


def test_retention_deletes_whole_days_of_requests_and_quarantine_and_nothing_else(lake):
    for days in (1, 9, 10, 11, 40):
        day = lake.now.date() - timedelta(days=days)
        lake.take_in(f"logs/{days}.gz", "v1", [(day, f"{days}")])
        path = lake.folder / "bad.parquet"
        path.write_bytes(b"lines")
        lake.store.put(path, f"{keys.folder('quarantine', 'acme', day=day)}bad.parquet")
        lake.store.put(path, f"{keys.folder('downloads', 'acme', rules='op3', day=day)}d.parquet")
    deleted = lake.retention.apply("acme", lake.now.date(), requests_days=10, quarantine_days=30)
    assert deleted == {"requests": 2, "quarantine": 1}
    assert [keys.day_of(key) for key in lake.objects("requests/")] == [
        "2026-11-12", "2026-11-13", "2026-11-21",
    ]  # fmt: skip
    assert (len(lake.objects("quarantine/")), len(lake.objects("downloads/"))) == (4, 5)


def test_a_deleted_day_can_neither_be_counted_nor_added_to(lake):
    lake.take_in("logs/1.gz", "v1", [(DAY, "a")])
    lake.retention.apply("acme", lake.now.date(), requests_days=5, quarantine_days=0)
    with pytest.raises(DayExpiredError):
        lake.counted()
    with pytest.raises(DayExpiredError):
        lake.take_in("logs/2.gz", "v1", [(DAY, "b")])
    # A longer retention later does not bring back what is gone.
    lake.retention.apply("acme", lake.now.date(), requests_days=400, quarantine_days=0)
    with pytest.raises(DayExpiredError):
        lake.counted()


def test_a_tenant_that_keeps_for_ever_loses_nothing(lake):
    lake.take_in("logs/1.gz", "v1", [(date(2011, 1, 1), "a")])
    lake.retention.apply("acme", lake.now.date(), requests_days=0, quarantine_days=0)
    assert lake.counted(date(2011, 1, 1)) == ["a"]


def test_retention_killed_between_its_steps_is_finished_by_the_next_run(lake):
    lake.take_in("logs/1.gz", "v1", [(DAY, "a")])
    mortal = type(lake.retention)(lake.ledger, Mortal(lake.store, {"delete"}, 1))
    with pytest.raises(KilledError):
        mortal.apply("acme", lake.now.date(), requests_days=5, quarantine_days=0)
    assert lake.ledger.entries("acme", DAY).files == ()
    assert len(lake.objects()) == 1
    lake.retention.apply("acme", lake.now.date(), requests_days=5, quarantine_days=0)
    assert lake.objects() == []


# ── the nightly round ──


class Kept:
    """Settings of tenants who all keep requests for so many days."""

    def __init__(self, days):
        self.days = days

    def get(self, tenant):
        return MeasurementSettings(keep_requests_days=self.days, keep_quarantine_days=0)


def a_round(lake, compactor=None, keep=400):
    return Upkeep(
        compactor=compactor or lake.compactor,
        retention=lake.retention,
        store=lake.store,
        settings=Kept(keep),
        clock=lambda: lake.now,
        after_days=3,
        look_back_days=30,
    )


def days_of_two_tenants(lake):
    """Days of 2, 3, 10, 33 and 34 days ago, two files each."""
    for tenant in ("acme", "other"):
        lake.tenant = tenant
        for age in (2, 3, 10, 33, 34):
            day = lake.now.date() - timedelta(days=age)
            for number in range(2):
                lake.take_in(f"logs/{age}-{number}.gz", "v1", [(day, f"{number}")])


def test_a_round_compacts_days_old_enough_and_not_too_old_of_every_tenant(lake):
    days_of_two_tenants(lake)
    done = a_round(lake).run(lambda: 900.0)
    assert (done.days, done.compacted, done.objects_written, done.rest) == (6, 6, 6, None)
    left = dict.fromkeys((2, 3, 10, 33, 34), 0)
    for key in lake.objects():
        left[(lake.now.date() - date.fromisoformat(keys.day_of(key))).days] += 1
    assert left == {2: 4, 3: 2, 10: 2, 33: 2, 34: 4}


def test_a_round_that_runs_short_of_time_goes_on_where_it_was(lake):
    days_of_two_tenants(lake)
    steps, place, compacted = 0, None, 0
    while steps == 0 or place is not None:
        done = a_round(lake).run(lambda: 1.0, place)  # time for one step each
        place, compacted, steps = done.rest, compacted + done.compacted, steps + 1
    assert (compacted, steps) == (6, 8)


def test_a_day_that_cannot_be_compacted_does_not_stop_the_others(lake):
    days_of_two_tenants(lake)

    class Failing(Compactor):
        def compact(self, tenant, day, now):
            if tenant == "acme":
                raise FilesChangedError("again and again")
            return super().compact(tenant, day, now)

    done = a_round(lake, Failing(lake.ledger, lake.store, "200MB")).run(lambda: 900.0)
    assert done.compacted == 3
    assert len(done.failed) == 3
    assert all("acme" in what and "FilesChangedError" in what for what in done.failed)


def test_a_round_deletes_what_tenants_no_longer_keep(lake):
    days_of_two_tenants(lake)
    done = a_round(lake, keep=5).run(lambda: 900.0)
    assert (done.expired, done.compacted) == (6, 2)
    ages = {(lake.now.date() - date.fromisoformat(keys.day_of(key))).days for key in lake.objects()}
    assert ages == {2, 3}


def test_one_day_is_compacted_when_somebody_asks(lake):
    days_of_two_tenants(lake)
    day = lake.now.date() - timedelta(days=34)
    assert a_round(lake).one("acme", day).objects_written == 1


def test_objects_that_s3_keeps_are_told(lake, monkeypatch):
    refusal = {"Errors": [{"Key": "k", "Code": "InternalError", "Message": "try again"}]}
    monkeypatch.setattr(lake.store._client, "delete_objects", lambda **_: refusal)
    with pytest.raises(ServiceUnavailableError, match="InternalError"):
        lake.store.delete(["k"])


def test_replacing_a_folder_leaves_only_what_was_given(lake):
    folder = keys.folder("downloads", "acme", rules="iab-2.3", day=DAY)
    path = lake.folder / "part.parquet"
    path.write_bytes(b"rows")
    one, two = (keys.result_object("downloads", "acme", "iab-2.3", DAY, p) for p in ("0", "1"))
    lake.store.replace(folder, [(one, path), (two, path)])
    lake.store.replace(folder, [(one, path)])
    assert lake.objects(folder) == [one]
