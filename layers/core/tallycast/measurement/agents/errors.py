"""What can be wrong with a list of user agents."""

from __future__ import annotations

from tallycast.kernel.errors import PermanentError


class BadAgentListError(PermanentError):
    """A list cannot be used: the message names the file, the entry and what to mend.

    Nothing of a bad list is taken over: whoever activates lists keeps the one before.

    Args:
        message: what is wrong.
        file: which document (`bots.json`).
        entry: the name of the entry within it, where one is to blame.
    """

    def __init__(self, message: str, *, file: str, entry: str | None = None) -> None:
        where = f"{file}, entry {entry!r}" if entry is not None else file
        super().__init__(f"{where}: {message}", file=file, entry=entry)
