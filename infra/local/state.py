"""What the local cloud keeps on disk: one git-ignored folder, and a record of what runs from it."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from infra.local.errors import BadRecordError, StartUnderWayError, StateFolderError
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
"""The repository's root."""
FOLDER = ROOT / ".tallycast"
RUNS = "runs"
"""Where in a state folder the short-lived clouds of the demo and the tests live."""


class Credentials(Produced):
    """The key of the local cloud's administrator; its secret is drawn anew for every state."""

    access_key_id: str
    secret_access_key: str


class Record(Produced):
    """What the command line and the tests need to know about the local cloud.

    Attributes:
        pid: MiniStack's process, also the id of its process group; None when it was stopped.
        born: when that process began, as the system tells it: a pid alone may be reused.
        outputs: the stack's outputs by name.
        resources: physical ids by logical id; those of a nested stack as `Nested.Logical`.
    """

    endpoint: str
    port: int
    region: str
    account: str
    credentials: Credentials
    stack_name: str
    pid: int | None = None
    born: str | None = None
    outputs: dict[str, str] = Field(default_factory=dict)
    resources: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """The places under one state folder."""

    root: Path
    logs: Path

    @classmethod
    def at(cls, root: Path) -> Folder:
        """The folder that keeps its logs beside its state."""
        return cls(root=root, logs=root / "logs")

    @property
    def state(self) -> Path:
        """Where MiniStack saves every service's state at a stop."""
        return self.root / "state"

    @property
    def objects(self) -> Path:
        """Where S3 objects lie."""
        return self.root / "s3"

    @property
    def tmp(self) -> Path:
        """Where workers unpack their code; emptied at every stop."""
        return self.root / "tmp"

    @property
    def log(self) -> Path:
        """Everything MiniStack prints."""
        return self.logs / "ministack.log"

    @property
    def file(self) -> Path:
        """The record, readable by its owner alone."""
        return self.root / "local.json"

    def prepare(self) -> None:
        """Make the places.

        Raises:
            StateFolderError: the folder cannot be written.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for place in (self.state, self.objects, self.tmp, self.logs):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.tmp / ".probe"
            probe.write_bytes(b"can this folder be written?")
            probe.unlink()
        except OSError as error:
            raise StateFolderError(self.root, error.strerror or str(error)) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within it no other process starts a cloud from this folder.

        Raises:
            StartUnderWayError: one does so now.
        """
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StartUnderWayError from error
            yield

    def empty_tmp(self) -> None:
        """Remove what workers left behind."""
        shutil.rmtree(self.tmp, ignore_errors=True)

    def wipe(self) -> None:
        """Remove everything but the short-lived clouds of the demo and the tests, which tidy up.

        Raises:
            StateFolderError: something cannot be removed.
        """
        try:
            for entry in self.root.iterdir() if self.root.is_dir() else ():
                if entry.is_dir() and entry.name != RUNS:
                    shutil.rmtree(entry)
                elif entry.is_file():
                    entry.unlink()
        except OSError as error:
            raise StateFolderError(self.root, error.strerror or str(error)) from error

    def write(self, record: Record) -> None:
        """Replace the record.

        Raises:
            StateFolderError: it cannot be written.
        """
        new = self.file.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as out:
                out.write(record.model_dump_json(indent=2))
            new.replace(self.file)
        except OSError as error:
            raise StateFolderError(self.root, error.strerror or str(error)) from error

    def read(self) -> Record | None:
        """The record; None when nothing was ever started from here.

        Raises:
            BadRecordError: it cannot be understood.
        """
        try:
            return Record.model_validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return None
        except (ValidationError, OSError) as error:
            raise BadRecordError(self.file) from error
