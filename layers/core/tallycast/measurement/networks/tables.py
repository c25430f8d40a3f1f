"""Sorted tables of address ranges: built once, kept in a small file, searched by bisection.

The file: 8 bytes of magic, a length (u32), that many bytes of JSON, then one zlib stream per
family. A stream holds the `starts` and each column, little-endian, plane by plane (all lowest
bytes first, then all next ones …): sorted numbers compress far better that way, and slices put
them together again in a millisecond. Nothing is made per row in Python when a table is loaded,
and a family is unpacked when the first of its addresses is asked for.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal

from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Version = Literal[4, 6]
VERSIONS: Final[tuple[Version, ...]] = (4, 6)
START_CODE: Final = {4: "I", 6: "Q"}  # an IPv4 address; the upper half of an IPv6 address
LAST: Final = {4: 2**32 - 1, 6: 2**64 - 1}

_MAGIC: Final = b"TCRANGE1"
_MAX_BYTES: Final = 256 * 1024 * 1024  # of an unpacked family: a file must not be a bomb


class BadTableError(PermanentError):
    """The bytes are no table of ranges."""


@dataclass(frozen=True, slots=True)
class Family:
    """The rows of one family: row i holds from `starts[i]` up to the next start.

    `starts` begins with 0. `columns` hold numbers; those with words hold their place in the words.
    """

    starts: array[int]
    columns: Mapping[str, array[int]]

    def row(self, number: int) -> int:
        """The row that an address, or a /64, is in."""
        return bisect_right(self.starts, number) - 1


@dataclass(slots=True)
class RangeTable:
    """Rows for both families. `words` name what the numbers of a column stand for.

    Threads may share one: a family is unpacked once, by whoever asks first.
    """

    words: Mapping[str, Sequence[str]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    _families: dict[int, Family] = field(default_factory=dict)
    _packed: dict[int, tuple[dict[str, Any], memoryview]] = field(default_factory=dict)
    _unpacking: Lock = field(default_factory=Lock, compare=False, repr=False)

    @classmethod
    def build(
        cls,
        rows: Mapping[Version, Sequence[tuple[int, tuple[int, ...]]]],
        columns: Mapping[str, str],
        words: Mapping[str, Sequence[str]],
        facts: Mapping[str, Any] | None = None,
    ) -> RangeTable:
        """A table from breakpoints `(start, numbers in the order of the columns)`.

        Args:
            rows: the breakpoints of each family, sorted, the first at 0; one behind the last
                address is left out.
            columns: each column's name and `array` type code (`B`, `H` or `I`).
            words: what the numbers of a column stand for.
            facts: whatever else the file should say.
        """
        table = cls(dict(words), dict(facts or {}))
        for version in VERSIONS:
            found = [row for row in rows[version] if row[0] <= LAST[version]]
            table._families[version] = Family(
                array(START_CODE[version], [start for start, _ in found]),
                {
                    name: array(code, [values[place] for _, values in found])
                    for place, (name, code) in enumerate(columns.items())
                },
            )
        return table

    @classmethod
    def from_bytes(cls, data: bytes) -> RangeTable:
        """A table out of a file.

        Raises:
            BadTableError: it is none, or is cut off.
        """
        size = len(_MAGIC) + 4
        if data[: len(_MAGIC)] != _MAGIC or len(data) < size:
            raise BadTableError("not a table of address ranges")
        length = int.from_bytes(data[len(_MAGIC) : size], "little")
        try:
            head = json.loads(data[size : size + length])
            table = cls(head["words"], head["facts"])
            at = size + length
            for version in VERSIONS:
                described = head["families"][str(version)]
                table._packed[version] = (described, memoryview(data)[at : at + described["size"]])
                at += described["size"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadTableError("the head of the table of ranges is damaged") from error
        if at != len(data):
            raise BadTableError("the table of ranges is cut off")
        return table

    def to_bytes(self) -> bytes:
        """The file; the same rows give the same bytes."""
        families: dict[str, Any] = {}
        streams = []
        for version in VERSIONS:
            family = self.family(version)
            arrays = {"": family.starts, **family.columns}
            stream = zlib.compress(b"".join(_planes(each) for each in arrays.values()), 9)
            codes = {name: each.typecode for name, each in family.columns.items()}
            families[str(version)] = {
                "rows": len(family.starts),
                "columns": codes,
                "size": len(stream),
            }
            streams.append(stream)
        head = {"words": self.words, "facts": self.facts, "families": families}
        text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
        return b"".join([_MAGIC, len(text).to_bytes(4, "little"), text, *streams])

    def family(self, version: Version) -> Family:
        """The rows of a family.

        Raises:
            BadTableError: they are damaged.
        """
        found = self._families.get(version)
        if found is not None:
            return found
        with self._unpacking:  # a second thread waits for what the first unpacks
            if version not in self._families:
                self._families[version] = _unpacked(version, *self._packed[version])
                del self._packed[version]
        return self._families[version]

    def __len__(self) -> int:
        return sum(len(self.family(version).starts) for version in VERSIONS)


def _planes(numbers: array[int]) -> bytes:
    raw = _little(numbers).tobytes()
    return b"".join(raw[plane :: numbers.itemsize] for plane in range(numbers.itemsize))


def _unpacked(version: Version, described: dict[str, Any], stream: memoryview) -> Family:
    try:
        rows = int(described["rows"])
        codes = {"": START_CODE[version], **described["columns"]}
        size = sum(rows * array(code).itemsize for code in codes.values())
        if not 0 < size <= _MAX_BYTES:
            raise BadTableError(f"a table of {rows:,} ranges cannot be")
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(stream, size)
        if len(data) != size or unpacking.decompress(unpacking.unconsumed_tail, 1):
            raise BadTableError("the ranges of the table are not as many as its head says")
        arrays, at = {}, 0
        for name, code in codes.items():
            numbers = array(code)
            raw = bytearray(rows * numbers.itemsize)
            for plane in range(numbers.itemsize):
                raw[plane :: numbers.itemsize] = data[at : at + rows]
                at += rows
            numbers.frombytes(raw)
            arrays[name] = _little(numbers)
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadTableError("the ranges of the table are damaged") from error
    starts = arrays.pop("")
    if starts[0] != 0:
        raise BadTableError("the ranges of the table do not begin at the first address")
    return Family(starts, arrays)


def _little(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers
