"""Every way a fetch can end badly, by name.

The deep modules raise these with a message alone; `fetch` adds where and when (`placed`). A
class name is what queues retry by and what a feed's history shows, so each names one cause a
person can act on. Retryable means: the same request may go through in a minute.
"""

from __future__ import annotations

from typing import Self

from tallycast.kernel.errors import PermanentError, RetryableError, TallycastError

_SHOWN = 120


def shown(text: str) -> str:
    """Text from a stranger, made safe for one line of a message: printable ASCII, capped."""
    safe = "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
    return safe if len(safe) <= _SHOWN else f"{safe[:_SHOWN]}…"


class FetchError(TallycastError):
    """A fetch that gave no feed.

    Attributes:
        url: the address that was asked for.
        failed_url: the address that failed: `url`, or what it redirected to.
        host: the host of `failed_url`.
        elapsed_seconds: from the start of the fetch to the failure.
        http_status: the status of the answer, if one came.
        retry_after: seconds the server asks to be left alone, if it said so.
    """

    def __init__(
        self, message: str, *, http_status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, http_status=http_status, retry_after=retry_after)
        self.url = ""
        self.failed_url = ""
        self.host = ""
        self.elapsed_seconds = 0.0
        self.http_status = http_status
        self.retry_after = retry_after

    def placed(self, *, url: str, failed_url: str, host: str, elapsed_seconds: float) -> Self:
        """The same error, knowing where and when it happened; the message names the host."""
        self.url, self.failed_url, self.host = url, failed_url, host
        self.elapsed_seconds = elapsed_seconds
        self.facts.update(url=url, failed_url=failed_url, host=host)
        self.facts["elapsed_seconds"] = round(elapsed_seconds, 3)
        if host:
            self.message = f"{shown(host)}: {self.message}"
            self.args = (self.message,)
        return self


class BadUrlError(FetchError, PermanentError):
    """The address is no plain http or https address."""


class BlockedAddressError(FetchError, PermanentError):
    """The address leads to a port or a network that feeds are not fetched from."""


class NameNotFoundError(FetchError, PermanentError):
    """The name service says there is no such host."""


class NameLookupFailedError(FetchError, RetryableError):
    """The name service gave no usable answer this time."""


class ConnectionFailedError(FetchError, RetryableError):
    """No connection, or one that closed before it answered."""


class TlsFailedError(FetchError, PermanentError):
    """The server's certificate or its TLS is not acceptable."""


class FetchTimeoutError(FetchError, RetryableError):
    """The whole fetch, or its connection, took longer than its budget."""


class BadResponseError(FetchError, PermanentError):
    """The answer is not HTTP."""


class HeadersTooLargeError(FetchError, PermanentError):
    """The head of the answer is larger, or has more lines, than any honest server sends."""


class BodyTooLargeError(FetchError, PermanentError):
    """The document is larger than the limit, counted after decompression."""


class TruncatedBodyError(FetchError, RetryableError):
    """The body ended before its announced end."""


class ContentDecodingError(FetchError, PermanentError):
    """The body is not in the encoding its head names, or in one that was not asked for."""


class TooManyRedirectsError(FetchError, PermanentError):
    """The redirects went on beyond the limit."""


class RedirectLoopError(FetchError, PermanentError):
    """A redirect leads back to an address already visited."""


class BadRedirectError(FetchError, PermanentError):
    """A redirect that does not say where to."""


class FeedGoneError(FetchError, PermanentError):
    """410: the publisher says the feed is gone for good."""


class FeedNotFoundError(FetchError, PermanentError):
    """404: nothing there now."""


class AccessRefusedError(FetchError, PermanentError):
    """401, 402, 403, 407 or 451: the server will not give the feed to us."""


class TooManyRequestsError(FetchError, RetryableError):
    """429, or 503 with a Retry-After: the server asks to be left alone for a while."""


class ServerError(FetchError, RetryableError):
    """408 or 5xx: the server's own trouble."""


class UnexpectedStatusError(FetchError, PermanentError):
    """A status that makes no sense as an answer to this request."""
