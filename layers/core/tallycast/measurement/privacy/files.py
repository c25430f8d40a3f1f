"""A secret in a file, for counting on a person's machine: the same file gives the same hashes."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from tallycast.kernel.errors import PermanentError
from tallycast.measurement.privacy.keys import KEY_BYTES, KeyRing

if TYPE_CHECKING:
    from pathlib import Path


class KeyFileError(PermanentError):
    """The file holds no secret of ours."""


def ring_in_file(path: Path) -> KeyRing:
    """The ring whose secret the file holds; the file is made, for its owner alone, if missing.

    Deleting the file makes every hash ever made with it unlinkable.

    Raises:
        KeyFileError: the file is there and holds something else, or cannot be read or written.
    """
    try:
        _create(path)
        text = path.read_text(encoding="ascii").strip()
        secret = bytes.fromhex(text)
    except (OSError, ValueError) as error:
        reason = type(error).__name__ if isinstance(error, ValueError) else error.strerror
        raise KeyFileError(f"{path} cannot be used as a key file: {reason}") from None
    if len(secret) != KEY_BYTES:
        raise KeyFileError(f"{path} holds no key of {KEY_BYTES} bytes in hexadecimal")
    return KeyRing.from_secret(secret)


def _create(path: Path) -> None:
    """Make the file unless it is there; whole or not at all, even with two at once."""
    if path.exists():
        return
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
        os.link(new, path)
    except FileExistsError:
        pass  # another was quicker: its key is the one
    finally:
        new.unlink()
