"""JSON in and out of commands."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path


class BadDocumentError(PermanentError):
    """A file that should hold a JSON object holds something else."""


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        BadDocumentError: there is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadDocumentError(f"{path} holds no JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadDocumentError(f"{path} holds no JSON object")
    return document


def print_json(document: Any) -> None:  # noqa: ANN401 - whatever is JSON
    """Write a JSON value, and nothing else, to stdout."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    # Half a character, which JSON can hold (`\ud800`), cannot be written.
    sys.stdout.write(text.encode("utf-8", "replace").decode() + "\n")
