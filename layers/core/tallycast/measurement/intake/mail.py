"""Sort a batch of tracked hits by tenant: the log of the redirect carries those of everybody."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Final

from tallycast.measurement.logs.blocks import CONTROL, NO_ENVELOPE
from tallycast.measurement.logs.detection import detect
from tallycast.measurement.logs.envelopes import messages
from tallycast.measurement.logs.model import Limits, LogFormat
from tallycast.measurement.logs.opening import Opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Whose no hit says it is: unreadable lines, and hits whose show could not be looked up.
NOBODY: Final = "unassigned"
# The redirect writes its own lines, so their beginning is always the same; a stranger's text comes
# later in the line and cannot pass for it.
_TENANT: Final = re.compile(rb'\{"v":1,"kind":"hit","tenant":"([a-z0-9][a-z0-9_-]{0,62})",')
_MARKS: Final = (CONTROL.encode(), NO_ENVELOPE.encode())


def by_tenant(path: Path, into: Path) -> dict[str, Path]:
    """Write the hits of a file into one file of JSON lines per tenant; those files by tenant.

    What names no tenant is under `NOBODY`. Control messages are left out: they are no hits.
    """
    into.mkdir(parents=True, exist_ok=True)
    files: dict[str, IO[bytes]] = {}
    found: dict[str, Path] = {}
    with ExitStack() as stack:
        for line in _lines(path):
            known = _TENANT.match(line)
            tenant = known[1].decode() if known else NOBODY
            if tenant not in files:
                found[tenant] = into / f"{tenant}.jsonl"
                files[tenant] = stack.enter_context(found[tenant].open("wb"))
            files[tenant].write(line + b"\n")
    return found


def _lines(path: Path) -> Iterator[bytes]:
    limits = Limits()
    opened = Opened(path, limits.largest_bytes)
    if detect(path) is LogFormat.HIT_ENVELOPES:
        for block in messages(opened, limits.block_bytes):
            for line in block.data.splitlines():
                if not line.startswith(_MARKS[0]):
                    yield line.removeprefix(_MARKS[1])
        return
    rest = b""
    for chunk in opened.chunks():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
    if rest:
        yield rest
