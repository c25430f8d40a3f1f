"""Tallycast: open, self-hosted podcast analytics and sponsorship."""

__version__ = "0.1.0"
