"""How clients ask for audio: the requests that one sitting makes, step by step.

A sitting wants the seconds from A to B of an episode. A step asks for a part of that span, given
as fractions of it, in one of these forms:

- `none`: no Range header, from the first byte (status 200);
- `closed`: `bytes=first-last` (206);
- `open`: `bytes=first-` (206), left when the listener stops, so fewer bytes are sent than exist;
- `probe`: `bytes=0-1`;
- `tail`: `bytes=-128`, the old ID3 tag at the end;
- `pair`: two ranges in one header, the second the last fifth of the span;
- `nothing`: no body, whatever was asked.
"""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """One request of a habit.

    `begin` and `end` are fractions of the sitting's span; `wait` is seconds after its start;
    `pace` how much of the playing time until `begin` has passed as well (1: as it is heard).
    """

    what: str
    form: str
    begin: float = 0.0
    end: float = 1.0
    wait: float = 0.0
    pace: float = 0.0
    status: int = 206
    method: str = "GET"


def _chunks(count: int, *, first: float = 0.0, pace: float = 1.0, pause: int = 0) -> list[Step]:
    """`count` closed ranges of the same size; half-way the listener pauses `pause` seconds."""
    size = (1 - first) / count
    return [
        Step(
            "audio",
            "closed",
            first + size * number,
            first + size * (number + 1),
            2 + number + (pause if number >= count // 2 else 0),
            pace,
        )
        for number in range(count)
    ]


_PROBE = Step("probe", "probe")
_HEAD = Step("head", "nothing", status=200, method="HEAD")

# Every habit of a listener begins where the sitting begins; those of `download` style always take
# the whole file, so their sittings go from the first second to the last.
HABITS: dict[str, list[Step]] = {
    "whole": [Step("audio", "none", status=200)],
    "head_first": [_HEAD, Step("audio", "none", wait=1, status=200)],
    "resumed": [
        Step("audio", "none", 0, 0.4, status=200),
        Step("audio", "open", 0.4, 1, wait=95),
    ],
    "retried": [
        Step("error", "nothing", status=503),
        Step("audio", "none", 0, 0.004, wait=20, status=200),
        Step("audio", "none", wait=140, status=200),
    ],
    "overlapping": [
        Step("audio", "closed", 0, 0.5),
        Step("audio", "closed", 0.3, 0.8, wait=4),
        Step("audio", "closed", 0.6, 1, wait=8),
    ],
    "four_at_once": [Step("audio", "closed", k / 4, (k + 1) / 4, wait=k / 8) for k in range(4)],
    "two_ranges": [Step("audio", "pair")],
    "checked": [Step("not_modified", "nothing", status=304)],
    "apple": [_PROBE, *_chunks(2, pace=0)],
    "apple_played": [_PROBE, *_chunks(5)],
    "played": _chunks(4),
    "paused": [_PROBE, *_chunks(4, pause=1500)],
    "opened": [Step("audio", "open")],
    "played_again": [
        Step("audio", "open"),
        Step("audio", "open", wait=420, pace=1),
        Step("audio", "open", wait=1260, pace=1),
    ],
    "sought": [
        Step("audio", "open", 0, 0.3),
        Step("audio", "open", 0.5, 1, wait=30, pace=0.3),
        Step("tail", "tail", wait=31),
    ],
    "missed": [Step("error", "nothing", status=404)],
    "looked": [_HEAD],
}

# Which habits a style has, and how often of a hundred.
STYLES: dict[str, dict[str, int]] = {
    "download": {
        "whole": 72, "head_first": 7, "resumed": 7, "retried": 4, "overlapping": 3,
        "four_at_once": 4, "two_ranges": 1, "apple": 2,
    },
    "stream": {
        "apple": 14, "apple_played": 26, "played": 22, "paused": 12, "opened": 16,
        "played_again": 6, "overlapping": 4,
    },
    "web": {"opened": 58, "played_again": 16, "sought": 14, "apple_played": 12},
    "speaker": {"opened": 60, "whole": 20, "played": 20},
    "crawl": {"whole": 78, "looked": 18, "missed": 4},
    "again": {"checked": 70, "whole": 30},
    "preload": {"opened": 100},
    "watch": {"whole": 100},
}  # fmt: skip
