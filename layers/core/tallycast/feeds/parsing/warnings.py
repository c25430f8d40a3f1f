"""What a feed does that it should not, counted while it is read."""

from __future__ import annotations

from tallycast.feeds.model import FeedWarning

# The example is for a person to find the place, not for the record.
LONGEST_EXAMPLE = 120


class Warnings:
    """Counts warnings by code and keeps the first example of each."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str | None]] = {}

    def add(self, code: str, example: str | None = None, *, count: int = 1) -> None:
        """Count one more of `code`; only its first example is kept."""
        seen, first = self._found.get(code, (0, None))
        if first is None and example:
            first = example[:LONGEST_EXAMPLE]
        self._found[code] = (seen + count, first)

    def add_all(self, later: Warnings) -> None:
        """Count all that was counted elsewhere, as if it had been met after what is here."""
        for code, (count, example) in later._found.items():
            self.add(code, example, count=count)

    def copy(self) -> Warnings:
        """The same counts, to go on from twice."""
        other = Warnings()
        other._found = dict(self._found)
        return other

    def any_of(self, codes: frozenset[str]) -> bool:
        """Whether one of these codes has been counted."""
        return not codes.isdisjoint(self._found)

    def counted(self) -> tuple[FeedWarning, ...]:
        """All warnings, by code."""
        return tuple(
            FeedWarning(code, count, example)
            for code, (count, example) in sorted(self._found.items())
        )
