"""Things with versions: written over what was read, unique where they must be, listed in pages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallycast.aws import records
from tallycast.aws.records import (
    LOOKUP,
    AlreadyExistsError,
    ChangedMeanwhileError,
    Kind,
    Records,
    claim,
    commit,
    owner_of,
    release,
)
from tallycast.kernel.errors import ConflictError, NotFoundError
from tallycast.kernel.schema import Produced
from tests.support.stacks import aws_stacks

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Boat(Produced):
    name: str
    harbour: str = "kiel"
    length: int = 7


class BoatNotFoundError(NotFoundError):
    """There is no such boat."""


class NameTakenError(ConflictError):
    """Another boat is called so."""


BOAT = Kind(
    "boat",
    Boat,
    missing=BoatNotFoundError,
    within=lambda boat: ("HARBOUR", boat.harbour),
    found_by=lambda boat: ("LENGTH", str(boat.length)),
)


@pytest.fixture(scope="module")
def core():
    with aws_stacks() as stacks:
        yield stacks.core


@pytest.fixture
def boats(core):
    return Records(core, BOAT)


def named(tenant, name, owner):
    return claim(tenant, "boat name", name, owner=owner, refused=NameTakenError(f"{name} is taken"))


def test_a_thing_comes_back_as_it_was_written(boats):
    boats.put(boats.creation("t1", "boat_1", Boat(name="Ada"), NOW))
    found = boats.get("t1", "boat_1")
    assert (found.document, found.version) == (Boat(name="Ada"), 1)
    assert found.created_at == found.changed_at == NOW


def test_another_tenant_does_not_find_it(boats):
    boats.put(boats.creation("t2", "boat_1", Boat(name="Ada"), NOW))
    with pytest.raises(BoatNotFoundError):
        boats.get("t3", "boat_1")
    assert boats.many("t3", ["boat_1"]) == {}
    assert boats.page("t3", within=("HARBOUR", "kiel")).items == ()


def test_an_id_is_used_once(boats):
    boats.put(boats.creation("t4", "boat_1", Boat(name="Ada"), NOW))
    with pytest.raises(AlreadyExistsError):
        boats.put(boats.creation("t4", "boat_1", Boat(name="Bea"), NOW))
    assert boats.get("t4", "boat_1").document.name == "Ada"


def test_of_two_writers_one_is_told_that_it_was_changed(boats):
    boats.put(boats.creation("t5", "boat_1", Boat(name="Ada"), NOW))
    read = boats.get("t5", "boat_1")
    later = NOW + timedelta(hours=1)
    boats.put(boats.replacement(read, Boat(name="Bea"), later))
    with pytest.raises(ChangedMeanwhileError):
        boats.put(boats.replacement(read, Boat(name="Cid"), later))
    found = boats.get("t5", "boat_1")
    assert (found.document.name, found.version) == ("Bea", 2)
    assert (found.created_at, found.changed_at) == (NOW, later)


def test_a_thing_is_removed_only_as_it_was_read(boats):
    boats.put(boats.creation("t6", "boat_1", Boat(name="Ada"), NOW))
    read = boats.get("t6", "boat_1")
    boats.put(boats.replacement(read, Boat(name="Bea"), NOW))
    with pytest.raises(ChangedMeanwhileError):
        boats.put(boats.removal(read))
    boats.put(boats.removal(boats.get("t6", "boat_1")))
    assert boats.find("t6", "boat_1") is None


def test_of_many_who_want_one_name_one_gets_it_and_the_others_write_nothing(core, boats):
    def wanted(number):
        owner = f"boat_{number:02d}"
        writes = [named("t7", "Ada", owner), boats.creation("t7", owner, Boat(name="Ada"), NOW)]
        try:
            commit(core, writes)
        except NameTakenError:
            return None
        return owner

    with ThreadPoolExecutor(8) as pool:
        got = [owner for owner in pool.map(wanted, range(12)) if owner]
    assert len(got) == 1
    assert owner_of(core, "t7", "boat name", "Ada") == got[0]
    assert [boat.id for boat in boats.every("t7", within=("HARBOUR", "kiel"))] == got


def test_a_name_that_was_given_back_can_be_had(core):
    commit(core, [named("t8", "Ada", "boat_1")])
    commit(core, [release("t8", "boat name", "Ada", owner="boat_1")])
    commit(core, [named("t8", "Ada", "boat_2")])
    with pytest.raises(ChangedMeanwhileError):
        commit(core, [release("t8", "boat name", "Ada", owner="boat_1")])
    assert owner_of(core, "t8", "boat name", "Ada") == "boat_2"


def test_a_page_among_very_many_ends_early_and_goes_on_where_it_ended(boats):
    for number in range(25):
        boats.put(boats.creation("t10", f"boat_{number:02d}", Boat(name=f"{number}"), NOW))
    with (
        patch.object(records, "_SCANNED", 2),
        patch.object(records, "_MOST_SCANNED", 6),
    ):
        for newest_first in (False, True):
            seen, cursor, pages = [], None, 0
            while True:
                page = boats.page(
                    "t10",
                    within=("HARBOUR", "kiel"),
                    limit=2,
                    cursor=cursor,
                    keep=lambda boat: boat.document.name in {"0", "20", "21", "22", "24"},
                    newest_first=newest_first,
                )
                seen += [boat.document.name for boat in page.items]
                pages += 1
                cursor = page.cursor
                if cursor is None:
                    break
            assert sorted(seen) == ["0", "20", "21", "22", "24"]
            assert 25 / 6 < pages < 9
        assert len(boats.every("t10", within=("HARBOUR", "kiel"))) == 25


def test_a_condition_of_another_thing_holds_the_whole_back(core, boats):
    boats.put(boats.creation("t9", "boat_1", Boat(name="Ada"), NOW))
    read = boats.get("t9", "boat_1")
    boats.put(boats.replacement(read, Boat(name="Bea"), NOW))
    with pytest.raises(ChangedMeanwhileError):
        commit(core, [boats.check(read), boats.creation("t9", "boat_2", Boat(name="Cid"), NOW)])
    assert boats.find("t9", "boat_2") is None


def test_a_thing_leaves_the_list_that_it_is_in_no_longer(boats):
    boats.put(boats.creation("ta", "boat_1", Boat(name="Ada"), NOW))
    moved = Boat(name="Ada", harbour="lübeck", length=9)
    boats.put(boats.replacement(boats.get("ta", "boat_1"), moved, NOW))
    assert boats.page("ta", within=("HARBOUR", "kiel")).items == ()
    assert [b.id for b in boats.page("ta", within=("HARBOUR", "lübeck")).items] == ["boat_1"]
    assert [b.id for b in boats.every("ta", within=("LENGTH", "9"), index=LOOKUP)] == ["boat_1"]


@pytest.fixture(scope="module")
def fleet(core):
    boats = Records(core, BOAT)
    for number in range(23):
        length = number % 3
        boats.put(
            boats.creation("tb", f"boat_{number:02d}", Boat(name=str(number), length=length), NOW)
        )
    return boats


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    limit=st.integers(1, 30), newest_first=st.booleans(), length=st.sampled_from([0, 1, 2, None])
)
def test_pages_give_everything_once_and_in_order(fleet, limit, newest_first, length):
    seen, cursor = [], None
    while True:
        page = fleet.page(
            "tb",
            within=("HARBOUR", "kiel"),
            limit=limit,
            cursor=cursor,
            keep=lambda boat: length is None or boat.document.length == length,
            newest_first=newest_first,
        )
        assert len(page.items) <= limit
        seen += [boat.id for boat in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    wanted = [f"boat_{n:02d}" for n in range(23) if length is None or n % 3 == length]
    assert seen == (wanted[::-1] if newest_first else wanted)
