"""Say what is being done and how many seconds it took: a spinner on a terminal, else plain."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Steps:
    """A list of steps, each shown while it runs and ticked off with its seconds.

    Args:
        console: where to write; standard error by default, so that standard output stays clean.
        clock: seconds that only ever grow.
    """

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show one step; its title is a phrase such as `Starting the local cloud`."""
        began = self._clock()
        try:
            if self.console.is_terminal:
                with self.console.status(f"{escape(title)} …"):
                    yield
            else:
                yield
        except BaseException:
            self.console.print(f"[red]✗[/] {escape(title)}", soft_wrap=True)
            raise
        self.seconds[title] = self._clock() - began
        took = f"[dim]{self.seconds[title]:.1f} s[/]"
        self.console.print(f"[green]✓[/] {escape(title)}  {took}", soft_wrap=True)

    def say(self, text: str) -> None:
        """One plain line."""
        self.console.print(escape(text), soft_wrap=True)


class Silent(Steps):
    """Steps that nobody watches: the tests'."""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Only remember the seconds."""
        began = self._clock()
        yield
        self.seconds[title] = self._clock() - began

    def say(self, text: str) -> None:
        """Say nothing."""
