"""A feed's normal form as plain JSON values, under the model's own names."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tallycast.feeds.model import ParsedFeed


def to_json(feed: ParsedFeed) -> dict[str, Any]:
    """A dictionary that `json.dumps` takes as it is.

    Keys are the model's names; times are ISO 8601 with `Z`; tuples are lists; what is missing is
    null. A number without a fraction (episode 3.0) is a whole number.
    """
    return {name.name: _plain(getattr(feed, name.name)) for name in fields(feed)}


def _plain(value: object) -> Any:  # noqa: ANN401 JSON is of any type
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if is_dataclass(value):
        return {name.name: _plain(getattr(value, name.name)) for name in fields(value)}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
