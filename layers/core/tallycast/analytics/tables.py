"""Tables as CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Cell = str | int | float | date | None
# A spreadsheet takes text that begins so for a formula, and runs it.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; `name` is that of a file with them."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]


def to_csv(table: Table) -> str:
    """RFC 4180, with the columns' names first.

    Text that a spreadsheet would take for a formula gets a leading `'`; numbers are left as they
    are, negative ones too. Nothing (None) is an empty cell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe(column) for column in table.columns])
    writer.writerows([safe(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def safe(cell: Cell) -> Cell:
    """A cell that is what it looks like."""
    if isinstance(cell, Enum):
        cell = str(cell.value)
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
    return cell.isoformat() if isinstance(cell, date) else cell
