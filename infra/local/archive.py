"""Zip folders so that the same files always give the same name, and cold starts need no compiling.

Bytecode goes in beside the sources, made by the interpreter that will run it and marked never to
be checked against them, as the real build does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import struct
import sys
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = {"__pycache__", ".DS_Store"}
_READABLE = 0o100644 << 16
_FAST = 1  # the archives never leave this machine
_UNCHECKED_HASH = 0b01  # flags of a hash-based .pyc whose source is not looked at


def files_of(folder: Path, *, prefix: str = "") -> dict[str, Path]:
    """The files under a folder by their name in the archive, without what tools leave behind."""
    return {
        f"{prefix}{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _LEFT_OUT.intersection(path.parts) and path.suffix != ".pyc"
    }


def fingerprint(contents: Mapping[str, bytes]) -> str:
    """A name for these files under this interpreter: equal exactly when names and bytes are."""
    digest = hashlib.sha256(str(sys.implementation.cache_tag).encode())
    for name in sorted(contents):
        digest.update(f"\0{name}\0{len(contents[name])}\0".encode())
        digest.update(contents[name])
    return digest.hexdigest()[:32]


def bytecode(name: str, source: bytes) -> bytes | None:
    """The never-checked `.pyc` of a module; None when it does not compile (importing will tell)."""
    try:
        code = compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    header = importlib.util.MAGIC_NUMBER + struct.pack("<I", _UNCHECKED_HASH)
    return header + importlib.util.source_hash(source) + marshal.dumps(code)


def _pyc_name(name: str) -> str:
    folder, slash, module = name.rpartition("/")
    stem = module.removesuffix(".py")
    return f"{folder}{slash}__pycache__/{stem}.{sys.implementation.cache_tag}.pyc"


def _entries(contents: Mapping[str, bytes]) -> Iterable[tuple[str, bytes]]:
    for name in sorted(contents):
        yield name, contents[name]
        if name.endswith(".py"):
            compiled = bytecode(name, contents[name])
            if compiled is not None:
                yield _pyc_name(name), compiled


def zipped(contents: Mapping[str, bytes]) -> bytes:
    """The files, and the bytecode of those that are modules, as one archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        for name, data in _entries(contents):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return out.getvalue()
