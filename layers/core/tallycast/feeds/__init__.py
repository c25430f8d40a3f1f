"""Feeds: from an address on the web to the episodes behind it."""
