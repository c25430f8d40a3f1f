"""What a show's host answers: a pure rule from habit, phase and request to a reply."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

from tallycast.demo.habits import Habit, Phase
from tallycast.demo.rss import Setting, page_count, render
from tallycast.demo.script import show_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallycast.demo.shows import DemoShow

MOVED_FEED = "moved/feed.xml"
MIRROR_FEED = "mirror/feed.xml"
ETAG_HABITS = frozenset({
    Habit.STRONG_ETAG, Habit.BOTH_VALIDATORS, Habit.GZIP, Habit.SLOW, Habit.ILL_FORMED,
    Habit.PERMANENT_REDIRECT, Habit.TEMPORARY_REDIRECT, Habit.NEW_FEED_URL, Habit.DYING,
    Habit.THROTTLED, Habit.PARKED,
})  # fmt: skip
LAST_MODIFIED_HABITS = frozenset({Habit.LAST_MODIFIED, Habit.BOTH_VALIDATORS})
# The second address of the shows that have one, and the phase from which it is in force.
SECOND_ADDRESS = {
    Habit.PERMANENT_REDIRECT: (MOVED_FEED, Phase.SECOND_TICK),
    Habit.NEW_FEED_URL: (MOVED_FEED, Phase.SECOND_TICK),
    Habit.TEMPORARY_REDIRECT: (MIRROR_FEED, Phase.REGISTRATION),
}
_KEPT_BY_304 = frozenset({"ETag", "Last-Modified", "Vary"})
_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>{title}</title></head>"
    "<body><h1>{title}</h1><p>This page is not a feed.</p></body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a show: the path below its slug, the page, the headers in lower case."""

    tail: str = "feed.xml"
    page: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def conditional(self) -> bool:
        """Whether the client asked to be told only of a change."""
        return "if-none-match" in self.headers or "if-modified-since" in self.headers


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `slow` asks the server to wait before giving it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    slow: bool = False


def feed_path(slug: str) -> str:
    """The path under which a show is registered."""
    return f"/{slug}/feed.xml"


def moved_path(slug: str) -> str:
    """The path a moving show has from the second tick on."""
    return f"/{slug}/{MOVED_FEED}"


def answer(
    show: DemoShow,
    phase: Phase,
    request: Request,
    *,
    base_url: str,
    serial: int = 0,
    retry_after: int = 1,
) -> Reply:
    """What the show's host answers in `phase`.

    Args:
        show: the show as generated; the script brings it to `phase`.
        phase: the demo's act.
        request: what was asked.
        base_url: the origin's address without an end slash, for absolute links.
        serial: the ordinal of this request among the show's, for churn and tokens.
        retry_after: seconds a throttling host asks for.
    """
    out_of_order = _out_of_order(show, phase, retry_after)
    if out_of_order:
        return out_of_order
    second, since = SECOND_ADDRESS.get(show.habit, (None, phase))
    tails = {"feed.xml"} | ({second} if second and phase >= since else set())
    if request.tail not in tails or not 1 <= request.page <= page_count(show_at(show, phase)):
        return _html(404, "Not found")
    redirect = _redirect(show, phase, request, base_url)
    return redirect or _document(show, phase, request, base_url, serial)


def _out_of_order(show: DemoShow, phase: Phase, retry_after: int) -> Reply | None:
    match show.habit, phase:
        case (Habit.BROKEN, _) | (Habit.PARKED, Phase.SECOND_TICK):
            return _html(200, f"{show.slug}.example.com is parked")
        case Habit.DYING, Phase.SECOND_TICK:
            return _html(500, "Internal server error")
        case Habit.DYING, Phase.THIRD_TICK:
            return _html(410, "Gone")
        case Habit.THROTTLED, Phase.SECOND_TICK:
            return _html(429, "Too many requests", {"Retry-After": str(retry_after)})
        case _:
            return None


def _redirect(show: DemoShow, phase: Phase, request: Request, base_url: str) -> Reply | None:
    if request.tail != "feed.xml":
        return None
    if show.habit is Habit.PERMANENT_REDIRECT and phase >= Phase.SECOND_TICK:
        return _html(301, "Moved", {"Location": f"{base_url}{moved_path(show.slug)}"})
    if show.habit is Habit.TEMPORARY_REDIRECT:
        return _html(302, "Found", {"Location": f"{base_url}/{show.slug}/{MIRROR_FEED}"})
    return None


def _document(show: DemoShow, phase: Phase, request: Request, base_url: str, serial: int) -> Reply:
    now = show_at(show, phase)
    document = render(now, _setting(now, phase, request, base_url, serial))
    headers = {"Content-Type": document.content_type}
    body = document.body
    if show.habit is Habit.GZIP:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, mtime=0)
            headers["Content-Encoding"] = "gzip"
    if show.habit in ETAG_HABITS:
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    if show.habit in LAST_MODIFIED_HABITS:
        headers["Last-Modified"] = format_datetime(now.updated, usegmt=True)
    slow = show.habit is Habit.SLOW
    if _not_modified(request, headers):
        kept = {name: value for name, value in headers.items() if name in _KEPT_BY_304}
        return Reply(304, b"", kept, slow=slow)
    return Reply(200, body, headers, slow=slow)


def _setting(show: DemoShow, phase: Phase, request: Request, base_url: str, serial: int) -> Setting:
    moving = show.habit in {Habit.PERMANENT_REDIRECT, Habit.NEW_FEED_URL}
    moved = moving and phase >= Phase.SECOND_TICK
    address = f"{base_url}{moved_path(show.slug) if moved else feed_path(show.slug)}"
    churns = show.habit is Habit.HEAD_CHURN
    return Setting(
        self_url=address,
        new_feed_url=address if moved and show.habit is Habit.NEW_FEED_URL else None,
        built=show.updated + timedelta(seconds=serial) if churns else None,
        serial=serial,
        page=request.page,
    )


def _not_modified(request: Request, headers: Mapping[str, str]) -> bool:
    """RFC 9110 §13.2.2: an If-None-Match decides alone; else If-Modified-Since, if it is a date."""
    known = request.headers.get("if-none-match")
    if known is not None and "ETag" in headers:
        return headers["ETag"] in {tag.strip().removeprefix("W/") for tag in known.split(",")}
    since = _date(request.headers.get("if-modified-since"))
    modified = _date(headers.get("Last-Modified"))
    return since is not None and modified is not None and modified <= since


def _date(value: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(value) if value else None
    except ValueError:
        return None


def _html(status: int, title: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = _PAGE.format(title=title).encode()
    return Reply(status, body, {"Content-Type": "text/html; charset=utf-8", **(headers or {})})
