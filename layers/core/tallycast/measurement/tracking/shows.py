"""What the redirect knows of a show and of the platform's policy, as read from table items.

Items come in DynamoDB's own JSON (`{"S": "acme"}`), since the redirect reads the table without
boto3.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    WireItem = Mapping[str, Mapping[str, Any]]

ACTIVE = "active"
DISABLED = "disabled"
BANNED = "banned"


@dataclass(frozen=True, slots=True)
class TrackedShow:
    """What a show key stands for.

    Attributes:
        tenant: whose show.
        show_id: which show.
        hosts: hosts (and ports) that its feed names.
        secrets: signing secrets that are live, the current one first.
        state: `active`; `disabled`: redirected but not recorded; `banned`: refused.
        stamp: `"tenant":"…","show_id":"…"`, ready to stand in a record.
    """

    tenant: str
    show_id: str
    hosts: frozenset[str]
    secrets: tuple[bytes, ...]
    state: str
    stamp: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for every show.

    Attributes:
        recording: off: listeners are redirected and nothing is recorded.
        redirecting: off: nobody is redirected any more.
        banned_hosts: hosts never redirected to, with everything below them.
    """

    recording: bool = True
    redirecting: bool = True
    banned_hosts: frozenset[str] = frozenset()

    def bans(self, authority: str) -> bool:
        """Whether a host, or a domain that it lies in, is banned; its port doesn't matter."""
        if not self.banned_hosts:
            return False
        host = authority if authority.endswith("]") else authority.rpartition(":")[0] or authority
        while host:
            if host in self.banned_hosts:
                return True
            host = host.partition(".")[2]
        return False


def show_of(item: WireItem) -> TrackedShow | None:
    """The show of a key's item; None for an item that is not complete yet."""
    tenant, show_id = _text(item, "tenant"), _text(item, "show_id")
    if not tenant or not show_id:
        return None
    return TrackedShow(
        tenant=tenant,
        show_id=show_id,
        hosts=frozenset(_texts(item, "hosts")),
        secrets=tuple(base64.urlsafe_b64decode(text + "=") for text in _list(item, "secrets")),
        state=_text(item, "state") or ACTIVE,
        stamp=f'"tenant":{quoted(tenant)},"show_id":{quoted(show_id)}',
    )


def policy_of(item: WireItem | None) -> Policy:
    """The policy; an item that does not exist bans nobody and switches nothing off."""
    if item is None:
        return Policy()
    return Policy(
        recording=_text(item, "recording") != "off",
        redirecting=_text(item, "redirecting") != "off",
        banned_hosts=frozenset(_texts(item, "banned_hosts")),
    )


def _text(item: WireItem, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _texts(item: WireItem, name: str) -> list[str]:
    return [str(text) for text in item.get(name, {}).get("SS", [])]


def _list(item: WireItem, name: str) -> list[str]:
    return [str(value.get("S", "")) for value in item.get(name, {}).get("L", [])]
