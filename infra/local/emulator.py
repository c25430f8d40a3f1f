"""Start MiniStack as our child, and wait until it answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from infra.local import process
from infra.local.errors import EmulatorDiedError, StateFolderError
from infra.local.ports import HOST
from infra.local.state import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.state import Credentials, Folder

ACCOUNT = "000000000000"
READY_SECONDS = 30.0
LAST_LINES = 3

_NOT_INHERITED = ("AWS_", "PYTHON", "MINISTACK_", "LAMBDA_", "LOCALSTACK_", "SFN_")
"""What a person's shell may hold that would change the emulator or leak into its workers."""


def environment(
    *,
    folder: Folder,
    port: int,
    region: str,
    credentials: Credentials,
    keep_state: bool,
    inherited: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The environment of MiniStack, which its Lambda workers inherit.

    Bytecode must be written (no `PYTHONDONTWRITEBYTECODE`), or every cold start compiles anew.
    """
    clean = {
        name: value for name, value in inherited.items() if not name.startswith(_NOT_INHERITED)
    }
    no_proxy = ",".join(filter(None, [inherited.get("NO_PROXY"), HOST, "localhost"]))
    kept = {"PERSIST_STATE": "1", "S3_PERSIST": "1"} if keep_state else {}
    return (
        clean
        | kept
        | {
            "AUTH": "true",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": region,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "STATE_DIR": str(folder.state),
            "S3_DATA_DIR": str(folder.objects),
            "TMPDIR": str(folder.tmp),
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
            "AWS_DEFAULT_REGION": region,
            # A person's own profiles must not reach the workers, nor the workers the real cloud.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # MiniStack tidies up containers where it finds Docker; we have none of ours there.
            "DOCKER_HOST": "unix:///nowhere",
            "PYTHONUNBUFFERED": "1",
        }
    )


def start(
    settings: Mapping[str, str], folder: Folder, *, outlives_us: bool
) -> subprocess.Popen[bytes]:
    """Start MiniStack in a process group of its own, so that a Ctrl-C reaches only us.

    Unless it shall outlive us it holds the other end of a pipe from us and ends when we are gone,
    however that happened.

    Raises:
        StateFolderError: its log cannot be written.
    """
    try:
        if folder.log.exists():
            folder.log.replace(folder.log.with_suffix(".1.log"))  # the run before this one
        log = folder.log.open("ab")
    except OSError as error:
        raise StateFolderError(folder.logs, error.strerror or str(error)) from error
    with log:
        return subprocess.Popen(  # noqa: S603  (our own module)
            [sys.executable, "-m", process.MODULE, *([] if outlives_us else ["--with-parent"])],
            cwd=ROOT,
            env=dict(settings),
            stdin=subprocess.DEVNULL if outlives_us else subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def answers(endpoint: str) -> bool:
    """Whether MiniStack answers at this address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint}/_ministack/health", timeout=2) as reply:
            return bool(reply.status == 200)  # noqa: PLR2004
    except (OSError, urllib.error.URLError):
        return False


def last_lines(folder: Folder, count: int = LAST_LINES) -> str:
    """The last lines of MiniStack's log, joined to one."""
    try:
        lines = folder.log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join(line.strip() for line in lines[-count:] if line.strip())


def wait_until_ready(child: subprocess.Popen[bytes], endpoint: str, folder: Folder) -> None:
    """Return when MiniStack answers.

    Raises:
        EmulatorDiedError: it ended, or did not answer in time.
    """
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if child.poll() is not None:
            what = f"ended with exit code {child.returncode} while starting"
            raise EmulatorDiedError(what, last_lines(folder), folder.log)
        if answers(endpoint):
            return
        time.sleep(0.05)
    what = f"did not answer within {READY_SECONDS:.0f} seconds"
    raise EmulatorDiedError(what, last_lines(folder), folder.log)
