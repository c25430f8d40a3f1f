"""Start the local cloud, find the one that runs, and end it with the block that uses it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local import emulator, ports, process, stage
from infra.local.bridge import check
from infra.local.cloud import LocalCloud
from infra.local.errors import (
    AlreadyRunningError,
    BadRecordError,
    NotRunningError,
    StateFolderError,
)
from infra.local.progress import Silent, Steps
from infra.local.signals import ended_by_signals, undisturbed
from infra.local.state import FOLDER, ROOT, RUNS, Credentials, Folder, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEPT_LOGS = 5
_NO_STATE_SECONDS = 1.0


def start(
    folder: Folder,
    where: stage.Stage,
    *,
    keep_state: bool,
    outlives_us: bool,
    port: int | None = None,
    steps: Steps | None = None,
) -> LocalCloud:
    """Start MiniStack from a state folder and wait until it answers; nothing is deployed yet.

    Raises:
        AlreadyRunningError: a cloud runs from this folder.
        PortTakenError: another program listens on its port.
        EmulatorDiedError: MiniStack ended, or did not answer in time.
        EmulatorVersionError: another MiniStack than the pinned one is installed.
        StateFolderError: the folder cannot be written.
        BadRecordError: the folder's record is damaged.
    """
    steps = steps or Silent()
    check()
    folder.prepare()
    with folder.locked():
        kept = folder.read()
        if kept is not None and process.is_ours(kept.pid, kept.born):
            raise AlreadyRunningError(kept)
        if kept is not None and kept.pid is not None:
            steps.say(
                f"the last run (pid {kept.pid}) did not end in good order: "
                "going on from the state it saved last"
            )
        chosen = ports.choose(port, kept.port if kept else None)
        record = (kept or _new_record(where, chosen)).model_copy(
            update={"stack_name": where.stack_name}
        )
        with steps.step("Starting the local cloud"):
            settings = emulator.environment(
                folder=folder,
                port=chosen,
                region=record.region,
                credentials=record.credentials,
                keep_state=keep_state,
            )
            child = emulator.start(settings, folder, outlives_us=outlives_us)
            born = process.find(child.pid)
            record = record.model_copy(
                update={"pid": child.pid, "born": born.born if born else None}
            )
            cloud = LocalCloud(folder, where, record, child, steps)
            try:
                folder.write(record)
                emulator.wait_until_ready(child, record.endpoint, folder)
            except BaseException:
                cloud.stop()
                raise
    return cloud


def _new_record(where: stage.Stage, port: int) -> Record:
    return Record(
        endpoint=f"http://{ports.HOST}:{port}",
        port=port,
        region=where.region,
        account=emulator.ACCOUNT,
        credentials=Credentials(
            access_key_id=f"LOCAL{secrets.token_hex(8).upper()}",
            secret_access_key=secrets.token_urlsafe(30),
        ),
        stack_name=where.stack_name,
    )


def attach(folder: Folder, where: stage.Stage, steps: Steps | None = None) -> LocalCloud:
    """The cloud that runs from this folder.

    Raises:
        NotRunningError: none does.
        BadRecordError: the folder's record is damaged.
    """
    record = folder.read()
    if record is None or not process.is_ours(record.pid, record.born):
        raise NotRunningError(folder.root)
    return LocalCloud(folder, where, record, steps=steps)


@contextmanager
def local_cloud(
    state_dir: Path | None = None,
    *,
    ephemeral: bool = True,
    parameters: Mapping[str, str] | None = None,
    where: stage.Stage | None = None,
    port: int | None = None,
    steps: Steps | None = None,
) -> Iterator[LocalCloud]:
    """A local cloud with the stack deployed, for the length of a `with`.

    It ends with the block, however the block ends, and with this process, however that ends.

    Args:
        state_dir: where it keeps its state; the repository's `.tallycast` by default.
        ephemeral: with a state of its own under `state_dir/runs`, wiped at the end; its logs stay
            when the block fails.
        parameters: values for the template's parameters, over those of `samconfig.toml`.
        where: another template than the repository's, or another stack.
        port: the port to listen on; a free one, or the one used before, by default.
        steps: shows the progress.

    Raises:
        LocalCloudError: it could not be started or deployed; the message says what to do.
    """
    where = where or stage.read(ROOT)
    root = state_dir or FOLDER
    folder = _ephemeral_folder(root) if ephemeral else Folder.at(root)
    ended_well = False
    with ended_by_signals():
        try:
            cloud = start(
                folder, where, keep_state=not ephemeral, outlives_us=False, port=port, steps=steps
            )
            try:
                cloud.deploy(parameters)
                yield cloud
                ended_well = True
            finally:
                with undisturbed():
                    # There is nothing to save, and its threads may take long to end.
                    patience = _NO_STATE_SECONDS if ephemeral else process.PATIENCE_SECONDS
                    cloud.stop(patience=patience)
        finally:
            if ephemeral:
                shutil.rmtree(folder.root, ignore_errors=True)
                if ended_well:
                    shutil.rmtree(folder.logs, ignore_errors=True)


def _ephemeral_folder(root: Path) -> Folder:
    runs = root / RUNS
    forget_dead_runs(root)
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        run = Path(tempfile.mkdtemp(prefix="run-", dir=runs))
    except OSError as error:
        raise StateFolderError(root, error.strerror or str(error)) from error
    return Folder(root=run, logs=root / "logs" / run.name)


def forget_dead_runs(root: Path) -> None:
    """Remove what short-lived clouds left under a state folder when they were killed.

    Of the logs that failed runs leave, the newest few stay.
    """
    for run in (root / RUNS).glob("run-*"):
        try:
            record = Folder.at(run).read()
        except BadRecordError:
            continue
        # Without a record it is starting now.
        if record is not None and not process.is_ours(record.pid, record.born):
            shutil.rmtree(run, ignore_errors=True)
    logs = sorted((root / "logs").glob("run-*"), key=lambda path: path.stat().st_mtime)
    for log in logs[:-KEPT_LOGS]:
        if not (root / RUNS / log.name).exists():
            shutil.rmtree(log, ignore_errors=True)
