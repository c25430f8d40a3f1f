"""From the address asked to the one that answers: redirects, and which of them to remember."""

from __future__ import annotations

from tallycast.feeds.fetching import urls
from tallycast.feeds.fetching.errors import (
    BadRedirectError,
    RedirectLoopError,
    TooManyRedirectsError,
)
from tallycast.feeds.fetching.model import Redirect
from tallycast.feeds.fetching.statuses import PERMANENT_REDIRECTS


class Journey:
    """Where a fetch is, and how it came there.

    Attributes:
        url: the address of this hop, as given; `address` once `arrive` has read it.
        host: the host of this hop; empty when the address cannot be read.
        redirects: the hops behind.
        moved_for_good: whether only permanent redirects, or none, led here.
    """

    def __init__(self, url: str, max_redirects: int) -> None:
        self.url = url
        self.host = ""
        self.redirects: list[Redirect] = []
        self.moved_for_good = True
        self._max_redirects = max_redirects
        self._visited: list[str] = []
        self._home = ""

    def arrive(self) -> urls.WebAddress:
        """Read the address of this hop.

        Raises:
            BadUrlError: it is none that feeds are fetched from.
            RedirectLoopError: it was visited before.
        """
        self.host = ""
        address = urls.parse(self.url)
        self.url, self.host = address.url, address.host
        if self.url in self._visited:
            raise RedirectLoopError("redirects in a circle")
        self._visited.append(self.url)
        if self.moved_for_good:
            self._home = self.url
        return address

    def follow(self, here: urls.WebAddress, status: int, location: str | None) -> None:
        """Take one redirect from `here`.

        Raises:
            BadRedirectError: it does not say where to.
            TooManyRedirectsError: it is one too many.
            BadUrlError: it leads to what is no address.
        """
        if not location:
            raise BadRedirectError("a redirect that does not say where to", http_status=status)
        if len(self.redirects) >= self._max_redirects:
            raise TooManyRedirectsError(
                f"more than {self._max_redirects} redirects", http_status=status
            )
        self.url = urls.join(here, location)
        self.redirects.append(Redirect(status, self.url))
        # A move from https to http is followed, but the safer address is the one remembered.
        is_downgrade = here.scheme == "https" and self.url.lower().startswith("http:")
        if status not in PERMANENT_REDIRECTS or is_downgrade:
            self.moved_for_good = False

    @property
    def permanent_url(self) -> str | None:
        """The end of the unbroken chain of permanent redirects; None when nothing moved."""
        return self._home if self._visited and self._home != self._visited[0] else None
