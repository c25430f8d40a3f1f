"""Where an IP address is and what kind of connection stands behind it."""

from tallycast.measurement.networks.lookup import KINDS, UNKNOWN, Network, Networks, built_in
from tallycast.measurement.networks.readers import BadListError
from tallycast.measurement.networks.tables import BadTableError, RangeTable

__all__ = [
    "KINDS",
    "UNKNOWN",
    "BadListError",
    "BadTableError",
    "Network",
    "Networks",
    "RangeTable",
    "built_in",
]
