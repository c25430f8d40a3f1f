"""Money: whole minor units of one currency, and the one way in which we round.

Nothing is a float on the way. A price per thousand is applied to the whole number of downloads
and rounded once, half up (0.5 of a minor unit becomes one); sums are sums of rounded parts, so that
the lines of an invoice always add up to its total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from tallycast.kernel.errors import InvalidError
from tallycast.kernel.schema import Produced

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST: Final = 10**12  # minor units; far above any order, far below where JSON numbers lose digits
BASIS_POINTS: Final = 10_000

Currency = Annotated[
    str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code", examples=["EUR"])
]


class CurrencyMismatchError(InvalidError):
    """Amounts of different currencies cannot be added: nothing here knows a rate of exchange."""


class Money(Produced):
    """An amount in whole minor units (cents, pence, yen)."""

    amount: Annotated[int, Field(ge=0, le=MOST, description="Minor units, whole")]
    currency: Currency

    def plus(self, other: Money) -> Money:
        """The sum.

        Raises:
            CurrencyMismatchError: the other is in another currency.
        """
        return self.model_copy(update={"amount": self.amount + self._same(other)})

    def minus(self, other: Money) -> Money:
        """The difference, never below nothing.

        Raises:
            CurrencyMismatchError: the other is in another currency.
        """
        return self.model_copy(update={"amount": max(0, self.amount - self._same(other))})

    def share(self, part: int, whole: int) -> Money:
        """`part`/`whole` of it, rounded half up; nothing of nothing."""
        amount = half_up(self.amount * part, whole) if whole else 0
        return self.model_copy(update={"amount": amount})

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatchError(
                f"{other.currency} cannot be added to {self.currency}: use one currency"
            )
        return other.amount


def nothing(currency: str) -> Money:
    """No money of a currency."""
    return Money(amount=0, currency=currency)


def total(parts: Iterable[Money], currency: str) -> Money:
    """The sum of parts that were rounded one by one.

    Raises:
        CurrencyMismatchError: one of them is in another currency.
    """
    found = nothing(currency)
    for part in parts:
        found = found.plus(part)
    return found


def per_thousand(price: Money, downloads: int) -> Money:
    """What so many downloads cost at a CPM, rounded half up."""
    return price.share(downloads, 1000)


def half_up(numerator: int, denominator: int) -> int:
    """A quotient of whole numbers from 0 on, rounded to the nearest; a half goes up."""
    return (2 * numerator + denominator) // (2 * denominator)
