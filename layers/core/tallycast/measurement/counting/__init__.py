"""Recounting whole days: which are due, the steps of one count, and what it replaces."""
