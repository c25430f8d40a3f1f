"""How a function answers a person: a refusal is an answer, a failure of ours is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from tallycast.aws.errors import RequestRefusedError, ServiceUnavailableError
from tallycast.aws.observability import logger
from tallycast.kernel.errors import PermanentError, RetryableError, TallycastError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import ValidationError


class BadCommandError(PermanentError):
    """The command is not one of ours, or lacks something."""

    @classmethod
    def of(cls, error: ValidationError) -> Self:
        """The first thing that is wrong, in one line."""
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "command"
        return cls(f"bad command: {where}: {first['msg'].removeprefix('Value error, ')}")


def answered(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a command gives, or `{"error": {"code", "message", "retryable"}}` saying why not.

    Raises:
        TallycastError: our own platform fails; that is no answer to a person.
    """
    try:
        return run()
    except (ServiceUnavailableError, RequestRefusedError):
        raise
    except TallycastError as error:
        logger.info("refused", extra={"error": f"{error.code}: {error.message}"})
        retryable = isinstance(error, RetryableError)
        return {"error": {"code": error.code, "message": error.message, "retryable": retryable}}
