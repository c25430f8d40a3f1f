"""Folders of Node packages, installed from their lock files once for all tests."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

CLIENTS = Path(__file__).resolve().parents[1] / "node"
_SECONDS = 300


def installed(folder: Path = CLIENTS) -> Path:
    """A folder whose packages are there, as its lock file names them.

    Tests that run side by side wait for the one that installs; what the lock file names and is
    there already is not installed again.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node is not installed: programs that are written for it cannot be run")
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    modules = folder / "node_modules"
    modules.mkdir(exist_ok=True)
    # Beside the packages and not among them: `npm ci` begins by removing what is there.
    with (folder / ".npm-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = modules / ".installed"
        if not done.exists() or done.read_text() != wanted:
            ran = subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
            assert ran.returncode == 0, ran.stderr
            done.write_text(wanted)
    return folder
