"""Ranges made into tables, tables made into files, and the search in them."""

import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallycast.measurement.networks import BadTableError, RangeTable
from tallycast.measurement.networks.building import base_table
from tallycast.measurement.networks.ranges import Range, flattened
from tallycast.measurement.networks.readers import Located

SMALL = 400


def ranges():
    def made(first, width, value, rank):
        return Range(first, min(first + width, SMALL), value, rank)

    return st.builds(
        made, st.integers(0, SMALL), st.integers(0, 60), st.sampled_from("abc"), st.integers(0, 2)
    )


def by_scanning(found, number):
    """What flattening must agree with: look at every range."""
    best = None
    for order, each in enumerate(found):
        if each.first <= number <= each.last:
            claim = (each.rank, -(each.last - each.first), order, each.value)
            best = claim if best is None else max(best, claim, key=lambda c: c[:3])
    return "" if best is None else best[3]


def by_searching(line, number):
    return [value for start, value in line if start <= number][-1]


@given(st.lists(ranges(), max_size=25))
def test_every_number_has_the_value_that_a_scan_over_all_ranges_gives_it(found):
    line = flattened(found, "")
    assert [start for start, _ in line] == sorted({start for start, _ in line})
    assert line[0][0] == 0
    assert all(one[1] != two[1] for one, two in pairwise(line))
    for number in range(SMALL + 3):
        assert by_searching(line, number) == by_scanning(found, number)


def test_the_higher_rank_wins_then_the_narrower_then_the_later():
    wide, narrow = Range(0, 99, "wide"), Range(10, 19, "narrow")
    assert by_searching(flattened([narrow, wide], ""), 15) == "narrow"
    assert by_searching(flattened([narrow, Range(0, 99, "ranked", 1)], ""), 15) == "ranked"
    assert by_searching(flattened([wide, Range(0, 99, "later")], ""), 15) == "later"


def test_a_range_holds_its_first_and_last_number_and_no_more():
    line = flattened([Range(10, 19, "a"), Range(20, 20, "b"), Range(30, 39, "a")], "")
    assert line == [(0, ""), (10, "a"), (20, "b"), (21, ""), (30, "a"), (40, "")]


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="ends before"):
        flattened([Range(5, 4, "a")], "")


def a_table():
    return base_table(
        {
            4: [Range(0x01000000, 0x010000FF, Located("AU", asn=13335))],
            6: [Range(0x20010DB800000000, 0x20010DB8FFFFFFFF, Located("DE", "DE-BE", 3320))],
        },
        {"version": "1"},
    )


def test_a_table_comes_back_from_its_file_as_it_was_and_the_file_is_always_the_same():
    data = a_table().to_bytes()
    again = RangeTable.from_bytes(data)
    assert again.to_bytes() == data == a_table().to_bytes()
    assert again.facts == {"version": "1"}
    assert list(again.family(6).starts) == [0, 0x20010DB800000000, 0x20010DB900000000]
    assert list(again.family(6).columns["asn"]) == [0, 3320, 0]


@given(
    st.dictionaries(
        st.sampled_from([4, 6]),
        st.lists(
            st.tuples(
                st.integers(0, 2**32 - 1),
                st.builds(
                    Located,
                    st.sampled_from(["", "DE", "US"]),
                    st.sampled_from(["", "US-CA", "Île"]),
                    st.integers(0, 2**32 - 1),
                ),
            ),
            max_size=20,
        ),
    )
)
def test_any_table_survives_its_file(rows):
    found = {
        version: [Range(start, start, located) for start, located in rows.get(version, [])]
        for version in (4, 6)
    }
    table = base_table(found)
    again = RangeTable.from_bytes(table.to_bytes())
    for version in (4, 6):
        assert again.family(version) == table.family(version)
    assert again.words == table.words


@pytest.mark.parametrize("cut", [0, 5, 11, 12, 60, -40, -1])
def test_a_file_that_was_cut_off_is_refused(cut):
    with pytest.raises(BadTableError):
        RangeTable.from_bytes(a_table().to_bytes()[:cut])


def test_a_file_with_something_behind_it_is_refused():
    with pytest.raises(BadTableError):
        RangeTable.from_bytes(a_table().to_bytes() + b"x")


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_it_do_anything_but_refuse(data):
    for tried in (data, b"TCRANGE1" + data):
        with pytest.raises(BadTableError):
            RangeTable.from_bytes(tried)


@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_never_crashes(data):
    raw = bytearray(a_table().to_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        table = RangeTable.from_bytes(bytes(raw))
        for version in (4, 6):
            table.family(version)
    except BadTableError:
        pass


def test_a_stream_that_unpacks_to_more_than_it_says_is_refused():
    data = a_table().to_bytes()
    bomb = zlib.compress(bytes(10_000_000))
    size = int.from_bytes(data[8:12], "little")
    head = data[12 : 12 + size]
    family = RangeTable.from_bytes(data)._packed[4][0]
    new = head.replace(f'"size":{family["size"]}'.encode(), f'"size":{len(bomb)}'.encode(), 1)
    streams = bomb + data[12 + size + family["size"] :]
    tried = data[:8] + len(new).to_bytes(4, "little") + new + streams
    with pytest.raises(BadTableError, match="not as many"):
        RangeTable.from_bytes(tried).family(4)


def test_threads_that_ask_for_a_table_at_once_all_get_it():
    rows = [(start, (start % 7,)) for start in range(200_000)]
    packed = RangeTable.build({4: rows, 6: rows}, {"asn": "I"}, {}).to_bytes()
    together = Barrier(8)

    def starts(table):
        together.wait()
        return table.family(4).starts

    with ThreadPoolExecutor(8) as pool:
        table = RangeTable.from_bytes(packed)
        found = list(pool.map(starts, [table] * 8))
    assert all(each is found[0] for each in found)
    assert len(found[0]) == 200_000


def test_a_damaged_table_says_so_every_time():
    packed = bytearray(
        RangeTable.build({4: [(0, (1,))], 6: [(0, (1,))]}, {"asn": "I"}, {}).to_bytes()
    )
    packed[-1] ^= 0xFF
    table = RangeTable.from_bytes(bytes(packed))
    for _ in range(2):
        with pytest.raises(BadTableError, match="damaged"):
            table.family(6)
