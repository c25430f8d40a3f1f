"""Every line is accounted for, by its number, whatever stands in it and around it."""

# ruff: noqa: S608 - the queries hold paths of our own

from __future__ import annotations

import gzip
import itertools
import sys
import zlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallycast.measurement.logs import Limits, LogFormat, LogSource, UnreadableLogError
from tallycast.measurement.logs.blocks import LONGEST_LINE, blocks
from tallycast.measurement.logs.opening import Opened
from tallycast.measurement.logs.reasons import Reason, Skip
from tests.support.log_files import SHAPES, canonical_csv, combined, json_lines, some_requests
from tests.unit.measurement.logs.reading import SMALL, reading, refused, refused_texts, rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.log_files import Shape

REQUESTS = some_requests(20)
COMBINED = SHAPES["combined"].source
# The first bad line of each is of another shape altogether, the second breaks off in the middle.
BROKEN = {
    "cloudfront": ("what is this", Reason.FIELDS, Reason.FIELDS),
    "cloudfront_json": ("what is this", Reason.NOT_JSON, Reason.NOT_JSON),
    "combined": ("what is this", Reason.NOT_COMBINED, Reason.NOT_COMBINED),
    "megaphone": ("[1, 2]", Reason.NOT_JSON, Reason.NOT_JSON),
    "json": ('"a string"', Reason.NOT_JSON, Reason.NOT_JSON),
    "hits": ("null", Reason.NOT_JSON, Reason.NOT_JSON),
    "csv": ("what,is this", Reason.FIELDS, Reason.FIELDS),
    "mapped_tsv": ("what\tis this", Reason.FIELDS, Reason.FIELDS),
}


@pytest.mark.parametrize("name", BROKEN)
def test_bad_lines_are_quarantined_by_number_and_the_rest_is_kept(
    name: str, tmp_path: Path
) -> None:
    shape = SHAPES[name]
    assert shape.lines is not None
    header, lines = shape.lines(REQUESTS)
    strange, first, second = BROKEN[name]
    broken = [*lines[:5], strange, *lines[5:11], "", lines[11][:20], *lines[12:]]
    path = tmp_path / "log"
    path.write_text(header + "\n".join(broken))  # no line feed at the very end
    intake = reading(path, shape.source)
    above = header.count("\n")
    assert refused(intake) == [(above + 6, first), (above + 14, second)]
    assert intake.account.skipped.get(Skip.BLANK) == 1
    assert intake.account.accepted == len(REQUESTS) - 1
    assert [row["line"] for row in rows(intake)] == [
        above + number for number in range(1, len(broken) + 1) if number not in {6, 13, 14}
    ]


def test_carriage_returns_a_mark_and_zeros_change_nothing(tmp_path: Path) -> None:
    header, lines = canonical_csv(REQUESTS)
    text = (header + "\n".join(lines) + "\n").encode()
    plain, odd = tmp_path / "plain", tmp_path / "odd"
    plain.write_bytes(text)
    odd.write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    assert rows(reading(plain)) == rows(reading(odd, into=tmp_path / "odd-read"))


def test_bytes_that_are_no_text_spoil_nothing_but_themselves(tmp_path: Path) -> None:
    path = tmp_path / "log"
    good = b"2026-11-01T00:00:00Z,203.0.113.7,,GET,https://m.example/a.mp3,200,,1,%b,\n"
    path.write_bytes(
        b"time,ip,ip_hash,method,url,status,range,bytes_sent,user_agent,referrer\n"
        + good % b"A\xff\xfe"
        + good % b"B\x00\x1d\x1f\rB"
        + b"\x00\x01\x02\n"
        + good % b"C"
    )
    intake = reading(path)
    assert [row["user_agent"] for row in rows(intake)] == ["A\ufffd\ufffd", "B    B", "C"]
    assert [row["line"] for row in rows(intake)] == [2, 3, 5]
    assert intake.account.skipped == {Skip.BLANK: 1, Skip.HEADER: 1}


def test_quoted_line_feeds_make_one_record_with_the_number_of_its_first_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    good = "2026-11-01T00:00:00Z,203.0.113.7,,GET,https://m.example/a.mp3,200,,1,{},\n"
    path.write_text(
        "time,ip,ip_hash,method,url,status,range,bytes_sent,user_agent,referrer\n"
        + good.format('"two\nlines, ""quoted"""')
        + good.format("plain")
        + good.format('"never closed')
        + good.format("after")
        + good.format('"three\n\nlines"')
        + good.format("last")
    )
    intake = reading(path)
    found = [(row["line"], row["user_agent"]) for row in rows(intake)]
    assert found == [
        (2, 'two lines, "quoted"'),
        (4, "plain"),
        (6, "after"),
        (7, "three  lines"),
        (10, "last"),
    ]
    assert refused(intake) == [(5, Reason.QUOTE)]
    assert intake.account.read == 7


