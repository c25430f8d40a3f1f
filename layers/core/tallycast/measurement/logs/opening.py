"""A log file as decompressed bytes: what it is compressed with is told by its first bytes.

What can be read is read. A file that ends too early, is damaged or is a bomb gives the bytes up
to there and says so in `Opened.damage`.
"""

from __future__ import annotations

import importlib
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.logs.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK: Final = 1024 * 1024
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"  # bytes 2 to 4 of a zstd frame that holds no data
_PARQUET: Final = b"PAR1"


class UnreadableLogError(PermanentError):
    """The file cannot be opened at all, or this Python lacks what it takes."""


class _DamagedError(Exception):
    """The rest of the file cannot be read."""


class Opened:
    """A file being read once, from front to back.

    Args:
        path: the file.
        largest: bytes after decompression that may be read of it.
    """

    def __init__(self, path: Path, largest: int) -> None:
        self.path = path
        self.largest = largest
        self.damage: Reason | None = None

    def chunks(self) -> Iterator[bytes]:
        """Its decompressed bytes; afterwards `damage` says whether that was all.

        Raises:
            UnreadableLogError: there is no such file, or it is zstd and nothing here reads that.
        """
        left = self.largest
        try:
            with self.path.open("rb") as file:
                for chunk in _decompressed(file):
                    if len(chunk) > left:
                        self.damage = Reason.FILE_TOO_LARGE
                        yield chunk[:left]
                        return
                    left -= len(chunk)
                    yield chunk
        except _DamagedError as damage:
            self.damage = damage.args[0]
        except OSError as error:
            raise UnreadableLogError(
                f"cannot read {self.path.name}: {error.strerror or type(error).__name__}"
            ) from error


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does.

    Raises:
        UnreadableLogError: there is no such file, or it is Parquet and its name is no text, under
            which DuckDB could not open it.
    """
    try:
        with path.open("rb") as file:
            found = file.read(len(_PARQUET)) == _PARQUET
    except OSError as error:
        raise UnreadableLogError(
            f"cannot read {path.name}: {error.strerror or type(error).__name__}"
        ) from error
    if found and str(path) != str(path).encode("utf-8", "replace").decode():
        raise UnreadableLogError(f"cannot read {path.name!a}: its name is no UTF-8, rename it")
    return found


def _decompressed(file: IO[bytes]) -> Iterator[bytes]:
    start = file.read(4)
    file.seek(0)
    if start.startswith(_GZIP):
        yield from _members(file, _gzip_member, _GZIP)
    elif start == _ZSTD or (start[1:] == _SKIPPABLE and 0x50 <= start[0] <= 0x5F):  # noqa: PLR2004 - RFC 8878 §3.1.2
        yield from _members(file, _zstd_frame, b"")
    else:
        while chunk := file.read(_CHUNK):
            yield chunk


class _GzipMember:
    """zlib's decompressor with the manners of zstd's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _gzip_member() -> Any:  # noqa: ANN401 - one of two decompressors that share no base
    return _GzipMember()


def _zstd_frame() -> Any:  # noqa: ANN401 - see above
    for module in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(module).ZstdDecompressor()
        except ImportError:
            continue
    raise UnreadableLogError("this Python cannot read zstd: install backports.zstd, or use gzip")


def _members(file: IO[bytes], start: Any, magic: bytes) -> Iterator[bytes]:  # noqa: ANN401
    """The contents of concatenated gzip members or zstd frames.

    Args:
        file: at the beginning of the first.
        start: makes the decompressor of one.
        magic: what each must begin with, after zeros that tapes and block devices leave; empty
            where the decompressor sees to that.

    Raises:
        _DamagedError: with the reason, after everything that could be read.
    """
    member = start()
    data = file.read(_CHUNK)
    while True:
        try:
            out = member.decompress(data, _CHUNK)
        except Exception as error:  # the two libraries' errors share no base
            raise _DamagedError(Reason.FILE_DAMAGED) from error
        if out:
            yield out
        if member.eof:
            data = _next(file, member.unused_data, magic)
            if not data:
                return
            member = start()
        elif member.needs_input:
            data = file.read(_CHUNK)
            if not data:
                raise _DamagedError(Reason.FILE_CUT)
        else:
            data = b""


def _next(file: IO[bytes], data: bytes, magic: bytes) -> bytes:
    """What follows a member, or nothing."""
    if magic:
        data = data.lstrip(b"\0")
    while len(data) < max(len(magic), 1):
        more = file.read(_CHUNK)
        if not more:
            break
        data = (data + more).lstrip(b"\0") if magic else data + more
    if data and not data.startswith(magic):
        raise _DamagedError(Reason.FILE_DAMAGED)
    return data
