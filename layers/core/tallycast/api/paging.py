"""Lists in pages: a cursor is opaque, belongs to one list, and never shows a key."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tallycast.kernel.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tallycast.aws.records import Page, Stored

MOST_PER_PAGE = 100
_NO_CURSOR = "the cursor is not one that a page of this list gave: begin without one"
S = TypeVar("S", bound=BaseModel)


class CursorInvalidError(InvalidError):
    """A cursor that no page of this list has given."""


class Query(BaseModel):
    """Base of every query model: unknown parameters are refused, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PageQuery(Query):
    """What every list can be asked."""

    limit: Annotated[int, Field(ge=1, le=MOST_PER_PAGE, description="Most items of a page")] = 50
    cursor: Annotated[
        str | None, Field(max_length=600, description="`next` of the page before")
    ] = None

    def after(self) -> str | None:
        """The cursor as the store knows it.

        Raises:
            CursorInvalidError: it is none of ours.
        """
        return None if self.cursor is None else decode_cursor(self.cursor)


class PageOf(BaseModel, Generic[S]):
    """A page of a list."""

    model_config = ConfigDict(frozen=True)

    items: list[S]
    next: str | None = Field(default=None, description="Cursor of the next page; null at the end")


def page_of(page: Page[Any], show: Callable[[Stored[Any]], S]) -> PageOf[S]:
    """A page of stored things as a caller sees it."""
    following = None if page.cursor is None else encode_cursor(page.cursor)
    return PageOf(items=[show(stored) for stored in page.items], next=following)


def encode_cursor(position: str) -> str:
    """A position in a list as callers see it."""
    return base64.urlsafe_b64encode(b"1" + position.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The reverse of `encode_cursor`.

    Raises:
        CursorInvalidError: it is none of ours.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        version, position = text[:1], text[1:].decode()
    except (ValueError, binascii.Error) as error:
        raise CursorInvalidError(_NO_CURSOR) from error
    if version != b"1" or not position.isprintable() or not position:
        raise CursorInvalidError(_NO_CURSOR)
    return position
