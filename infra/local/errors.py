"""What can go wrong with the local cloud. Every message is one line that says what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

    from infra.local.state import Record


class LocalCloudError(PermanentError):
    """The local cloud cannot do what was asked; the message says what to do."""


class PortTakenError(LocalCloudError):
    """Another program listens on the port the local cloud needs."""

    @classmethod
    def given(cls, port: int, variable: str) -> PortTakenError:
        """The port was asked for by name."""
        return cls(
            f"port {port} is taken by another program: choose another with {variable}={port + 1}, "
            f"or leave {variable} unset to have a free one chosen",
            port=port,
        )

    @classmethod
    def remembered(cls, port: int) -> PortTakenError:
        """The port was used before, and the kept queues carry it in their addresses."""
        return cls(
            f"port {port} is taken by another program, and the kept state is bound to it: "
            "end that program, or begin afresh with `make reset`",
            port=port,
        )

    @classmethod
    def moved(cls, kept: int, wanted: int, variable: str) -> PortTakenError:
        """Another port was asked for than the one the kept state is bound to."""
        return cls(
            f"the kept state is bound to port {kept}, not {wanted}: unset {variable}, "
            "or begin afresh with `make reset`",
            kept=kept,
            wanted=wanted,
        )


class BadPortError(LocalCloudError):
    """The port asked for is no port."""

    def __init__(self, text: str, variable: str) -> None:
        super().__init__(f"{variable}={text} is no port: give a number from 1 to 65535", text=text)


class StateFolderError(LocalCloudError):
    """The folder that keeps the state cannot be written or read."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"cannot write to {folder}: {reason}; free some space or mend its permissions",
            folder=str(folder),
        )


class BadRecordError(LocalCloudError):
    """The file that remembers the local cloud is damaged or of another version."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"{file} is damaged or was written by another version: begin afresh with `make reset`",
            file=str(file),
        )


class NotRunningError(LocalCloudError):
    """Nothing runs from this folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("the local cloud is not running: start it with `make up`", folder=folder)


class AlreadyRunningError(LocalCloudError):
    """A local cloud already runs from this folder."""

    def __init__(self, record: Record) -> None:
        super().__init__(
            f"the local cloud already runs at {record.endpoint} (pid {record.pid}): "
            "end it with `make down`",
            pid=record.pid,
        )


class EmulatorVersionError(LocalCloudError):
    """MiniStack is not the version the bridge was written for."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(
            f"MiniStack {found} is installed, but the bridge is pinned to {wanted}: "
            "run `make setup` to install the pinned version",
            found=found,
            wanted=wanted,
        )


class EmulatorChangedError(LocalCloudError):
    """A place in MiniStack that the bridge mends does not look as it did."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"MiniStack's {place} is not what the bridge expects: run `make setup` to install "
            "the pinned version unchanged",
            place=place,
        )


class EmulatorDiedError(LocalCloudError):
    """MiniStack ended by itself, or did not answer in time."""

    def __init__(self, what: str, last_lines: str, log: Path) -> None:
        tail = f" ({last_lines})" if last_lines else ""
        super().__init__(f"the local cloud {what}{tail}; see {log}", log=str(log))


class DeploymentFailedError(LocalCloudError):
    """CloudFormation could not bring the stack to what the template says."""

    def __init__(self, stack: str, resource: str | None, reason: str, log: Path) -> None:
        where = f"{resource}: " if resource else ""
        said = " ".join(reason.split())  # one line
        super().__init__(
            f"deployment of {stack} failed: {where}{said}; see {log}",
            stack=stack,
            resource=resource,
        )


class TemplateError(LocalCloudError):
    """The template, or something it points at, cannot be read."""


class UnknownFunctionError(LocalCloudError):
    """No function of the stack has this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no function {name}: there are {', '.join(known)}", name=name)


class StartUnderWayError(LocalCloudError):
    """Another process starts a cloud from the same folder at this moment."""

    def __init__(self) -> None:
        super().__init__("another start is under way: wait for it, then look at `make up` again")
