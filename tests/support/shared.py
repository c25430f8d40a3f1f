"""Real data to test against. It is read where it lies and is no part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TALLYCAST_SHARED") or ROOT.parent / "shared")
FIXTURES = SHARED / "fixtures"
REAL_FEEDS = FIXTURES / "feeds" / "real"
FEED_PAIRS = FIXTURES / "feeds" / "pairs"

needs_shared = pytest.mark.skipif(
    not REAL_FEEDS.is_dir(),
    reason="the real feeds are not here: set TALLYCAST_SHARED to the folder that holds fixtures/",
)


def real_feed(name: str) -> bytes:
    """The bytes of `fixtures/feeds/real/<name>`."""
    return (REAL_FEEDS / name).read_bytes()


def paired_feed(name: str) -> bytes:
    """The bytes of `fixtures/feeds/pairs/<name>`."""
    return (FEED_PAIRS / name).read_bytes()
