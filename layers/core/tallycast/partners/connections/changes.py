"""From a change of a connection in the `core` table to the event that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallycast.kernel.ids import derived_id
from tallycast.partners.connections.events import ConnectionBroken
from tallycast.partners.connections.model import CONNECTION, Connection, State

if TYPE_CHECKING:
    from collections.abc import Mapping


def events_of(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, at: str
) -> list[ConnectionBroken]:
    """What one change of one item means; most changes mean nothing.

    Args:
        old: the item before, None when it was not there.
        new: the item after, None when it was deleted.
        at: when the change was made.
    """
    if old is None or new is None or new.get("kind") != CONNECTION.name:
        return []
    before = Connection.model_validate_json(str(old["document"]))
    after = Connection.model_validate_json(str(new["document"]))
    if before.state is State.NEEDS_RECONNECT or after.state is not State.NEEDS_RECONNECT:
        return []
    return [
        ConnectionBroken(
            event_id=derived_id("evt", "ConnectionBroken", str(new["id"]), str(new["version"])),
            occurred_at=at,
            tenant=str(new["tenant"]),
            connection_id=str(new["id"]),
            provider=after.provider,
            label=after.label,
            problem=after.problem or "",
        )
    ]
