"""The entry: refuses a Python that is too old, or one without our packages, before anything else.

Nothing here may need a newer Python than the one it wants to refuse.
"""

import sys
from importlib import import_module

OLDEST = (3, 11)


def complaint(version: "tuple[int, ...]") -> "str | None":
    """What is wrong with this Python, in one line that says what to do; None when it is fine."""
    if tuple(version[:2]) >= OLDEST:
        return None
    have = ".".join(str(part) for part in version[:2])
    want = ".".join(str(part) for part in OLDEST)
    return (
        f"Python {have} is too old, the platform needs {want} or newer: install it, "
        f"then run `make setup PYTHON=python{want}`"
    )


def enter(module: str, name: str) -> None:
    """Run a function of a module, or say in one line why this Python cannot."""
    problem = complaint(sys.version_info[:3])
    if problem is None:
        try:
            run = getattr(import_module(module), name)  # only once Python is new enough
        except ModuleNotFoundError as error:
            problem = f"the package {error.name} is missing: run `make setup`"
        else:
            raise SystemExit(run())
    sys.stderr.write(f"error: {problem}\n")
    raise SystemExit(1)


def main() -> None:
    """Run the command line, or say in one line why it cannot run."""
    enter("infra.local.cli", "cli")


if __name__ == "__main__":
    main()
