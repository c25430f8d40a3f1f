"""What stands for an IP address where the address itself must not: keyed hashes, month by month.

Everything here but `store` needs the standard library alone, so that the function on the
listener's way can import it.
"""

from tallycast.measurement.privacy.addresses import AddressError, packed
from tallycast.measurement.privacy.keys import (
    KeyMissingError,
    KeyRing,
    Pseudonym,
    month_before,
    month_of,
    months_around,
)

__all__ = [
    "AddressError",
    "KeyMissingError",
    "KeyRing",
    "Pseudonym",
    "month_before",
    "month_of",
    "months_around",
    "packed",
]