def test_a_line_that_is_too_long_is_refused_alone(tmp_path: Path) -> None:
    header, lines = combined(REQUESTS)
    path = tmp_path / "log"
    lines[3] = lines[3] + "x" * 70_000
    lines[9] = "y" * 3_000_000
    path.write_text(header + "\n".join(lines) + "\n")
    intake = reading(path, COMBINED)
    assert refused(intake) == [(4, Reason.LINE_TOO_LONG), (10, Reason.LINE_TOO_LONG)]
    assert intake.account.accepted == len(REQUESTS) - 2
    assert all(len(text) <= 1000 for text in refused_texts(intake))


def _has_zstd() -> bool:
    return any(find_spec(name) for name in ("backports", "compression"))


def test_zstd_without_a_decompressor_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / "log"
    path.write_bytes(b"\x28\xb5\x2f\xfd and so on")
    with pytest.raises(UnreadableLogError, match="install backports"):
        reading(path)


def _compressed(kind: str, data: bytes) -> bytes:
    if kind == "gzip members":
        half = data.index(b"\n", len(data) // 2) - 3  # in the middle of a line
        return gzip.compress(data[:half]) + gzip.compress(data[half:]) + b"\0" * 512
    zstd = pytest.importorskip("backports.zstd", reason="zstd needs backports.zstd")
    half = len(data) // 2
    return bytes(zstd.compress(data[:half]) + zstd.compress(data[half:]))


@pytest.mark.parametrize("kind", ["gzip members", "zstd frames"])
@pytest.mark.parametrize("name", ["cloudfront", "csv", "json"])
def test_compression_changes_nothing(kind: str, name: str, tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed.txt"
    SHAPES[name].write(plain, REQUESTS)
    packed.write_bytes(_compressed(kind, plain.read_bytes()))
    source = SHAPES[name].source
    assert rows(reading(plain, source)) == rows(reading(packed, source))


@pytest.mark.parametrize("kind", ["gzip members", "zstd frames"])
def test_of_a_cut_file_whole_lines_are_kept_and_the_cut_is_told(kind: str, tmp_path: Path) -> None:
    plain, cut = tmp_path / "plain", tmp_path / "cut"
    many = some_requests(3000)
    SHAPES["json"].write(plain, many)
    packed = _compressed(kind, plain.read_bytes())
    cut.write_bytes(packed[: len(packed) * 3 // 4])
    intake = reading(cut)
    kept = rows(intake)
    whole = rows(reading(plain, into=tmp_path / "whole"))
    assert 1500 < len(kept) < 3000
    assert kept == whole[: len(kept)]
    assert refused(intake) == [(len(kept) + 1, Reason.FILE_CUT)]
    assert intake.account.cut
    assert intake.account.read == len(kept) + 1


def test_of_a_damaged_file_what_came_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    SHAPES["json"].write(path, REQUESTS)
    path.write_bytes(gzip.compress(path.read_bytes()) + b"garbage behind the member")
    intake = reading(path)
    assert intake.account.accepted == len(REQUESTS)
    assert refused(intake) == [(len(REQUESTS) + 1, Reason.FILE_DAMAGED)]


def test_a_bomb_is_read_up_to_the_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "log"
    line = json_lines(REQUESTS[:1])[1][0].encode() + b"\n"
    packer = zlib.compressobj(wbits=31)
    path.write_bytes(packer.compress(line * 40_000) + packer.flush())
    limit = 100 * len(line) + 5
    intake = reading(path, limits=Limits(threads=1, largest_bytes=limit))
    assert intake.account.accepted == 100
    assert refused(intake) == [(101, Reason.FILE_TOO_LARGE)]


def test_blocks_of_any_size_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log"
    header, lines = canonical_csv(some_requests(3000))
    for place in range(0, 3000, 97):
        lines[place] = lines[place].replace("example/", 'exam"ple/')  # a stray quote
    for place in range(50, 3000, 97):
        lines[place] = lines[place].rpartition(",")[0] + ',"over\nlines"'
    path.write_text(header + "\n".join(lines) + "\n")
    whole = reading(path, into=tmp_path / "whole")
    parts = reading(path, into=tmp_path / "parts", limits=Limits(threads=1, block_bytes=1))
    assert rows(whole) == rows(parts)
    assert refused(whole) == refused(parts)
    assert whole.account == parts.account


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_file_gives_the_same_bytes_however_many_threads(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    path = tmp_path / "log"
    shape.write(path, REQUESTS)
    one = reading(path, shape.source, into=tmp_path / "one")
    two = reading(path, shape.source, into=tmp_path / "two", limits=Limits(threads=4))
    assert list(one.days) == list(two.days)
    for day, file in one.days.items():
        assert file.read_bytes() == two.days[day].read_bytes()


def test_many_rows_give_the_same_bytes_however_many_threads_and_blocks(tmp_path: Path) -> None:
    """More of a day than DuckDB keeps in one group of rows, and than a thread takes at once."""
    path = tmp_path / "log"
    with path.open("w") as file:
        file.write("time,ip,url\n")
        for n in range(150_000):
            moment = f"2026-11-0{1 + n % 7 // 6}T{n % 24:02}:00:00Z"
            file.write(f"{moment},203.0.{n % 7}.{n % 251},https://m.example/{n % 11}.mp3\n")
    one = reading(path, into=tmp_path / "one")
    four_threads = Limits(threads=4, memory="512MB", block_bytes=3 * 1024**2)
    many = reading(path, into=tmp_path / "many", limits=four_threads)
    assert (one.account.accepted, len(one.days)) == (150_000, 2)
    for day, parquet in one.days.items():
        assert parquet.read_bytes() == many.days[day].read_bytes()
        with duckdb.connect() as connection:
            lines = connection.execute(f"SELECT line FROM '{parquet}'").fetchall()
        assert lines == sorted(lines)


LINES = st.lists(
    st.one_of(
        st.binary(max_size=9),
        st.builds(
            bytes.__mul__, st.sampled_from([b"x", b"\r", "ö".encode()]), st.integers(0, 70_000)
        ),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(lines=LINES, cuts=st.lists(st.integers(0, 300_000), max_size=4), ends=st.booleans())
def test_blocks_hold_the_same_lines_however_the_bytes_come(
    lines: list[bytes], cuts: list[int], tmp_path_factory: pytest.TempPathFactory, *, ends: bool
) -> None:
    data = b"\n".join(lines) + b"\n" * ends
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    folder = tmp_path_factory.mktemp("blocks")
    whole, members = folder / "whole", folder / "members"
    whole.write_bytes(data)
    members.write_bytes(b"".join(gzip.compress(data[a:b]) for a, b in itertools.pairwise(places)))
    alone = b"".join(block.data for block in blocks(Opened(whole, 2**30), 2**30))
    apart = list(blocks(Opened(members, 2**30), 1))
    assert b"".join(block.data for block in apart) == alone
    counts = [block.data.count(b"\n") for block in apart]
    assert [block.first for block in apart] == [*itertools.accumulate(counts, initial=1)][:-1]
    kept = data.removeprefix(b"\xef\xbb\xbf")
    assert sum(counts) == kept.count(b"\n") + (kept != b"" and not kept.endswith(b"\n"))
    assert all(len(line) <= LONGEST_LINE + 1 for line in alone.split(b"\n"))


def test_a_folder_may_have_wildcards_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a[b]*?"
    folder.mkdir()
    (folder / "log").write_text("time,ip,url\n2026-11-01,203.0.113.7,https://m.example/a.mp3\n")
    assert reading(folder / "log").account.accepted == 1


@pytest.mark.parametrize("name", ["cloudfront", "combined", "json", "hits", "csv"])
def test_splitting_a_file_changes_nothing_but_file_and_line(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    assert shape.lines is not None
    header, lines = shape.lines(REQUESTS)
    whole = tmp_path / "whole"
    shape.write(whole, REQUESTS)
    apart = []
    for place, part in enumerate((lines[:7], lines[7:])):
        path = tmp_path / f"part-{place}"
        path.write_text(header + "\n".join(part) + "\n")
        apart += rows(reading(path, shape.source, file_id=path.name))
    left_out = {"file_id", "line"}
    assert _without(rows(reading(whole, shape.source)), left_out) == _without(apart, left_out)


@pytest.mark.parametrize("name", ["cloudfront", "combined", "json", "csv"])
def test_concatenating_files_with_their_headers_changes_nothing_but_lines(
    name: str, tmp_path: Path
) -> None:
    shape = SHAPES[name]
    once, twice = tmp_path / "once", tmp_path / "twice"
    shape.write(once, REQUESTS)
    twice.write_bytes(once.read_bytes() * 2)
    alone = _without(rows(reading(once, shape.source)), {"line"})
    assert _without(rows(reading(twice, shape.source)), {"line"}) == alone * 2


def _without(found: list[dict[str, object]], names: set[str]) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name not in names} for row in found]


def test_headers_of_cloudfront_may_change_within_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "#Version: 1.0\n#Fields: date time c-ip cs-method cs(Host) cs-uri-stem sc-status\n"
        "2026-11-01\t00:00:01\t203.0.113.1\tGET\tm.example\t/a.mp3\t200\n"
        "#Version: 1.0\n#Fields: date time cs-uri-stem cs(Host) c-ip cs-method\n"
        "2026-11-01\t00:00:02\t/b.mp3\tm.example\t203.0.113.2\tGET\n"
    )
    found = [(row["line"], row["media"], row["status"]) for row in rows(reading(path))]
    assert found == [(3, "m.example/a.mp3", 200), (6, "m.example/b.mp3", None)]


def test_a_piece_of_a_cloudfront_log_without_its_header_is_read_as_the_legacy_log(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    fields = ["-"] * 33
    fields[:9] = [
        "2026-11-01", "00:00:01", "ARN56-P1", "900", "203.0.113.1", "GET", "d1.cloudfront.net",
        "/a.mp3", "206",
    ]  # fmt: skip
    fields[30:33] = ["500", "0", "499"]
    path.write_text("\t".join(fields) + "\n")
    intake = reading(path)
    assert intake.format is LogFormat.CLOUDFRONT
    (row,) = rows(intake)
    assert (row["media"], row["bytes_sent"]) == ("d1.cloudfront.net/a.mp3", 500)
    assert (row["range_start"], row["range_end"]) == (0, 499)


def test_an_unknown_format_is_quarantined_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("Dear diary,\n\ntoday 203.0.113.9 came by.\n")
    intake = reading(path)
    assert intake.format is LogFormat.UNKNOWN
    assert refused(intake) == [(1, Reason.UNKNOWN_FORMAT), (3, Reason.UNKNOWN_FORMAT)]
    assert refused_texts(intake)[1] == "today x.x.x.x came by."


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"")
    intake = reading(path)
    assert (intake.account.read, intake.days, intake.quarantine) == (0, {}, None)


def test_a_file_that_is_not_there_is_an_error_with_a_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLogError, match="cannot read nothing"):
        reading(tmp_path / "nothing")


def test_a_broken_parquet_file_is_one_record_of_quarantine(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"PAR1 and then nothing of the kind PAR1")
    assert refused(reading(path)) == [(1, Reason.FILE_DAMAGED)]


def test_a_parquet_file_of_something_else_is_quarantined_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT i AS a, '203.0.113.' || i AS b FROM range(3) r(i)) TO '{path}' "
            "(FORMAT parquet)"
        )
    intake = reading(path)
    assert refused(intake) == [(n, Reason.UNKNOWN_FORMAT) for n in (1, 2, 3)]
    assert refused_texts(intake)[0] == '{"a":"0","b":"x.x.x.x"}'


# Without a decompressor such a file is an error with a name, which is another test.
ZSTD = [b"\x28\xb5\x2f\xfd"] if _has_zstd() else []
FILES = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.sampled_from([
            b"#Version: 1.0\n", b"#Fields: date time c-ip\n", b'{"messageType":"DATA_MESSAGE"}',
            b'{"time":"1","url":"x","ip":"y"}\n', b"time,ip,url\n", b'"', b"\n", b"\r", b"\t", b",",
            b"{", b"}", b"[", b"\\", b"\x1f\x8b", b"PAR1", *ZSTD, b"\xff", b"\0",
            b'1.2.3.4 - - [01/Nov/2026:00:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"\n',
            b"2026-11-01,203.0.113.1,https://m.example/a.mp3\n", b"99999999999999999999",
            b"infinity", b"9999-99-99 00:00:00", b"bytes=", b"-", b"%", b"\\x", b"'",
        ]),
        max_size=30,
    ).map(b"".join),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(data=FILES, kind=st.sampled_from([each for each in LogFormat if "parquet" not in each]))
def test_no_bytes_raise_and_all_are_accounted_for(
    data: bytes, kind: LogFormat, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "log"
    path.write_bytes(data)
    reading(path, LogSource(format=kind), limits=SMALL)


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=3, deadline=None)
@given(places=st.lists(st.integers(0, 10_000), min_size=1, max_size=5), byte=st.binary(min_size=1))
def test_no_damage_to_a_good_file_raises_or_loses_lines(
    name: str, places: list[int], byte: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shape: Shape = SHAPES[name]
    path = tmp_path_factory.mktemp("damage") / "log"
    shape.write(path, REQUESTS)
    data = bytearray(path.read_bytes())
    for place in places:
        at = place % len(data)
        data[at : at + len(byte)] = byte
    path.write_bytes(data)
    reading(path, shape.source)
