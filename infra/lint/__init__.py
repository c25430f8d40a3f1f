"""Checks of what is deployed that need no cloud: the expanded template, the events' schemas."""
