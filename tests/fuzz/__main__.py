"""Fuzz both APIs on a local cloud of its own: `python -m tests.fuzz` (or `make fuzz`)."""

from __future__ import annotations

import argparse
import sys

from infra.local.lifecycle import local_cloud
from tests.fuzz.run import DOORS, FULL, SEED, SMALL, fuzz, shown


def main() -> int:
    """Run, show what was found, and fail if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--door", choices=DOORS, help="one of them alone")
    parser.add_argument("--small", action="store_true", help="the portion that the tests run")
    asked = parser.parse_args()
    wrong = 0
    with local_cloud() as cloud:
        for door in DOORS:
            if asked.door in {None, door}:
                found = fuzz(cloud, door, asked.seed, SMALL if asked.small else FULL)
                wrong += len(found.wrong)
                print(shown(found), flush=True)  # noqa: T201 - that is what it is for
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
