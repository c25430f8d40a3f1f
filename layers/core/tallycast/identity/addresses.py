"""E-mail addresses as people are known by them: one spelling each."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

# Whether an address exists only a mail to it can tell; this keeps out what could not be one.
_ADDRESS: Final = re.compile(
    r"[^@\s\x00-\x1f\x7f<>,;:\"()\[\]\\]{1,64}@[a-z0-9.-]{1,185}\.[a-z0-9-]{2,63}"
)


def one_spelling(address: str) -> str:
    """The address in lower case, without blanks around it.

    Raises:
        ValueError: it is none.
    """
    spelt = address.strip().lower()
    if not _ADDRESS.fullmatch(spelt):
        raise ValueError("that is no e-mail address")
    return spelt


Address = Annotated[str, Field(max_length=254), AfterValidator(one_spelling)]
