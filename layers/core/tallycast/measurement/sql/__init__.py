"""Questions to Athena: one `.sql` file each, in the SQL that Trino and DuckDB have in common.

`render("downloads_by_day", tenant="acme", rules="iab-2.3", first=…, last=…)` gives the query with
its values in place. Every query names its tenant and its days: partition projection needs the one,
and what it costs depends on the other.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from tallycast.kernel.errors import PermanentError
from tallycast.kernel.keys import tenant_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = str | int | date | tuple[str, ...]

_PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_LEAD: Final = re.compile(r"^-- lead: (\d+) days", re.MULTILINE)
_RULES: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_LONGEST_TEXT: Final = 400
_MOST_IN_A_LIST: Final = 100


class UnknownQueryError(PermanentError):
    """There is no query of that name."""


class BadQueryValueError(PermanentError):
    """A value that is missing, too much, or cannot stand in a query."""


def names() -> list[str]:
    """The names of all queries."""
    return sorted(
        entry.name.removesuffix(".sql")
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".sql")
    )


def parameters(name: str) -> set[str]:
    """The values a query asks for. `lead` is never among them: it follows from `first`."""
    return set(_PARAMETER.findall(_body(name))) - {"lead"}


def render(name: str, **values: Value) -> str:
    """A query with its values in place, each as the literal of its type.

    `lead` is the first day that is read: some queries look back before `first`.

    Raises:
        UnknownQueryError: there is no such query.
        BadQueryValueError: a value is missing, unknown, or of a kind that cannot stand there.
        BadTenantError: the tenant's name is none.
    """
    wanted = parameters(name)
    if wanted != set(values):
        missing = ", ".join(sorted(wanted - set(values))) or "nothing"
        surplus = ", ".join(sorted(set(values) - wanted)) or "nothing"
        raise BadQueryValueError(f"{name}: missing {missing}; not asked for: {surplus}", query=name)
    _check(name, values)
    first = values.get("first")
    literals = {key: _literal(key, value) for key, value in values.items()}
    if isinstance(first, date):
        literals["lead"] = _literal("lead", first - timedelta(days=_lead_days(name)))
    return _PARAMETER.sub(lambda found: literals[found[1]], _body(name))


def _check(name: str, values: dict[str, Value]) -> None:
    tenant_prefix(str(values["tenant"]))
    rules = values.get("rules")
    if rules is not None and not (isinstance(rules, str) and _RULES.fullmatch(rules)):
        raise BadQueryValueError(f"{rules!r} is no name of a rule set", query=name)
    first, last = values.get("first"), values.get("last")
    if isinstance(first, date) and isinstance(last, date) and last < first:
        raise BadQueryValueError(f"{name}: the period ends before it begins", query=name)


def _literal(key: str, value: Value) -> str:
    """A value as SQL. Days are text, because `dt` is: `'2026-11-22'`."""
    if isinstance(value, bool) or not isinstance(value, str | int | date | tuple):
        raise BadQueryValueError(f"{key}: {type(value).__name__} cannot stand in a query")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return f"'{value:%Y-%m-%d}'"
    if isinstance(value, str):
        return _text(key, value)
    return _list(key, value)


def _list(key: str, values: Sequence[str]) -> str:
    if not 0 < len(values) <= _MOST_IN_A_LIST:
        raise BadQueryValueError(f"{key}: between 1 and {_MOST_IN_A_LIST} values, please")
    return ", ".join(_text(key, value) for value in values)


def _text(key: str, value: str) -> str:
    if len(value) > _LONGEST_TEXT or not value.isprintable():
        raise BadQueryValueError(f"{key}: text is printable and at most {_LONGEST_TEXT} characters")
    return "'" + value.replace("'", "''") + "'"


def _lead_days(name: str) -> int:
    found = _LEAD.search(_source(name))
    return int(found[1]) if found else 0


def _body(name: str) -> str:
    """The query without its comments, in which a colon would mean nothing."""
    lines = (line for line in _source(name).splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip()


@cache
def _source(name: str) -> str:
    if name not in names():
        raise UnknownQueryError(f"no query {name!r}", query=name)
    return (files(__package__) / f"{name}.sql").read_text(encoding="utf-8")
