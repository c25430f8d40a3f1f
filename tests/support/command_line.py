"""`tallycast` in a process of its own, as a user meets it."""

from __future__ import annotations

import os
import subprocess
import sys


def tallycast(*arguments: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run it with these arguments, in a window of 120 columns."""
    return subprocess.run(
        [sys.executable, "-m", "tallycast.cli.main", *map(os.fspath, map(_path, arguments))],
        capture_output=True,
        input=stdin,
        check=False,
        env={**os.environ, "COLUMNS": "120", "PYTHONUTF8": "1"},
    )


def _path(argument: object) -> str | os.PathLike[str]:
    return argument if isinstance(argument, os.PathLike) else str(argument)
