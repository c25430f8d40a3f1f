"""Webhooks out: what happens on the event bus, delivered to a tenant's endpoints, signed."""
