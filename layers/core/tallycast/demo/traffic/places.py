"""Where the generated listeners live: country, region, time zone, networks, addresses."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """One region: its share of the listeners and its providers.

    `home`, `cell` and `office` are AS numbers; `prefix6` is the /32 of its IPv6 households.
    """

    country: str
    region: str
    zone: str
    weight: int
    home: int
    cell: int
    office: int
    prefix6: str


PLACES: tuple[Place, ...] = (
    Place("US", "US-NY", "America/New_York", 15, 7922, 21928, 701, "2601:40"),
    Place("US", "US-TX", "America/Chicago", 11, 7018, 20057, 7018, "2600:1700"),
    Place("US", "US-CO", "America/Denver", 4, 7922, 6167, 209, "2601:280"),
    Place("US", "US-CA", "America/Los_Angeles", 13, 7922, 6167, 20001,
          "2601:640"),
    Place("GB", "GB-ENG", "Europe/London", 11, 2856, 12576, 5089, "2a00:23c5"),
    Place("DE", "DE-BE", "Europe/Berlin", 10, 3320, 6805, 3209, "2003:c8"),
    Place("FR", "FR-IDF", "Europe/Paris", 5, 12322, 5410, 3215, "2a01:e0a"),
    Place("SE", "SE-AB", "Europe/Stockholm", 4, 3301, 44034, 1257, "2001:2040"),
    Place("NL", "NL-NH", "Europe/Amsterdam", 4, 1136, 50266, 33915, "2a02:a450"),
    Place("CA", "CA-ON", "America/Toronto", 6, 577, 812, 6327, "2607:f2c0"),
    Place("BR", "BR-SP", "America/Sao_Paulo", 5, 27699, 26599, 28573,
          "2804:14c"),
    Place("AU", "AU-NSW", "Australia/Sydney", 5, 1221, 133612, 7545,
          "2001:8003"),
    Place("IN", "IN-MH", "Asia/Kolkata", 4, 55836, 45609, 9829, "2405:201"),
    Place("JP", "JP-13", "Asia/Tokyo", 3, 17676, 2516, 4713, "240b:10"),
)  # fmt: skip

# What a network is, by the kind of its address. `six`: an IPv6 /64 of its own.
NETWORKS: tuple[tuple[str, str, bool], ...] = (
    ("home", "household", False),
    ("home6", "household", True),
    ("carrier", "cellular", False),
    ("carrier6", "cellular", True),
    ("office", "commercial", False),
    ("campus", "commercial", False),
    ("data_centre", "data_centre", False),
    ("vpn", "vpn", False),
    ("relay", "relay", False),
    ("bot", "commercial", False),
    ("rack", "commercial", False),
)

# Requests of an hour, from midnight local time, relative to the others; working days, then
# weekends: commutes and lunch on the one, late mornings on the other.
WORKDAY = (
    8, 5, 3, 3, 5, 15, 34, 58, 64, 50, 44, 44, 47, 44, 42, 45, 52, 60, 56, 48, 43, 38, 28, 15,
)  # fmt: skip
WEEKEND = (
    12, 8, 5, 4, 4, 8, 15, 26, 40, 52, 58, 56, 50, 46, 44, 43, 43, 44, 43, 40, 38, 35, 28, 18,
)  # fmt: skip
