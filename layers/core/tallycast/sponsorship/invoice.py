"""The data of an invoice: a line for each spot, with what was delivered. Nothing is paid here.

A line's gross is what was booked, at its price. Under the rule `credit` what is owed as a make-good
comes off it; a make-good in bonus spots changes no price. The agency's commission is of what is
left. Every line is rounded by itself, half up, and totals are sums of lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallycast.kernel.money import BASIS_POINTS, Money, nothing, total
from tallycast.sponsorship.delivery import rate_of, worth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallycast.sponsorship.delivery import SpotDelivery
    from tallycast.sponsorship.model import Rate, Terms


@dataclass(frozen=True, slots=True)
class Line:
    """One spot on an invoice: gross - credit = amount; amount - commission = net."""

    delivery: SpotDelivery
    rate: Rate
    gross: Money
    credit: Money
    amount: Money
    commission: Money
    net: Money


@dataclass(frozen=True, slots=True)
class Invoice:
    """The lines of a campaign and their sums."""

    lines: tuple[Line, ...]
    currency: str
    gross: Money
    credit: Money
    amount: Money
    commission: Money
    net: Money
    final: bool


def invoice_of(terms: Terms, spots: Iterable[SpotDelivery]) -> Invoice:
    """The invoice of a campaign as its numbers stand; `final` when none of them changes any more.

    Raises:
        CurrencyMismatchError: a spot is priced in another currency than the order.
    """
    lines = tuple(_line(terms, each) for each in spots)
    currency = terms.rate.price.currency

    def sum_of(parts: Iterable[Money]) -> Money:
        return total(parts, currency)

    return Invoice(
        lines=lines,
        currency=currency,
        gross=sum_of(each.gross for each in lines),
        credit=sum_of(each.credit for each in lines),
        amount=sum_of(each.amount for each in lines),
        commission=sum_of(each.commission for each in lines),
        net=sum_of(each.net for each in lines),
        final=bool(lines) and all(each.delivery.counted.final for each in lines),
    )


def _line(terms: Terms, delivery: SpotDelivery) -> Line:
    spot = delivery.spot
    rate = rate_of(spot, terms) or terms.rate
    gross = worth(rate, spot.booked_downloads, spot.booked_downloads)
    owed = delivery.owed_value if terms.make_good == "credit" else None
    credit = owed or nothing(rate.price.currency)
    amount = gross.minus(credit)
    commission = amount.share(terms.commission_basis_points, BASIS_POINTS)
    return Line(delivery, rate, gross, credit, amount, commission, amount.minus(commission))
