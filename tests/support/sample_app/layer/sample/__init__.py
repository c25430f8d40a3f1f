"""What the sample's functions share."""

import os


def greet() -> str:
    """The greeting of this deployment."""
    return os.environ["GREETING"]
