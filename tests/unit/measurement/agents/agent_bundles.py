"""Small bundles of lists, and the naive loop that every answer is held against."""

import json
import re
from functools import cache

import re2

from tallycast.measurement.agents import load_documents
from tallycast.measurement.agents.documents import AGENT_FILES, DEVICES
from tallycast.measurement.agents.patterns import translate
from tests.support.shared import FIXTURES

KINDS = {
    "bots.json": "bot",
    "apps.json": "app",
    "libraries.json": "library",
    "browsers.json": "browser",
}
LISTS = FIXTURES / "user-agents"


def a_document(*entries, **more):
    """The bytes of a list; an entry is a pattern or a whole object."""
    return json.dumps(
        {
            "entries": [{"name": e, "pattern": e} if isinstance(e, str) else e for e in entries],
            **more,
        }
    ).encode()


def a_bundle(**replaced):
    """Six small lists; `bots=…` and so on replace one (None leaves it out)."""
    documents = {
        "bots.json": a_document("BadBot"),
        "apps.json": a_document("GoodApp"),
        "libraries.json": a_document(
            "somelib", {"name": "lib", "pattern": "^lib/", "category": "bot"}
        ),
        "browsers.json": a_document("Mozilla"),
        "devices.json": a_document({"name": "Phone", "pattern": "Phone", "category": "mobile"}),
        "referrers.json": a_document({"name": "Player", "hosts": ["player.example"]}),
    }
    for name, body in replaced.items():
        documents.pop(f"{name}.json")
        if body is not None:
            documents[f"{name}.json"] = body
    return documents


def a_list(**replaced):
    return load_documents(a_bundle(**replaced))


class NaiveLoop:
    """Each pattern in turn with Python's `re`, in the stated order; the first that is found wins."""

    def __init__(self, folder=LISTS):
        self.entries = {
            file: [
                (re.compile(entry["pattern"], re.ASCII), entry)
                for entry in json.loads((folder / file).read_bytes())["entries"]
            ]
            for file in (*AGENT_FILES, DEVICES)
        }

    def classify(self, agent):
        """kind, name, device, category, is_bot."""
        kind, name, is_bot = "unknown", None, False
        for file in AGENT_FILES:
            if entry := self.first(file, agent):
                kind, name = KINDS[file], entry["name"]
                is_bot = kind == "bot" or (kind == "library" and entry.get("category") == "bot")
                break
        device = None if is_bot else self.first(DEVICES, agent)
        if not device:
            return kind, name, None, None, is_bot
        return kind, name, device["name"], device["category"], is_bot

    def first(self, file, agent):
        return next((entry for pattern, entry in self.entries[file] if pattern.search(agent)), None)


class InTurn:
    """Each pattern in turn with RE2 alone; of each group the first entry that is found."""

    def __init__(self, *groups):
        self.groups = [
            [[clause for p in entry.patterns for clause in translate(p)] for entry in entries]
            for entries in ([e for document in group for e in document.entries] for group in groups)
        ]

    def look_up(self, text):
        answer, start = [], 0
        for entries in self.groups:
            first = next(
                (n for n, each in enumerate(entries) if any(holds(c, text) for c in each)), None
            )
            answer.append(None if first is None else start + first)
            start += len(entries)
        return tuple(answer)


def holds(clause, text):
    """Whether RE2 finds every wanted pattern of a clause in a text and no unwanted one."""
    return all(compiled(p).search(text) for p in clause.wanted) and not any(
        compiled(p).search(text) for p in clause.unwanted
    )


@cache
def compiled(pattern):
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return re2.compile(pattern, options)
