"""What counting tells the rest of the world, on the event bus."""

from __future__ import annotations

from typing import Literal

from tallycast.kernel.schema import Produced

SOURCE = "tallycast.measurement"


class DownloadsCounted(Produced):
    """A reporting day was counted under one rule set, and its numbers replaced.

    `status` is `provisional` while requests may still be late, then `final`. `restated` says that
    it was final before and its numbers changed; `causes` say why.
    """

    version: Literal["1"] = "1"
    event_id: str
    occurred_at: str
    tenant: str
    rules: str
    day: str
    count: int
    status: Literal["provisional", "final"]
    requests: int
    downloads: int
    listeners: int
    shows: tuple[str, ...]
    restated: bool
    causes: tuple[str, ...] = ()
