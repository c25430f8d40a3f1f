"""Records of DynamoDB streams survive a stop, like the positions that point into them.

AWS: a stream keeps its records for 24 hours. MiniStack saves how far each event-source mapping
has read but not what there is to read: after a restart a mapping would wait behind its old
position, and as many new records as were read before would pass unseen.
"""

# ruff: noqa: SLF001 - mending MiniStack means reaching into it

from __future__ import annotations

import copy
from typing import Any

from ministack.services import dynamodb

_RECORDS = "tallycast_stream_records"
_TRIMMED = "tallycast_stream_trimmed"


def apply() -> None:
    """Save stream records with the tables, and restore both."""
    save, load = dynamodb.get_state, dynamodb.load_persisted_state

    def _save() -> dict[str, Any]:
        state: dict[str, Any] = save()
        state[_RECORDS] = copy.deepcopy(dynamodb._stream_records)
        state[_TRIMMED] = copy.deepcopy(dynamodb._stream_trimmed)
        return state

    def _load(state: dict[str, Any]) -> None:
        load(state)
        dynamodb._stream_records.update(state.get(_RECORDS, {}))
        dynamodb._stream_trimmed.update(state.get(_TRIMMED, {}))

    dynamodb.get_state, dynamodb.load_persisted_state = _save, _load
