"""A document from a file, an address, or standard input (`-`)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tallycast.feeds.fetching import MAX_BODY_BYTES, FetchRequest, FetchSettings, fetch
from tallycast.kernel.errors import PermanentError


class SourceUnreadableError(PermanentError):
    """The file cannot be read."""


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes with what is known of where they came from."""

    body: bytes
    url: str | None = None
    content_type: str | None = None


def load(source: str, *, allow: tuple[str, ...] = ()) -> Document:
    """Read a file, standard input, or an http(s) address through the fetch guard.

    Raises:
        SourceUnreadableError: no such file, no permission, or over 25 MiB.
        FetchError: the address cannot be fetched; the subclass says why.
    """
    if source.lower().startswith(("http://", "https://")):
        got = fetch(FetchRequest(url=source), settings=FetchSettings(allow=allow))
        return Document(got.body, got.final_url, got.content_type)
    if not source:
        raise SourceUnreadableError("no file or address given")
    try:
        body = (
            sys.stdin.buffer.read(MAX_BODY_BYTES + 1) if source == "-" else _read_file(Path(source))
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SourceUnreadableError(f"cannot read {source}: {reason}") from error
    if len(body) > MAX_BODY_BYTES:
        raise SourceUnreadableError(f"cannot read {source}: larger than {MAX_BODY_BYTES} bytes")
    return Document(body)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BODY_BYTES + 1)
