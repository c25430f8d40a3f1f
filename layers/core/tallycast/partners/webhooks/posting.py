"""One POST to an endpoint: guarded, within its time, and whatever comes of it is an answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tallycast.feeds.fetching import (
    BlockedAddressError,
    FetchError,
    FetchSettings,
    Parcel,
    retry_after,
    send,
)
from tallycast.partners.webhooks.schedule import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

SECONDS: Final = 15.0
_CONNECT_SECONDS: Final = 5.0
_REPLY_BYTES: Final = 1024


def settings_of(allow: tuple[str, ...], seconds: float = SECONDS) -> FetchSettings:
    """The budget of an attempt.

    Args:
        allow: loopback addresses that are open, on a laptop.
        seconds: for all of it.
    """
    return FetchSettings(
        deadline_seconds=seconds,
        connect_timeout_seconds=min(_CONNECT_SECONDS, seconds),
        max_bytes=_REPLY_BYTES,
        allow=allow,
    )


def post(
    url: str,
    body: bytes,
    headers: list[tuple[str, str]],
    *,
    settings: FetchSettings,
    now: Callable[[], datetime],
) -> Answer:
    """Send `body`, and tell what the endpoint said or what went wrong."""
    started = time.monotonic()
    try:
        receipt = send(Parcel(url, body, tuple(headers)), settings=settings, whole=False)
    except FetchError as error:
        message = (
            "leads to an address that is not of the public web"
            if isinstance(error, BlockedAddressError)
            else error.message
        )
        return Answer(None, time.monotonic() - started, error=f"{error.code}: {message}")
    return Answer(
        receipt.status,
        time.monotonic() - started,
        retry_after=retry_after.parse(receipt.headers.get("retry-after"), now()),
        reply=_shown(receipt.body),
    )


def _shown(reply: bytes) -> str:
    """An answer's beginning as text: what is not to be shown is a question mark."""
    text = reply.decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)
