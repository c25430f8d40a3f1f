"""Which addresses an endpoint may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallycast.feeds.fetching import urls
from tallycast.feeds.fetching.addresses import inside
from tallycast.feeds.fetching.errors import BadUrlError
from tallycast.feeds.fetching.guard import WEB_PORTS, openings
from tallycast.kernel.errors import InvalidError

if TYPE_CHECKING:
    from tallycast.feeds.fetching.urls import WebAddress

_LONGEST: Final = 1000


class BadWebhookUrlError(InvalidError):
    """Nothing is sent to such an address."""


def checked_url(url: str, allow: tuple[str, ...]) -> str:
    """The address in its canonical form.

    It is https on a port of the web, and no address of anybody's inside; what the allow list of
    a laptop opens may be http. Where a *name* leads is checked at every attempt.

    Raises:
        BadWebhookUrlError: it is another; the message says which part.
    """
    if len(url) > _LONGEST:
        raise BadWebhookUrlError(f"an address has at most {_LONGEST} characters")
    try:
        address = urls.parse(url)
    except BadUrlError as error:
        raise BadWebhookUrlError(error.message) from error
    if _is_opened(address, allow):
        return address.url
    if address.scheme != "https":
        raise BadWebhookUrlError("webhooks are sent to https:// addresses only")
    if address.port not in WEB_PORTS:
        raise BadWebhookUrlError(f"webhooks are sent to port 443, not to {address.port}")
    if address.literal is not None and inside(address.literal) is not None:
        raise BadWebhookUrlError("webhooks are sent to addresses of the public web only")
    return address.url


def _is_opened(address: WebAddress, allow: tuple[str, ...]) -> bool:
    for opening in openings(allow):
        if address.literal is not None and opening.covers(
            address.host, address.literal, address.port
        ):
            return True
        if opening.network is None and opening.host == address.host:
            return opening.port in (None, address.port)
    return False
