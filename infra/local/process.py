"""MiniStack's process and its group: who it is, whether it is ours, and how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = "infra.local.ministack"
"""The module MiniStack is started through; its name in a command line says the process is ours."""

PATIENCE_SECONDS = 20.0
_KILLED_SECONDS = 5.0
"""How long MiniStack may take to save its state before it is killed."""

_PROC = Path("/proc")
_BORN_FIELD = 19  # of /proc/PID/stat, counted after the command's closing bracket: starttime
_GROUP_FIELD = 2


@dataclass(frozen=True, slots=True)
class Process:
    """One process as the system describes it.

    Attributes:
        born: when it began, in the system's own words: only good for comparing.
    """

    pid: int
    group: int
    born: str
    command: str


def find(pid: int) -> Process | None:
    """The process with this id; None when there is none or it is only a zombie."""
    return _from_proc(pid) if _PROC.is_dir() else _from_ps(pid)


def _from_proc(pid: int) -> Process | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
        command = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    words = command.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    return Process(pid, int(fields[_GROUP_FIELD]), fields[_BORN_FIELD], words)


def _ps(*options: str) -> list[str]:
    run = subprocess.run(  # noqa: S603  (fixed options, numbers of processes)
        ["/bin/ps", *options], capture_output=True, text=True, check=False
    )
    return run.stdout.splitlines()


def _from_ps(pid: int) -> Process | None:
    for line in _ps("-o", "pgid=,stat=,lstart=,command=", "-p", str(pid)):
        group, state, *rest = line.split(maxsplit=7)
        born, command = " ".join(rest[:5]), " ".join(rest[5:])
        return None if state.startswith("Z") else Process(pid, int(group), born, command)
    return None


def _pids() -> Iterator[int]:
    if _PROC.is_dir():
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    else:
        yield from (int(line) for line in _ps("-A", "-o", "pid="))


def members(group: int) -> list[Process]:
    """The living processes of a group: MiniStack and its Lambda workers."""
    found = (find(pid) for pid in _pids())
    return [process for process in found if process and process.group == group]


def is_ours(pid: int | None, born: str | None) -> bool:
    """Whether this pid still is the MiniStack we started, and not another process with its id."""
    process = find(pid) if pid else None
    return process is not None and process.born == born and MODULE in process.command


def _gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # a child of ours would stay a zombie
        if find(pid) is None:
            return True
        time.sleep(0.02)
    return False


def _emptied_within(group: int, seconds: float) -> None:
    """Wait for killed workers: a kill is a request, and the system takes its moment."""
    end = time.monotonic() + seconds
    while members(group) and time.monotonic() < end:
        time.sleep(0.02)


def stop(pid: int, *, patience: float = PATIENCE_SECONDS) -> bool:
    """End MiniStack and every process of its group; the caller has checked that it is ours.

    MiniStack is asked first, so that it can save its state; what remains is killed.

    Returns:
        Whether it ended by itself, with its state saved.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    ended = _gone_within(pid, patience)
    end_group(pid)
    _gone_within(pid, _KILLED_SECONDS)
    _emptied_within(pid, _KILLED_SECONDS)
    return ended


def end_group(group: int) -> None:
    """Kill what lives of a group whose leader was MiniStack and has ended, or must end now."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
