"""Reading lists: JSON documents of entries, ours or anybody's, checked before they are believed.

A document is `{"version"?: text, "entries": [entry, …]}`. An entry has a `name`, optionally a
`category`, and says how it is recognised in one of two ways, or both:

- `pattern`: a regular expression searched for in the agent, as the lists of the Open Podcast
  Analytics Working Group have it;
- `starts`, `equals`, `holds`, `hosts`, `matches`: lists of plain beginnings, whole agents, plain
  parts, hosts of an address (with all below them) and regular expressions, of which one must fit.

What else an entry has (descriptions, examples, pictures) is not looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallycast.measurement.agents.errors import BadAgentListError
from tallycast.measurement.agents.patterns import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES: Final = 8_000_000
MOST_ENTRIES: Final = 20_000
LONGEST_NAME: Final = 200

# In which order an agent is looked up; the first entry that matches wins.
AGENT_FILES: Final = ("bots.json", "apps.json", "libraries.json", "browsers.json")
DEVICES: Final = "devices.json"
REFERRERS: Final = "referrers.json"
PREFIXES: Final = "prefixes.json"
REQUIRED: Final = (*AGENT_FILES, DEVICES, REFERRERS)

# What stands before and behind a plain text in the pattern it becomes.
_PLAIN_WAYS: Final = (
    ("starts", "^", ""),
    ("equals", "^", "$"),
    ("holds", "", ""),
    ("hosts", r"^(?i:[a-z-]+://(?:[^/?#@]*\.)?", "(?:[:/?#]|$))"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Entry(NamedTuple):
    """One line of a list: what it names, and the patterns of which one must be found."""

    name: str
    patterns: tuple[str, ...]
    category: str | None = None


class Document(NamedTuple):
    """One list: its entries in order, its version, and the digest of its bytes."""

    file: str
    entries: tuple[Entry, ...]
    version: str
    digest: str


def read_document(file: str, body: bytes, *, version: str | None = None) -> Document:
    """A list out of its bytes.

    Args:
        file: how it is called in messages (`bots.json`).
        body: the JSON document.
        version: what whoever fetched it calls this state of it; else what the document says of
            itself; else the start of its digest.

    Raises:
        BadAgentListError: it is no JSON, has another shape, is empty, or names something twice.
    """
    digest = hashlib.sha256(body).hexdigest()
    document = _parsed(file, body)
    if not isinstance(document, dict) or not isinstance(document.get("entries"), list):
        raise BadAgentListError('expected {"entries": [ … ]}', file=file)
    raw = document["entries"]
    if not raw:
        raise BadAgentListError("the list is empty: nothing would be recognised", file=file)
    if len(raw) > MOST_ENTRIES:
        raise BadAgentListError(f"more than {MOST_ENTRIES} entries", file=file)
    entries = tuple(_entry(file, number, each) for number, each in enumerate(raw, 1))
    _refuse_repeats(file, entries)
    given = version if version is not None else document.get("version")
    if given is not None and (not isinstance(given, str) or _bad_text(given)):
        raise BadAgentListError("its version is no short text", file=file)
    return Document(file, entries, given or digest[:12], digest)


def read_prefix_hosts(file: str, body: bytes) -> frozenset[str]:
    """Hosts of measurement prefixes out of `[{"prefixpattern": "host/path"}, …]`, in lower case.

    Raises:
        BadAgentListError: it is no JSON or has another shape.
    """
    document = _parsed(file, body)
    if not isinstance(document, list) or not document:
        raise BadAgentListError("expected a list of prefixes that is not empty", file=file)
    hosts = set()
    for number, each in enumerate(document, 1):
        pattern = each.get("prefixpattern") if isinstance(each, dict) else None
        if not isinstance(pattern, str) or not pattern.strip() or _bad_text(pattern):
            raise BadAgentListError("`prefixpattern` is no text", file=file, entry=f"no. {number}")
        hosts.add(pattern.strip().partition("/")[0].lower())
    return frozenset(hosts)


def _parsed(file: str, body: bytes) -> Any:  # noqa: ANN401 -- JSON can be anything
    if len(body) > MOST_BYTES:
        raise BadAgentListError(f"larger than {MOST_BYTES} bytes", file=file)
    try:
        return json.loads(body, object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise BadAgentListError(f"this is no JSON that can be read: {error}", file=file) from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        [(repeated, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{repeated!r} stands twice in one object")
    return members


def _entry(file: str, number: int, raw: object) -> Entry:
    if not isinstance(raw, dict):
        raise BadAgentListError("an entry is an object", file=file, entry=f"no. {number}")
    name = raw.get("name")
    if not isinstance(name, str) or not name.strip() or _bad_text(name):
        raise BadAgentListError("`name` is no short text", file=file, entry=f"no. {number}")
    category = raw.get("category")
    if category is not None and (not isinstance(category, str) or _bad_text(category)):
        raise BadAgentListError("`category` is no short text", file=file, entry=name)
    patterns = _patterns(file, name, raw)
    if not patterns:
        raise BadAgentListError(
            "it has neither `pattern` nor any of `starts`, `equals`, `holds`, `hosts`, `matches`",
            file=file,
            entry=name,
        )
    return Entry(name, patterns, category)


def _patterns(file: str, name: str, raw: Mapping[str, object]) -> tuple[str, ...]:
    """Every way to recognise an entry as a regular expression; plain texts become one together."""
    plain: list[str] = []
    for way, before, behind in _PLAIN_WAYS:
        plain += [f"{before}{literal(text)}{behind}" for text in _texts(file, name, raw, way)]
    written = _texts(file, name, raw, "matches")
    pattern = raw.get("pattern")
    if pattern is not None:
        if not isinstance(pattern, str) or not pattern:
            raise BadAgentListError("`pattern` is no text", file=file, entry=name)
        written.insert(0, pattern)
    return (*(["|".join(plain)] if plain else []), *written)


def _texts(file: str, name: str, raw: Mapping[str, object], way: str) -> list[str]:
    texts = raw.get(way, [])
    if not isinstance(texts, list) or not all(isinstance(t, str) and t for t in texts):
        raise BadAgentListError(f"`{way}` is no list of texts", file=file, entry=name)
    return list(texts)


def _refuse_repeats(file: str, entries: tuple[Entry, ...]) -> None:
    for what, values in (
        ("name", Counter(entry.name for entry in entries)),
        ("pattern", Counter(pattern for entry in entries for pattern in entry.patterns)),
    ):
        [(value, times)] = values.most_common(1)
        if times > 1:
            owner = next(e.name for e in entries if value in {e.name, *e.patterns})
            raise BadAgentListError(
                f"its {what} stands {times} times in the list: join the entries",
                file=file,
                entry=owner,
            )


def _bad_text(text: str) -> bool:
    return len(text) > LONGEST_NAME or _CONTROL.search(text) is not None
