"""Which sample event leads to what: checks by `function/case`."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.scene import Scene

OUTCOMES: dict[str, Callable[[Scene], None]] = {}


def outcome(case: str) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Mark a function as the check of one case."""

    def mark(check: Callable[[Scene], None]) -> Callable[[Scene], None]:
        assert case not in OUTCOMES, f"two checks of {case}"
        OUTCOMES[case] = check
        return check

    return mark
