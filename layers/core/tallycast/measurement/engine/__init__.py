"""The engine: from the requests of a reporting day to downloads, with a verdict for each request.

`run` leads: what the requests are joined with (`dimensions`), one narrow row per request (`rows`),
listeners and what they asked for (`groups`), windows (`spells`), and what comes of them (`outcome`,
`document`, `carry`). The rules themselves are SQL and functions in modules of their own, one
folder up; docs/adr/0015 says how they are run.
"""

from tallycast.measurement.engine.run import (
    Count,
    InvalidShardError,
    TooManyMonthsError,
    count,
)

__all__ = ["Count", "InvalidShardError", "TooManyMonthsError", "count"]
