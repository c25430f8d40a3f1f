"""What a message's body says of itself, once its signature holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from tallycast.partners.hooks.schemes import Scheme

_LONGEST: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Read:
    """What a body says: the provider's id and type of the message; `unreadable` says why not."""

    provider_id: str | None = None
    type: str | None = None
    unreadable: str | None = None


def read(scheme: Scheme, content_type: str, body: bytes) -> Read:
    """Read a body as what its content type promises; JSON unless it says otherwise.

    A body of another type than JSON or a form is kept as it is: there is nothing to read in it.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _FORM:
        return _form(body)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        return Read()
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Read(unreadable=f"the body is no JSON: {_cause(error)}")
    if not isinstance(found, dict):
        return Read()
    return Read(
        provider_id=_text(found, "id") if scheme is Scheme.STRIPE else None,
        type=_text(found, "type"),
    )


def _form(body: bytes) -> Read:
    try:
        parse_qs(body.decode("utf-8"), max_num_fields=1000)
    except ValueError as error:
        return Read(unreadable=f"the body is no form: {_cause(error)}")
    return Read()


def _cause(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError):
        return "too deep"
    return str(error)[:_LONGEST]


def _text(found: dict[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST else None
