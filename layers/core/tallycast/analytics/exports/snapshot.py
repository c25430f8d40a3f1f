"""A counted day's rows as they are between two counts, in local files.

Rows of a day are replaced by the count that settles it: objects first, then the day's state. A day
is read whole when its objects are exactly those of the count that its state tells of, before and
after they were read, and hold as many rows as it says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from tallycast.kernel.errors import RetryableError
from tallycast.measurement.counting.opening import counted_folders
from tallycast.measurement.lake.store import LakeObjectMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tallycast.measurement.counting.days import DayRef, DayState, DayStore
    from tallycast.measurement.lake.store import LakeStore

_TRIES: Final = 4
_PAUSE_SECONDS: Final = 2.0


class DayChangingError(RetryableError):
    """The day is being settled by a count; its rows can be read when that is done."""


@dataclass(frozen=True, slots=True)
class DayReader:
    """Reads the rows of counted days.

    Attributes:
        pause: waits for some seconds.
    """

    days: DayStore
    lake: LakeStore
    pause: Callable[[float], None] = time.sleep

    def fetch(
        self,
        table: Literal["downloads", "waterfall"],
        ref: DayRef,
        folder: Path,
        rows_in: Callable[[Sequence[Path]], int],
    ) -> list[Path]:
        """Local files with exactly the rows of a day's count; none when it was never counted.

        Args:
            table: which rows.
            ref: the day.
            folder: where to put the files; it holds nothing else.
            rows_in: counts what files say: downloads, or requests of a waterfall.

        Raises:
            DayChangingError: it went on changing.
        """
        for attempt in range(_TRIES):
            if attempt:
                self.pause(_PAUSE_SECONDS * attempt)
            state = self.days.get(ref)
            if not state.version:
                return []
            try:
                found = self._fetch(table, state, folder / str(attempt))
            except LakeObjectMissingError:
                continue
            if found is None or self.days.get(ref).version != state.version:
                continue
            expected = state.downloads if table == "downloads" else state.requests
            if rows_in(found) == expected:
                return found
        raise DayChangingError(f"{table} of {ref.day} keep changing", day=str(ref.day))

    def _fetch(
        self, table: Literal["downloads", "waterfall"], state: DayState, folder: Path
    ) -> list[Path] | None:
        """The objects of the count that a state tells of; None when there are others, too."""
        prefix = counted_folders(state.ref)[table]
        there = {entry.key for entry in self.lake.listed(prefix)}
        count = {
            f"{prefix}{shard:02d}-of-{state.shards:02d}.parquet" for shard in range(state.shards)
        }
        if there != count:
            return None
        return list(self.lake.fetch(sorted(there), folder).values())
