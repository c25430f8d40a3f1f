"""`make bench`: every measurement, one after the other, side by side with named peers."""

from __future__ import annotations

import sys

from bench import parse, tick


def main() -> int:
    """Run them all; 1 when a stated target was missed."""
    missed = [name for name, bench in (("parse", parse), ("tick", tick)) if bench.main()]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
