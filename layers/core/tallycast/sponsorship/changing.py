"""A document with some of its fields changed: valid as a whole, or refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from tallycast.kernel.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

M = TypeVar("M", bound=BaseModel)


class ChangeInvalidError(InvalidError):
    """With this change the thing would make no sense; the message says which part, and why."""


def merged(document: M, changes: Mapping[str, Any]) -> M:
    """The document with these fields in place of its own; nested objects are replaced whole.

    Raises:
        ChangeInvalidError: it would not be valid.
    """
    return made(type(document), {**document.model_dump(), **changes})


def made(model: type[M], fields: Mapping[str, Any]) -> M:
    """A document of these fields.

    Raises:
        ChangeInvalidError: it would not be valid.
    """
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise ChangeInvalidError(f"{where}: {what}" if where else what) from error
