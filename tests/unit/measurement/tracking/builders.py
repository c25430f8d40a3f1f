"""What the tests of the redirect are made of."""

from __future__ import annotations

import json
from datetime import datetime

from tallycast.measurement.privacy import KeyRing
from tallycast.measurement.tracking.directory import Directory
from tallycast.measurement.tracking.redirect import Redirect
from tallycast.measurement.tracking.shows import Policy, TrackedShow, policy_of, show_of

KEY = "shk_" + "kEy-" * 10 + "_aZ"
OTHER_KEY = "shk_" + "b" * 43
HOST = "audio.example.com"
SECRET = b"s" * 32
EDGE = b"the edge proves itself with this"
AT = 1_795_000_000_123  # 2026-11-18T11:06:40.123Z
ADDRESS = "198.51.100.7"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_show(**changes) -> TrackedShow:
    """A tracked show with one host."""
    item = {
        "tenant": {"S": "acme"},
        "show_id": {"S": "show_1"},
        "hosts": {"SS": [HOST]},
        "secrets": {"L": [{"S": "c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M"}]},
        "state": {"S": "active"},
    } | changes
    made = show_of(item)
    assert made is not None
    return made


def a_policy(**changes) -> Policy:
    """What holds for every show."""
    return policy_of(changes)


def hashed(address: str, moment: datetime):
    """What stands for an address, under keys that are the same in every test."""
    return KeyRing.from_secret(b"k" * 32).pseudonym(address, moment)


class Scene:
    """A redirect with what it wrote, and a table that can refuse."""

    def __init__(self, show: TrackedShow | None = None, policy: Policy | None = None, **parts):
        self.shows = {KEY: show or a_show()}
        self.policy = policy or Policy()
        self.refuses = False
        self.loads = 0
        self.lines: list[str] = []
        self.clock = Clock()
        self.redirect = Redirect(
            **{
                "directory": Directory(self._load, self.clock),
                "hashed": hashed,
                "write": self.lines.append,
                "clock": lambda: AT,
                "edge_secret": EDGE,
                "unique": lambda: "0123456789abcdef" * 2,
            }
            | parts
        )

    def _load(self, key):
        self.loads += 1
        if self.refuses:
            raise TimeoutError("the table does not answer")
        return self.shows.get(key), self.policy

    def ask(self, path: str, query: str = "", **more):
        return self.redirect.answer(an_event(path, query, **more))

    @property
    def written(self) -> list[dict]:
        return [json.loads(line) for line in self.lines]

    @property
    def hits(self) -> list[dict]:
        return [line for line in self.written if line["kind"] in ("hit", "unresolved_hit")]


def an_event(path: str, query: str = "", *, method: str = "GET", headers=None, at: int | None = AT):
    """An event of a function's URL, payload format 2.0."""
    context = {
        "accountId": "anonymous",
        "apiId": "abc",
        "domainName": "abc.lambda-url.eu-central-1.on.aws",
        "http": {
            "method": method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": ADDRESS,
            "userAgent": "x",
        },
        "requestId": "r-1",
        "stage": "$default",
        "timeEpoch": at,
    }
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc.lambda-url.eu-central-1.on.aws"} | (headers or {}),
        "requestContext": context,
        "isBase64Encoded": False,
    }


def to(rest: str, *, key: str = KEY, scheme: str = "https") -> str:
    """The path that asks for `{scheme}://{rest}`."""
    return f"/e/{key}/{scheme}/{rest}"
