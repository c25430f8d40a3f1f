"""The one place that formats keys of rollups in the `metrics` table.

Every key begins with the tenant. A card lies with all days of the same thing, so that a period is
one Query; beside it an index entry lies with all cards of the same day, so that a day is one
Query too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tallycast.kernel.errors import PermanentError
from tallycast.kernel.keys import tenant_prefix

if TYPE_CHECKING:
    from datetime import date

    from tallycast.measurement.rollups.model import Period, Scope

_RULES = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_LONGEST_ID = 200
_AFTER_EVERY_PAGE = "~"
PAGES = 1000  # pages are numbered with three digits


class BadRollupKeyError(PermanentError):
    """A name that could be mistaken for another part of a key."""


def of(tenant: str, rules: str, scope: Scope, of_id: str) -> str:
    """`TENANT#acme#RULES#iab-2.3#SHOW#show_…`: the partition of everything known of one thing.

    Raises:
        BadRollupKeyError: the rule set's name or the id could not stand in a key.
        BadTenantError: the tenant's name could not.
    """
    if "#" in of_id or not 0 < len(of_id) <= _LONGEST_ID:
        raise BadRollupKeyError(f"{of_id!r} is no id of a rollup", id=of_id)
    return f"{_counted(tenant, rules)}#{scope.upper()}#{of_id}"


def day(on: date, page: int = 0) -> str:
    """`DAY#2026-11-22`, and its further pages `DAY#2026-11-22#001` … behind it."""
    return f"DAY#{on.isoformat()}#{page:03d}" if page else f"DAY#{on.isoformat()}"


def days_until(last: date) -> str:
    """The upper end of a range of days, pages of the last day included."""
    return f"DAY#{last.isoformat()}{_AFTER_EVERY_PAGE}"


def ages() -> str:
    """The downloads since release."""
    return "AGES"


def listeners(period: Period, name: str) -> str:
    """`LISTENERS#WEEK#2026-W47`."""
    return f"LISTENERS#{period.upper()}#{name}"


def cards_of_day(tenant: str, rules: str, on: date) -> str:
    """`TENANT#acme#RULES#iab-2.3#CARDS#2026-11-22`: the partition that lists a day's cards."""
    return f"{_counted(tenant, rules)}#CARDS#{on.isoformat()}"


def card_entry(scope: Scope, of_id: str) -> str:
    """`SHOW#show_…`: one card in that list."""
    return f"{scope.upper()}#{of_id}"


def _counted(tenant: str, rules: str) -> str:
    if not _RULES.fullmatch(rules):
        raise BadRollupKeyError(f"{rules!r} is no name of a rule set", rules=rules)
    return f"{tenant_prefix(tenant)}#RULES#{rules}"
