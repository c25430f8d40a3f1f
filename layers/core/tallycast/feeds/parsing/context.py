"""What the readers of one document share: its limits, its warnings, and its base address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

from tallycast.feeds.parsing import names
from tallycast.feeds.parsing.dates import read_date
from tallycast.feeds.parsing.values import is_absolute, read_duration, read_number, read_whole
from tallycast.feeds.parsing.warnings import Warnings

if TYPE_CHECKING:
    from datetime import datetime

    from lxml.etree import _Element

    from tallycast.feeds.parsing.limits import Limits

_USUAL_SCHEMES = ("https://", "http://")


@dataclass(slots=True)
class Raw:
    """What one item or channel holds, as found: plain texts by name, and parts already read.

    `texts` keeps the first text of each name. `parts` keeps everything that comes more than once
    or has attributes, by the name of its field in the normal form.
    """

    texts: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[Any]] = field(default_factory=dict)
    source: str = ""


@dataclass(slots=True)
class Context:
    """State of one reading.

    `base` is what relative addresses are resolved against where no `xml:base` is in force: the
    channel's link, else the feed's own address. `unresolved` counts addresses that had no base.
    """

    limits: Limits
    warnings: Warnings = field(default_factory=Warnings)
    base: str | None = None
    unresolved: int = 0

    def quiet(self) -> Context:
        """The same context with warnings of its own."""
        return Context(self.limits, Warnings(), self.base)

    def url(self, value: str | None, element: _Element | None = None) -> str | None:
        """An absolute address as text; None when there is none."""
        if not value:
            return None
        usual = value.startswith(_USUAL_SCHEMES) and len(value) <= self.limits.url
        if usual and value.split() == [value]:  # the quickest way to see that nothing is blank
            return value
        url = value.strip()
        if len(url) != len(value):
            self.warnings.add("url_with_spaces", url)
        if not url:
            return None
        if len(url) > self.limits.url:
            self.warnings.add("url_too_long", url)
            return None
        if " " in url or "\n" in url or "\t" in url:
            self.warnings.add("url_with_spaces", url)
            url = "%20".join(url.split())
        return url if is_absolute(url) else self._resolved(url, element)

    def _resolved(self, url: str, element: _Element | None) -> str:
        self.warnings.add("relative_url", url)
        base = self.base
        if element is not None and (own := base_in_force(element)):
            base = own if is_absolute(own) else _joined(base or "", own)
        if not base:
            self.unresolved += 1
            return url
        return _joined(base, url)

    def date(self, text: str | None) -> datetime | None:
        """A moment in UTC; a text that is none is warned of."""
        if not text or text.isspace():
            return None
        moment = read_date(text)
        if moment is None:
            self.warnings.add("date_unreadable", text.strip())
        return moment

    def duration(self, text: str | None) -> int | None:
        """Seconds; a text that says none is warned of."""
        if not text or text.isspace():
            return None
        seconds = read_duration(text)
        if seconds is None:
            self.warnings.add("duration_unreadable", text.strip())
        return seconds

    def whole(self, text: str | None, warning: str) -> int | None:
        """A whole number; a text that is none is warned of under `warning`."""
        number = read_whole(text)
        if number is None and text and not text.isspace():
            self.warnings.add(warning, text.strip())
        return number

    def number(self, text: str | None, warning: str = "number_unreadable") -> float | None:
        """A decimal number; a text that is none is warned of under `warning`."""
        number = read_number(text)
        if number is None and text and not text.isspace():
            self.warnings.add(warning, text.strip())
        return number

    def attribute(self, element: _Element, name: str) -> str | None:
        """One attribute without surrounding white space; None when missing or empty.

        For the few attributes of a frequent tag this is cheaper than `attributes`.
        """
        value = element.get(name)
        if not value:
            return None
        value = value.strip()
        if len(value) > self.limits.text:
            value = self.cut(value, self.limits.text, name)
        return value or None

    def attributes(self, element: _Element) -> dict[str, str]:
        """An element's attributes without surrounding white space; empty ones are left out."""
        found: dict[str, str] = {}
        longest = self.limits.text
        for name, written in cast("list[tuple[str, str]]", element.items()):
            if value := written.strip():
                found[name] = value if len(value) <= longest else self.cut(value, longest, name)
        return found

    def cut(self, text: str, longest: int, what: str) -> str:
        """`text` without surrounding white space and no longer than `longest` characters."""
        text = text.strip()
        if len(text) <= longest:
            return text
        self.warnings.add("text_too_long", what)
        return text[:longest]


def base_in_force(element: _Element) -> str | None:
    """The `xml:base` that holds for `element`: its own and its ancestors', joined."""
    found: str | None = None
    current: _Element | None = element
    while current is not None:
        if here := current.get(names.BASE):
            found = _joined(here.strip(), found) if found else here.strip()
            if is_absolute(found):
                break
        current = current.getparent()
    return found


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        # An address such as `http://[x` cannot be taken apart; it stays as it was written.
        return url
