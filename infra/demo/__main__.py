"""The entry of the demo: checks this Python first, as the local cloud's own entry does."""

import sys

from infra.local.__main__ import complaint


def main() -> None:
    """Run the demo, or say in one line why it cannot run."""
    problem = complaint(sys.version_info[:3])
    if problem is None:
        try:
            from infra.demo.play import main as play  # noqa: PLC0415 - once Python is new enough
        except ModuleNotFoundError as error:
            problem = f"the package {error.name} is missing: run `make setup`"
        else:
            sys.exit(play())
    sys.stderr.write(f"error: {problem}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
