"""A batch call of SQS is allowed by the permission for the single call.

AWS: there is no action `sqs:SendMessageBatch`; `sqs:SendMessage` allows both calls, and likewise
for deleting messages and changing their visibility.

MiniStack: takes the name of the call for the action, and denies every batch.
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_actions

SINGLE = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}


def apply() -> None:
    """Have MiniStack check batches of SQS as AWS does."""
    extract = iam_actions.extract_iam_action

    def _extract(*arguments: Any, **named: Any) -> str | None:  # noqa: ANN401 (MiniStack's own)
        action: str | None = extract(*arguments, **named)
        return SINGLE.get(action, action) if action else action

    iam_actions.extract_iam_action = _extract
