"""From our errors to problem+json (RFC 9457): one table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from tallycast.api.call import IfMatchRequiredError
from tallycast.kernel.errors import (
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
    PermanentError,
    RetryableError,
    StaleError,
    TallycastError,
)
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError

CONTENT_TYPE: Final = "application/problem+json"
DOCS: Final = "https://tallycast.dev/problems/"


class BadRequestError(PermanentError):
    """The request cannot be read: a header or the body is not what it must be."""


class UnauthenticatedError(PermanentError):
    """Nobody is known to ask."""


class UnsupportedMediaTypeError(PermanentError):
    """The body is of a type that this route does not read."""


class RequestTooLargeError(PermanentError):
    """The body is larger than any that makes sense here."""


class RateLimitExceededError(PermanentError):
    """The client's plan allows no more requests just now."""


class FieldsInvalidError(InvalidError):
    """Some fields of the body or the query are wrong; `errors` says which."""

    def __init__(self, message: str, errors: list[FieldError]) -> None:
        super().__init__(message)
        self.errors = errors


# The first class that the error is an instance of decides.
STATUS: Final[Mapping[type[TallycastError], int]] = {
    UnauthenticatedError: 401,
    DeniedError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    StaleError: 412,
    RequestTooLargeError: 413,
    UnsupportedMediaTypeError: 415,
    InvalidError: 422,
    IfMatchRequiredError: 428,
    RateLimitExceededError: 429,
    BadRequestError: 400,
    RetryableError: 503,
}
TITLES: Final = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Invalid",
    428: "If-Match needed",
    429: "Too many requests",
    500: "Our fault",
    503: "Not available now",
}
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class FieldError(Produced):
    """One field that is wrong."""

    pointer: str = Field(description="JSON pointer into the body, or `query.<name>`")
    detail: str


class Problem(Produced):
    """What went wrong, for machines and people (RFC 9457)."""

    type: str = Field(description="Address of the page that explains this kind of problem")
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable name of the problem")
    request_id: str
    errors: list[FieldError] | None = None


def slug(error: type[TallycastError]) -> str:
    """`CampaignNotFoundError` → `campaign-not-found`."""
    return _WORD_STARTS.sub("-", error.__name__.removesuffix("Error")).lower()


def status_of(error: type[TallycastError]) -> int:
    """The status of a kind of error; those that a caller can do nothing about are ours: 500."""
    return next((status for kind, status in STATUS.items() if issubclass(error, kind)), 500)


def problem_of(error: Exception, request_id: str) -> Problem:
    """What a caller sees of an error; nothing of the inside of errors that are ours."""
    if not isinstance(error, TallycastError) or status_of(type(error)) == 500:  # noqa: PLR2004
        return Problem(
            type=f"{DOCS}internal",
            title=TITLES[500],
            status=500,
            detail=f"Something failed on our side; it is logged under {request_id}.",
            code="internal",
            request_id=request_id,
        )
    kind = type(error)
    status = status_of(kind)
    if isinstance(error, RetryableError):
        detail = "The platform is busy or a part of it does not answer: try again in a moment."
    else:
        detail = error.message
    errors = error.errors if isinstance(error, FieldsInvalidError) else None
    return Problem(
        type=f"{DOCS}{slug(kind)}",
        title=TITLES[status],
        status=status,
        detail=detail,
        code=slug(kind),
        request_id=request_id,
        errors=errors,
    )


def fields_invalid(error: ValidationError, where: str) -> FieldsInvalidError:
    """Every field that a model refuses, by its place; never the value itself.

    Args:
        error: pydantic's.
        where: `body` or `query`.
    """
    errors = [
        FieldError(
            pointer=_pointer(each["loc"], where), detail=each["msg"].removeprefix("Value error, ")
        )
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    first = errors[0]
    return FieldsInvalidError(f"{first.pointer}: {first.detail}", errors)


def _pointer(place: tuple[Any, ...], where: str) -> str:
    if where == "query":
        return "query." + ".".join(map(str, place))
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in place)
