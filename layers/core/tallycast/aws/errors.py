"""What AWS refuses, in our words: worth another try, or not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from tallycast.kernel.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_RETRYABLE = {
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_SERVER_ERROR = 500


class ServiceUnavailableError(RetryableError):
    """AWS throttles, times out or fails: the same call may go through later."""


class ContendedError(ServiceUnavailableError):
    """Another transaction had hold of the same items; nothing of this one was done."""


class RequestRefusedError(PermanentError):
    """AWS refuses the call itself (access, validation, a resource that is not there)."""


class ConditionFailedError(PermanentError):
    """A conditional write met another state than it expected."""


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn botocore's errors inside into ours; `action` says what was being done.

    Raises:
        ConditionFailedError: a condition of a DynamoDB write did not hold.
        ServiceUnavailableError: throttling, 5xx, time-outs, no connection; `ContendedError` when
            another transaction was at the same items.
        RequestRefusedError: everything else.
    """
    try:
        yield
    except ClientError as error:
        raise _translate(error, action) from error
    except ParamValidationError as error:
        raise RequestRefusedError(f"{action}: {error}", action=action) from error
    except BotoCoreError as error:
        raise ServiceUnavailableError(f"{action}: {error}", action=action) from error


def _translate(error: ClientError, action: str) -> Exception:
    code = error.response.get("Error", {}).get("Code", "Unknown")
    detail = error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"{action}: {code}"
    if code == "ConditionalCheckFailedException":
        return ConditionFailedError(message, action=action, aws_code=code)
    if code == "TransactionCanceledException":
        reasons = {r.get("Code", "None") for r in error.response.get("CancellationReasons", [])}
        if "ConditionalCheckFailed" in reasons:
            return ConditionFailedError(message, action=action, aws_code=code)
        kind = ContendedError if "TransactionConflict" in reasons else ServiceUnavailableError
        return kind(message, action=action, aws_code=code)
    if code in _RETRYABLE or status >= _SERVER_ERROR:
        return ServiceUnavailableError(message, action=action, aws_code=code)
    return RequestRefusedError(f"{message}: {detail}", action=action, aws_code=code)
