"""When a delivery is tried, and what an answer means for it and for its endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

# Standard Webhooks 1.0.0, "Deliverability and reliability": one attempt at once, then after each.
DELAYS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
ATTEMPTS: Final = len(DELAYS) + 1
WHOLE: Final = sum(DELAYS, timedelta())  # from the first attempt to the last: 75 h 35 min 5 s
JITTER: Final = 0.1  # of a delay, to either side
SLOW_DOWN: Final = timedelta(minutes=1)  # for an endpoint that asks for it without saying how long
LONGEST_REST: Final = timedelta(hours=24)
_ASKS_TO_WAIT: Final = frozenset({429, 502, 503, 504})
_RESTS_WITHOUT_ASKING: Final = _ASKS_TO_WAIT - {503}
# Where consecutive failures open the circuit of an endpoint, and how long it rests then.
OPENS_AT: Final = 5
_FIRST_REST: Final = timedelta(seconds=30)
_LAST_REST: Final = timedelta(minutes=15)


class Verdict(StrEnum):
    """What came of one attempt."""

    DELIVERED = "delivered"
    GONE = "gone"  # 410: the endpoint wants nothing any more
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered to one attempt.

    Attributes:
        status: of its answer; None when none came, and `error` says why.
        retry_after: seconds for which it asks to be left alone.
        duration: seconds that the attempt took.
        reply: the first kilobyte of the answer's body.
    """

    status: int | None
    duration: float
    retry_after: float | None = None
    reply: str = ""
    error: str | None = None


def verdict_of(answer: Answer) -> Verdict:
    """2xx is delivered, 410 is gone, everything else failed: redirects, too, and no answer."""
    if answer.status is None:
        return Verdict.FAILED
    if answer.status == HTTPStatus.GONE:
        return Verdict.GONE
    delivered = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
    return Verdict.DELIVERED if delivered else Verdict.FAILED


def delay_after(attempts: int, spread: float) -> timedelta | None:
    """How long to wait after a number of attempts that failed; None when it was the last.

    Args:
        attempts: made so far, at least 1.
        spread: -1 to 1, chance: keeps deliveries that failed together apart.
    """
    if attempts > len(DELAYS):
        return None
    return DELAYS[attempts - 1] * (1 + JITTER * spread)


def rest_after(answer: Answer, failures: int, spread: float) -> timedelta:
    """How long an endpoint as a whole is left alone after an attempt that failed.

    What its Retry-After says, with 429, 502, 503 and 504; a minute for 429, 502 and 504 without
    one; and from the fifth failure in a row on half a minute, doubled each time up to a quarter
    of an hour.

    Args:
        answer: of the attempt.
        failures: in a row, this one included.
        spread: -1 to 1, chance.
    """
    rest = timedelta()
    if answer.status in _ASKS_TO_WAIT and answer.retry_after is not None:
        rest = min(timedelta(seconds=answer.retry_after), LONGEST_REST)
    elif answer.status in _RESTS_WITHOUT_ASKING:
        rest = SLOW_DOWN
    if failures >= OPENS_AT:
        doubled = _FIRST_REST * 2 ** min(failures - OPENS_AT, 10)
        rest = max(rest, min(doubled, _LAST_REST) * (1 + JITTER * spread))
    return rest
