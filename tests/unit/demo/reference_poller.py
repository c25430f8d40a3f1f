"""A slow, plain poller built on feedparser: what the demo's truth is held against.

It shares no code with the truth: it sees only what comes over the wire.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import feedparser

Answer = tuple[int, dict[str, str], bytes]
Fetch = Callable[[str, dict[str, str]], Answer]

PREFIXES = ("op3.dev/e/", "pdst.fm/e/", "dts.podtrac.com/redirect.mp3/", "chrt.fm/track/7A11E7/")


@dataclass
class Report:
    kind: str
    published: set[tuple[str, str]] = field(default_factory=set)
    updated: int = 0
    rehosted: int = 0
    gone: int = 0
    returned: int = 0
    error: str | None = None
    moved_to: str | None = None
    status: int = 0


@dataclass
class ReferencePoller:
    """Polls one feed; `path` is where it polls next."""

    fetch: Fetch
    path: str
    seen: dict[tuple[str, str], tuple[object, ...]] = field(default_factory=dict)
    present: set[tuple[str, str]] = field(default_factory=set)
    validators: dict[str, str] = field(default_factory=dict)

    def poll(self) -> Report:
        asked, moved = self.path, None
        headers = {"accept-encoding": "gzip", **self.validators}
        status, answer, body = self.fetch(asked, headers)
        while status in {301, 302}:
            asked = urlsplit(answer["location"]).path
            moved = asked if status == 301 else moved
            status, answer, body = self.fetch(asked, headers)
        errors = {500: "ServerError", 429: "TooManyRequestsError", 410: "FeedGoneError"}
        if status in errors:
            kind = "retired" if status == 410 else "failed"
            return Report(kind, error=errors[status], status=status)
        if status == 304:
            return Report("unchanged", status=status)
        if answer.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        parsed = feedparser.parse(body, response_headers={"content-type": answer["content-type"]})
        if not parsed.version:
            return Report("failed", error="NotAFeedError", status=status)
        told = urlsplit(parsed.feed.get("itunes_new-feed-url", "")).path
        moved = moved or (told if told and told != self.path else None)
        self.path = moved or self.path
        self._keep_validators(answer)
        report = self._compare(parsed.entries)
        report.moved_to, report.status = moved, status
        report.kind = "moved" if moved else report.kind
        return report

    def _keep_validators(self, answer: Mapping[str, str]) -> None:
        names = {"etag": "if-none-match", "last-modified": "if-modified-since"}
        self.validators = {names[name]: answer[name] for name in names if name in answer}

    def _compare(self, entries: list[Any]) -> Report:
        now = {identity(entry): content(entry) for entry in entries}
        assert len(now) == len(entries), "identities repeat inside one document"
        published = set(now) - set(self.seen)
        updated = {one for one in set(now) & set(self.seen) if self.seen[one] != now[one]}
        rehosted = sum(self.seen[one][-1] != now[one][-1] for one in updated)
        gone = len(self.present - set(now))
        returned = len(set(now) - published - updated - self.present)
        self.seen |= now
        self.present = set(now)
        other = updated or gone or returned
        kind = "published" if published else "changed" if other else "unchanged"
        return Report(kind, published, len(updated), rehosted, gone, returned)


def identity(entry: Any) -> tuple[str, str]:
    if "id" in entry:
        return "guid", entry.id
    bare = entry.enclosures[0].href.removeprefix("https://").partition("?")[0]
    while chain := [prefix for prefix in PREFIXES if bare.startswith(prefix)]:
        bare = bare.removeprefix(chain[0])
    return "enclosure", bare


def content(entry: Any) -> tuple[object, ...]:
    enclosure = entry.enclosures[0]
    return (
        entry.title,
        entry.summary,
        entry.link,
        entry.get("published"),
        entry.itunes_duration,
        enclosure.length,
        enclosure.href.partition("?")[0],
    )
