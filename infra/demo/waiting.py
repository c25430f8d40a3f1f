"""Waiting for what the platform does by itself, with an end to the patience."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from tallycast.kernel.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.cloud import LocalCloud

Found = TypeVar("Found")

PATIENCE_SECONDS = 90
_LOOK_SECONDS = 0.3


class DemoStuckError(PermanentError):
    """Something that should have happened did not, in a time that is generous."""


class DemoDiffersError(PermanentError):
    """The platform's numbers are not the truth."""


def wait_for(cloud: LocalCloud, look: Callable[[], Found | None], what: str) -> Found:
    """What `look` finds as soon as that is not None.

    Raises:
        DemoStuckError: it found nothing in `PATIENCE_SECONDS`; says `what` was awaited.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            raise DemoStuckError(
                f"{what} did not end in {PATIENCE_SECONDS} seconds; see {cloud.logs_dir}"
            )
        time.sleep(_LOOK_SECONDS)
