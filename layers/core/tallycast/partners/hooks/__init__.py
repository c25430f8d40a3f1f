"""Webhooks in: messages of providers, verified at the door, queued, stored once."""
