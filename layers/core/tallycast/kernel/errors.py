"""The two roots of every error we raise: worth another try, or not.

A class name is part of the contract: queues and state machines retry by it.
"""

from __future__ import annotations


class TallycastError(Exception):
    """An error that carries its facts by name, so that logs and replies can show them.

    Args:
        message: one line that says what is wrong and, where it helps, what to do.
        facts: what the message is about (`feed_id`, `url`, `status` …).
    """

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    @property
    def code(self) -> str:
        """The error's name in logs, metrics and replies: its class name."""
        return type(self).__name__


class RetryableError(TallycastError):
    """The same call may go through later: queues and state machines try again."""


class PermanentError(TallycastError):
    """The same call will fail again: it is recorded and not repeated."""


class NotFoundError(PermanentError):
    """The tenant has no such thing; whether another tenant has it is nobody's business."""


class ConflictError(PermanentError):
    """It does not go together with what is there already: a duplicate, a wrong state."""


class InvalidError(PermanentError):
    """What was asked for makes no sense as it stands; the message says which part, and why."""


class DeniedError(PermanentError):
    """Whoever asks is known, and may not do this."""


class StaleError(PermanentError):
    """It was changed by somebody else since it was read: read it again and decide anew."""
