"""The guard against being sent inside: every address is checked before a connection is made.

A name is resolved once per hop, and *every* address it resolves to must be public: a name that
is half inside is an attack or a mistake, and neither is worth a guess. The connection then goes
to a checked address, never to the name again, so that a second answer of the name service
changes nothing. Each redirect passes here anew.
"""

from __future__ import annotations

import queue
import socket
import threading
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from tallycast.feeds.fetching.addresses import inside, is_never_opened
from tallycast.feeds.fetching.errors import (
    BlockedAddressError,
    FetchError,
    NameLookupFailedError,
    NameNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tallycast.feeds.fetching.addresses import IPAddress, IPNetwork
    from tallycast.feeds.fetching.deadline import Deadline
    from tallycast.feeds.fetching.urls import WebAddress

    Resolver = Callable[[str, int], Sequence[str]]

WEB_PORTS = frozenset({80, 443})
_NO_SUCH_NAME = {
    code for name in ("EAI_NONAME", "EAI_NODATA") if (code := getattr(socket, name, None))
}


@dataclass(frozen=True, slots=True)
class Opening:
    """One entry of the allow-list: a name or a network, with one port or (None) any."""

    host: str | None
    network: IPNetwork | None
    port: int | None

    def covers(self, host: str, address: IPAddress, port: int) -> bool:
        """Whether a connection to `address`, resolved from `host`, is opened."""
        if self.port not in (None, port):
            return False
        if self.network is None:
            return host == self.host
        return address.version == self.network.version and address in self.network


@lru_cache(maxsize=16)
def openings(allow: tuple[str, ...]) -> tuple[Opening, ...]:
    """Read an allow-list: `127.0.0.1:8091`, `localhost:8091`, `[::1]:8091`, `127.0.0.0/8:*`.

    Raises:
        ValueError: an entry without a port or with one that is none.
    """
    return tuple(_opening(entry) for entry in allow)


def _opening(entry: str) -> Opening:
    host, _, port = entry.strip().lower().rpartition(":")
    if not host or not (port == "*" or (port.isascii() and port.isdigit())):
        raise ValueError(f"not an allow-list entry (host:port, network:port, host:*): {entry!r}")
    number = None if port == "*" else int(port)
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return Opening(None, ip_network(bare), number)
    except ValueError:
        if "/" in bare or ":" in bare:
            raise ValueError(f"not a network: {entry!r}") from None
        return Opening(bare, None, number)


def admitted(
    address: WebAddress, allow: tuple[str, ...], resolver: Resolver, deadline: Deadline
) -> tuple[str, ...]:
    """The IP addresses a connection for `address` may be made to, in the resolver's order.

    Raises:
        BlockedAddressError: the port is neither 80 nor 443, or any of the addresses is not
            public, and the allow-list does not open it.
        NameNotFoundError, NameLookupFailedError, FetchTimeoutError: the name did not resolve.
    """
    opened = openings(allow)
    if address.port not in WEB_PORTS and all(
        opening.port not in (None, address.port) for opening in opened
    ):
        raise BlockedAddressError(f"port {address.port} is not fetched from, only 80 and 443")
    if address.literal is not None:
        found = [str(address.literal)]
    else:
        found = _resolved(resolver, address.host, address.port, deadline)
    for text in found:
        _check(text, address, opened)
    return tuple(found)


def _check(text: str, address: WebAddress, opened: tuple[Opening, ...]) -> None:
    try:
        ip = ip_address(text)
    except ValueError:
        raise BlockedAddressError("the name resolves to what is no IP address") from None
    kind = inside(ip)
    is_opened = any(opening.covers(address.host, ip, address.port) for opening in opened)
    if is_opened and not is_never_opened(ip):
        return
    # The message names the kind and not the number: it may be shown to a tenant, whom the
    # numbers of our own network do not concern.
    if kind is not None:
        raise BlockedAddressError(f"leads to a {kind} address; feeds are fetched from the web only")
    if address.port not in WEB_PORTS:
        raise BlockedAddressError(f"port {address.port} is not fetched from, only 80 and 443")


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses the system's name service knows for `host`, best first, without repeats."""
    infos = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _resolved(resolver: Resolver, host: str, port: int, deadline: Deadline) -> list[str]:
    """Resolve beside this thread: the system call takes no time-out, and we have a deadline.

    A lookup that hangs is left behind in a daemon thread, which the system's own time-out ends.
    """
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(list(resolver(host, port)))
        except Exception as error:  # noqa: BLE001 - handed to the waiting thread, raised there
            answers.put(error)

    wait = deadline.left("looking up the name")
    threading.Thread(target=look_up, name="name-lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=wait)
    except queue.Empty:
        raise deadline.passed("looking up the name") from None
    if isinstance(answer, Exception):
        raise _lookup_error(answer) from answer
    if not answer:
        raise NameNotFoundError("the name has no address")
    return answer


def _lookup_error(error: Exception) -> Exception:
    if isinstance(error, socket.gaierror):
        if error.errno in _NO_SUCH_NAME:
            return NameNotFoundError("no such host")
        return NameLookupFailedError("the name service gave no answer; it is tried again later")
    if isinstance(error, FetchError):
        return error
    if isinstance(error, (OSError, UnicodeError)):
        return NameLookupFailedError("the name could not be looked up")
    return error
