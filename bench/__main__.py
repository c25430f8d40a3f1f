"""`make bench`: every measurement, one after the other, side by side with named peers.

`python -m bench NAME…` runs only those.
"""

from __future__ import annotations

import sys

from bench import agents, analytics, api, count, growth, logs, parse, tick, tracking

BENCHES = {
    "parse": parse.main,
    "tick": tick.main,
    "count": count.main,
    "agents": agents.main,
    "logs": logs.main,
    "tracking": tracking.main,
    "growth": growth.main,
    "analytics": analytics.main,
    "api": api.main,
}


def main() -> int:
    """Run them all, or those that are named; 1 when a stated target was missed."""
    names = sys.argv[1:] or list(BENCHES)
    if unknown := set(names) - set(BENCHES):
        print(f"there is no bench called {', '.join(sorted(unknown))}; there are", *BENCHES)
        return 2
    missed = [name for name in names if BENCHES[name]()]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
