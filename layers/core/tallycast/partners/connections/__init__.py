"""Accounts at other platforms that tenants connect: the platform as an OAuth client."""
