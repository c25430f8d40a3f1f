"""The plans of the sets that several tests read."""

# Over a month's end, in one chunk.
SMALL = {"rows": 12_000, "days": 30, "shows": 6}
# More than one town of people.
TOWNS = {"rows": 120_000, "days": 8, "shows": 12}
