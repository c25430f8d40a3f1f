"""Subscriptions of CloudWatch Logs: JSON documents one after the other, each with log events.

A record is a log event; a control message is one record, and so is what cannot be read between
two documents. Records are numbered in order, since the documents come without line feeds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tallycast.measurement.logs.blocks import CONTROL, NO_ENVELOPE, Block, cleaned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallycast.measurement.logs.opening import Opened

# CloudWatch Logs sends at most 1 MB compressed; a document larger than this is none of its.
_LARGEST: Final = 16 * 1024 * 1024
_START: Final = b'{"'
_KEPT: Final = 4096
_DECODER: Final = json.JSONDecoder()


def messages(opened: Opened, size: int) -> Iterator[Block]:
    """The messages of all log events as lines of blocks, with marks for what is no message."""
    first, gathered, weight = 1, [], 0
    for document in _documents(opened):
        for line in _lines(document):
            gathered.append(line)
            weight += len(line) + 1
        if weight >= size:
            yield _block(first, gathered)
            first += len(gathered)
            gathered, weight = [], 0
    if gathered:
        yield _block(first, gathered)


def _block(first: int, lines: list[bytes]) -> Block:
    return Block(first, b"".join([line + b"\n" for line in lines]))


def _documents(opened: Opened) -> Iterator[Any]:
    """The JSON documents; bytes where there is something else."""
    pending = ""
    decoder_bytes = b""
    for chunk in opened.chunks():
        decoder_bytes += chunk
        text, decoder_bytes = _whole_characters(decoder_bytes)
        pending += text
        documents, pending = _split(pending, last=False)
        yield from documents
    pending += decoder_bytes.decode("utf-8", "replace")
    documents, rest = _split(pending, last=opened.damage is None)
    yield from documents
    if rest.strip() and opened.damage is None:
        yield rest.encode()


def _whole_characters(data: bytes) -> tuple[str, bytes]:
    """What can be decoded now, and a character that was cut."""
    for cut in range(min(3, len(data)) + 1):
        end = len(data) - cut
        if not end or data[end - 1] < 0x80 or (cut and data[end] >= 0xC0):  # noqa: PLR2004 - UTF-8
            return data[:end].decode("utf-8", "replace"), data[end:]
    return data.decode("utf-8", "replace"), b""


def _split(text: str, *, last: bool) -> tuple[list[Any], str]:
    found: list[Any] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return found, ""
        try:
            document, at = _DECODER.raw_decode(text, at)
            found.append(document)
            continue
        except RecursionError:
            pass
        except ValueError:
            if not last and len(text) - at < _LARGEST:
                return found, text[at:]
        # No document: up to where the next one may begin.
        following = text.find(_START.decode(), at + 1)
        end = len(text) if following < 0 else following
        found.append(text[at:end].encode("utf-8", "replace"))
        at = end


def _lines(document: Any) -> list[bytes]:  # noqa: ANN401 - whatever the JSON holds
    if isinstance(document, dict):
        if document.get("messageType") == "CONTROL_MESSAGE":
            return [CONTROL.encode()]
        events = document.get("logEvents")
        if document.get("messageType") == "DATA_MESSAGE" and isinstance(events, list):
            return [_message(event) for event in events]
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return [NO_ENVELOPE.encode() + _one_line(text)]


def _message(event: Any) -> bytes:  # noqa: ANN401 - see above
    message = event.get("message") if isinstance(event, dict) else None
    if isinstance(message, str):
        return _one_line(message.encode("utf-8", "replace"), longest=None)
    return NO_ENVELOPE.encode() + _one_line(json.dumps(event).encode())


def _one_line(text: bytes, longest: int | None = _KEPT) -> bytes:
    return cleaned(text.strip().replace(b"\n", b" ")[:longest])
