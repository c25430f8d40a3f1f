"""What a fetch takes and gives: plain values; times in seconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tallycast import __version__
from tallycast.feeds.fetching.guard import openings

MAX_BODY_BYTES = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One address, with what the last fetch of it left behind.

    Attributes:
        url: the address to ask.
        etag: the ETag of the last answer, verbatim with its quotes.
        last_modified: the Last-Modified of the last answer, verbatim.
        validators_url: the `final_url` of the answer they came from. When known, they are sent
            to that address only: after a move, a new host must not answer "not modified" about
            the old host's document. When unknown, every hop gets them.
    """

    url: str
    etag: str | None = None
    last_modified: str | None = None
    validators_url: str | None = None


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """The budget and manners of a fetch.

    Attributes:
        deadline_seconds: for all of it: names, connections, TLS, every redirect, the last byte.
        connect_timeout_seconds: for one attempt to connect, inside the deadline.
        max_bytes: of the body after decompression; exactly as many still pass.
        max_redirects: hops followed; one more is an error.
        max_header_bytes: of one answer's head, its status line and interim answers included.
        max_header_count: lines in one answer's head.
        contact_url: in the User-Agent, so that a host knows whom to write to.
        allow: addresses opened beside the public web, for a local cloud and for tests, never in
            a deployed stack: `127.0.0.1:8091`, `localhost:8091`, `[::1]:8091`, `127.0.0.0/8:*`.
        ca_file: PEM file of certificate authorities trusted instead of the public ones.
    """

    deadline_seconds: float = 20.0
    connect_timeout_seconds: float = 5.0
    max_bytes: int = MAX_BODY_BYTES
    max_redirects: int = 5
    max_header_bytes: int = 64 * 1024
    max_header_count: int = 200
    contact_url: str | None = None
    allow: tuple[str, ...] = ()
    ca_file: str | None = None

    def __post_init__(self) -> None:
        if min(self.deadline_seconds, self.connect_timeout_seconds) <= 0:
            raise ValueError("a fetch needs a deadline and a connect timeout above 0 seconds")
        if min(self.max_bytes, self.max_header_bytes, self.max_header_count) < 1:
            raise ValueError("a fetch needs room for a body and a head")
        if self.max_redirects < 0:
            raise ValueError("max_redirects cannot be negative")
        openings(self.allow)  # an entry that cannot be read is an error here, not at a fetch
        contact = self.contact_url
        if contact is not None and not (
            contact.isascii() and contact.isprintable() and not set(contact) & set(" ();")
        ):
            raise ValueError("contact_url must be a plain address without spaces or brackets")

    @property
    def user_agent(self) -> str:
        """Who we are, what for, and where to complain."""
        contact = f"+{self.contact_url}; " if self.contact_url else ""
        return f"Tallycast/{__version__} ({contact}podcast feed poller)"


@dataclass(frozen=True, slots=True)
class Redirect:
    """One hop: the status that sent us on, and the absolute address it sent us to."""

    status: int
    url: str


@dataclass(frozen=True, slots=True)
class PushLinks:
    """WebSub discovery in the Link header: the hubs, and the topic (`rel=self`)."""

    hubs: tuple[str, ...] = ()
    self_url: str | None = None


@dataclass(frozen=True, slots=True)
class FetchResult:
    """A fetch that went well.

    Attributes:
        kind: `fetched` has a body; `not_modified` has none, and nothing is to be parsed.
        reason: why it is not modified: `status_304`, or `same_etag` on a 200 whose strong ETag
            is the one sent (the body is then not read at all).
        body: the document, decompressed.
        etag: to send next time, verbatim; a 304 may bring a new one. Same for `last_modified`.
        content_type: the header, verbatim.
        final_url: the address that answered, in canonical form.
        permanent_url: the address to remember instead of the one asked: the end of an unbroken
            chain of 301 and 308 from the start. None when there is nothing to change.
        redirects: the hops, in order.
        max_age_seconds: how long the server calls this fresh (Cache-Control, else Expires).
        links: WebSub discovery from the Link header.
        retry_after: seconds to wait, when even this answer asks for it.
        elapsed_seconds: the whole fetch.
        wire_bytes: received on the last hop, heads and compression as they came.
        http_status: of the last answer.
    """

    kind: Literal["fetched", "not_modified"]
    http_status: int
    final_url: str
    body: bytes = b""
    reason: Literal["status_304", "same_etag"] | None = None
    etag: str | None = None
    last_modified: str | None = None
    content_type: str | None = None
    permanent_url: str | None = None
    redirects: tuple[Redirect, ...] = ()
    max_age_seconds: int | None = None
    links: PushLinks = PushLinks()
    retry_after: float | None = None
    elapsed_seconds: float = 0.0
    wire_bytes: int = 0
