"""Days and moments as callers write them: one way each, and of this century.

pydantic alone also reads texts that are numbers (`"0.5"`, `"1700006400"`) as seconds since 1970,
and its bounds of days are not seen in a JSON schema. Here what a schema says is what is read.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BeforeValidator, Field

FIRST: Final = date(2000, 1, 1)
LAST: Final = date(2100, 1, 1)
_DAY: Final = r"^(20[0-9]{2}-[0-9]{2}-[0-9]{2}|2100-01-01)$"
_MOMENT: Final = (
    r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)


def _day(given: Any) -> Any:  # noqa: ANN401 - whatever came
    if not isinstance(given, str):
        return given
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
        raise ValueError("a day is written like 2026-11-20")
    return date.fromisoformat(given)


def _moment(given: Any) -> Any:  # noqa: ANN401 - whatever came
    if not isinstance(given, str):
        return given
    if not re.fullmatch(_MOMENT.strip("^$"), given):
        raise ValueError("a moment of this century is written like 2026-11-20T12:00:00Z")
    return datetime.fromisoformat(given.upper())


Day = Annotated[
    date,
    Field(ge=FIRST, le=LAST, json_schema_extra={"pattern": _DAY}),
    BeforeValidator(_day),
]
Moment = Annotated[
    AwareDatetime, Field(json_schema_extra={"pattern": _MOMENT}), BeforeValidator(_moment)
]
